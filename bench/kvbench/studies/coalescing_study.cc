// Pages that arrive one by one and leave together: neighbours inside the window, and many pages in
// random order that find neighbours in a large buffer.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "base/aligned_buffer.h"
#include "base/error.h"
#include "base/random.h"
#include "base/try.h"
#include "studies/backends.h"
#include "studies/page_bench.h"
#include "studies/study.h"
#include "studies/test_file.h"
#include "studies/timing.h"

namespace siltstone::kvbench {
namespace {

constexpr std::uint32_t kNeighbours = 64;
constexpr double kWantedGain = 2;  // at most half the operations

constexpr const char* kDefaults = "default buffer";
constexpr const char* kLarge = "buffer for all";

FigureKey neighbours_key(std::string_view way) {
  return {"requests for 64 neighbours", "one by one, one window", std::string(way), "requests"};
}

FigureKey requests_key(std::string_view variant, std::string_view way) {
  return {"requests in random order", std::string(variant), std::string(way), "requests"};
}

FigureKey rate_key(std::string_view variant, std::string_view way) {
  return {"pages in random order", std::string(variant), std::string(way), "pages/s"};
}

/// A fifth more pages than are written.
std::uint32_t extent_pages(const StudySettings& settings) {
  return settings.pages + settings.pages / 5;
}

class CoalescingStudy final : public Study {
 public:
  explicit CoalescingStudy(const StudySettings& settings)
      : settings_(settings), backends_(settings) {}

  Result<void> set_up() override {
    const std::uint32_t pages = extent_pages(settings_);
    extent_bytes_ = SILT_TRY(base::AlignedBuffer::allocate(pages * page::kPageBytes));
    page_ = SILT_TRY(base::AlignedBuffer::allocate(page::kPageBytes));
    file_.emplace(SILT_TRY(TestFile::make(
        settings_, "coalescing", std::uint64_t{extent_pages(settings_)} * page::kPageBytes)));
    for (const Backend& backend : backends_.engine()) {
      benches_.push_back(SILT_TRY(PageBench::make(backend, file_->dir(), pages)));
    }
    order_.resize(pages);
    for (std::uint32_t i = 0; i < order_.size(); ++i) order_[i] = i;
    std::ranges::shuffle(order_, random_);
    order_.resize(settings_.pages);
    return {};
  }

  Result<void> measure(Figures& figures) override {
    std::ranges::shuffle(order_, random_);
    if (backends_.wants("plain")) SILT_TRY(scatter_plain(figures));
    for (const auto& bench : benches_) {
      SILT_TRY(scatter(*bench, kDefaults, {}, figures));
      SILT_TRY(scatter(*bench, kLarge, large_buffer(), figures));
      SILT_TRY(write_neighbours(*bench, figures));
    }
    return {};
  }

  void conclude(Figures& figures) const override {
    for (const char* const variant : {kDefaults, kLarge}) {
      for (const std::string_view way : {"posix", "ring"}) {
        figures.compare(fmt::format("requests: a call each / {}, {}", variant, way),
                        requests_key("a call each", "plain"), requests_key(variant, way),
                        variant == kLarge ? std::optional(kWantedGain) : std::nullopt);
      }
    }
    backends_.note(figures);
    file_->note(figures);
    const page::WriterOptions defaults;
    figures.note(
        fmt::format("random order: {} distinct pages of an extent of {}; each was read "
                    "back and compared, and so were the pages that nobody wrote",
                    settings_.pages, extent_pages(settings_)));
    figures.note(fmt::format("{}: the writer's own settings, {} MiB, sent at {} MiB or {} calls",
                             kDefaults, defaults.buffer_bytes >> 20, defaults.flush_bytes >> 20,
                             defaults.flush_writes));
    figures.note(
        fmt::format("{}: {:.0f} MiB, sent at the end; in between nobody polls, so that no "
                    "window (at most 10 ms) closes",
                    kLarge, static_cast<double>(large_buffer().buffer_bytes) / (1 << 20)));
    figures.note("no sync is in it");
  }

 private:
  [[nodiscard]] page::WriterOptions large_buffer() const {
    const std::size_t bytes = std::size_t{extent_pages(settings_)} * page::kPageBytes;
    return {.buffer_bytes = bytes,
            .flush_bytes = bytes,
            .flush_writes = UINT32_MAX,
            .window = std::chrono::milliseconds(10)};
  }

  [[nodiscard]] base::Bytes page_of(std::uint32_t index) {
    fill_page(page_.bytes(), (tag_ << 32) | index);
    return page_.bytes();
  }

  Result<void> scatter_plain(Figures& figures) {
    const std::uint64_t begin = now_ns();
    for (const std::uint32_t index : order_) {
      SILT_TRY(check_interrupt());
      const auto at = static_cast<off_t>(index) * static_cast<off_t>(page::kPageBytes);
      const ssize_t written =
          pwrite(file_->descriptor(), page_of(index).data(), page::kPageBytes, at);
      if (written != ssize_t{page::kPageBytes}) {
        return base::fail_os(written < 0 ? errno : EIO, "pwrite").path(file_->path());
      }
    }
    const auto pages = static_cast<double>(settings_.pages);
    figures.add(requests_key("a call each", "plain"), pages);
    figures.add(rate_key("a call each", "plain"), pages / seconds_since(begin));
    return {};
  }

  Result<void> scatter(PageBench& bench, std::string_view variant,
                       const page::WriterOptions& options, Figures& figures) {
    const auto writer = SILT_TRY(bench.writer(options));
    const std::uint64_t before = bench.file().stats().writes;
    ++tag_;
    const std::uint64_t begin = now_ns();
    for (const std::uint32_t index : order_) {
      SILT_TRY(check_interrupt());
      SILT_TRY(writer->write(bench.extent().first + index, page_of(index)));
    }
    SILT_TRY(writer->flush());
    figures.add(rate_key(variant, bench.backend()),
                static_cast<double>(settings_.pages) / seconds_since(begin));
    figures.add(requests_key(variant, bench.backend()),
                static_cast<double>(bench.file().stats().writes - before));
    return check_pages(bench);
  }

  /// Every page of the extent: as it was written last, or zero as it was before.
  Result<void> check_pages(PageBench& bench) {
    const base::MutableBytes actual = extent_bytes_.bytes();
    SILT_TRY(bench.channel().read_exactly(bench.file().file(),
                                          page::byte_offset(bench.extent().first), actual));
    std::vector<bool> written(extent_pages(settings_));
    for (const std::uint32_t index : order_) written[index] = true;
    for (std::uint32_t index = 0; index < written.size(); ++index) {
      const auto page = actual.subspan(index * page::kPageBytes, page::kPageBytes);
      const bool right =
          written[index] ? std::ranges::equal(page, page_of(index))
                         : std::ranges::all_of(page, [](std::byte b) { return b == std::byte{}; });
      if (!right) {
        return base::fail(ErrorCode::corruption, "a page is not what was written")
            .path(bench.file().file().path())
            .offset(page::byte_offset(bench.extent().first + index));
      }
    }
    return {};
  }

  /// In an extent of their own.
  Result<void> write_neighbours(PageBench& bench, Figures& figures) {
    const page::Extent extent = SILT_TRY(bench.file().allocate(kNeighbours, page::Claim::ordinary));
    const auto writer = SILT_TRY(bench.writer({.window = std::chrono::milliseconds(1)}));
    const std::uint64_t before = bench.file().stats().writes;
    for (std::uint64_t round = 0; round < settings_.rounds; ++round) {
      SILT_TRY(check_interrupt());
      for (std::uint32_t i = 0; i < kNeighbours; ++i) {
        SILT_TRY(writer->write(extent.first + i, page_of(i)));
      }
      SILT_TRY(wait_for_window(bench, *writer));
    }
    figures.add(neighbours_key(bench.backend()),
                static_cast<double>(bench.file().stats().writes - before) /
                    static_cast<double>(settings_.rounds));
    bench.file().release(extent);
    return {};
  }

  /// As a thread of the engine would: polls when the window closes, and takes what completes.
  static Result<void> wait_for_window(PageBench& bench, page::ExtentWriter& writer) {
    while (!writer.idle()) {
      const io::Time due = writer.next_due();
      if (due != io::kNever) std::this_thread::sleep_for(due - bench.file().now());
      writer.poll();
      bench.channel().wait_any();
      writer.poll();
      if (writer.error()) return std::unexpected(*writer.error());
    }
    return {};
  }

  const StudySettings& settings_;
  const Backends backends_;
  base::Random random_{1};
  base::AlignedBuffer page_;
  base::AlignedBuffer extent_bytes_;  // for reading back
  std::optional<TestFile> file_;
  std::vector<std::unique_ptr<PageBench>> benches_;
  std::vector<std::uint32_t> order_;  // indexes of the pages to write
  std::uint64_t tag_ = 0;             // of what is being written
};

}  // namespace

std::unique_ptr<Study> make_coalescing_study(const StudySettings& settings) {
  return std::make_unique<CoalescingStudy>(settings);
}

}  // namespace siltstone::kvbench
