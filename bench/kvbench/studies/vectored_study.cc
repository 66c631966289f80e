// 64 neighbouring pages, given and asked for one by one and backwards: one call, or 64.
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "base/aligned_buffer.h"
#include "base/error.h"
#include "base/try.h"
#include "studies/backends.h"
#include "studies/page_bench.h"
#include "studies/study.h"
#include "studies/test_file.h"
#include "studies/timing.h"

namespace siltstone::kvbench {
namespace {

constexpr std::uint32_t kPages = 64;
constexpr std::size_t kRunBytes = kPages * page::kPageBytes;

enum class Direction { write, read };

std::string what_of(Direction direction) {
  return direction == Direction::write ? "64 pages written" : "64 pages read";
}

FigureKey rate_key(Direction direction, bool one_call, std::string_view way) {
  return {what_of(direction), one_call ? "one call" : "a call each", std::string(way), "times/s"};
}

FigureKey calls_key(Direction direction, std::string_view way) {
  return {"system calls for them", what_of(direction), std::string(way), "calls"};
}

Result<void> need_all(ssize_t moved, std::size_t wanted) {
  if (moved == static_cast<ssize_t>(wanted)) return {};
  return base::fail_os(moved < 0 ? errno : EIO, "transfer");
}

class VectoredStudy final : public Study {
 public:
  explicit VectoredStudy(const StudySettings& settings)
      : settings_(settings), backends_(settings) {}

  Result<void> set_up() override {
    memory_ = SILT_TRY(base::AlignedBuffer::allocate(kRunBytes));
    for (std::uint32_t i = 0; i < kPages; ++i) fill_page(page_at(i), i);
    file_.emplace(SILT_TRY(TestFile::make(settings_, "vectored", kRunBytes)));
    for (const Backend& backend : backends_.engine()) {
      benches_.push_back(SILT_TRY(PageBench::make(backend, file_->dir(), kPages)));
      SILT_TRY(benches_.back()->fill(page_at(0)));
    }
    return {};
  }

  Result<void> measure(Figures& figures) override {
    for (const Direction direction : {Direction::write, Direction::read}) {
      if (backends_.wants("plain")) SILT_TRY(measure_plain(direction, figures));
      for (const auto& bench : benches_) SILT_TRY(measure_engine(direction, *bench, figures));
    }
    return {};
  }

  void conclude(Figures& figures) const override {
    for (const Direction direction : {Direction::write, Direction::read}) {
      for (const std::string_view way : {"plain", "posix", "ring"}) {
        figures.compare(fmt::format("{}: one call / a call each, {}", what_of(direction), way),
                        rate_key(direction, true, way), rate_key(direction, false, way));
      }
    }
    backends_.note(figures);
    file_->note(figures);
    figures.note(
        "one call: plain by pwritev and preadv, the engine by ExtentWriter and PageReader");
    figures.note("no sync is in it");
  }

 private:
  [[nodiscard]] base::MutableBytes page_at(std::uint32_t i) const {
    return memory_.bytes().subspan(i * page::kPageBytes, page::kPageBytes);
  }

  Result<void> measure_plain(Direction direction, Figures& figures) {
    const bool is_write = direction == Direction::write;
    const int file = file_->descriptor();
    std::array<iovec, kPages> buffers;
    for (std::uint32_t i = 0; i < kPages; ++i) buffers[i] = {page_at(i).data(), page::kPageBytes};
    const auto together = [&]() -> Result<void> {
      return need_all(is_write ? pwritev(file, buffers.data(), kPages, 0)
                               : preadv(file, buffers.data(), kPages, 0),
                      kRunBytes);
    };
    const auto each = [&]() -> Result<void> {
      for (std::uint32_t i = kPages; i-- > 0;) {
        const auto at = static_cast<off_t>(i * page::kPageBytes);
        SILT_TRY(need_all(is_write ? pwrite(file, page_at(i).data(), page::kPageBytes, at)
                                   : pread(file, page_at(i).data(), page::kPageBytes, at),
                          page::kPageBytes));
      }
      return {};
    };
    figures.add(rate_key(direction, true, "plain"), SILT_TRY(rate_of(settings_.rounds, together)));
    figures.add(rate_key(direction, false, "plain"), SILT_TRY(rate_of(settings_.rounds, each)));
    return {};
  }

  Result<void> measure_engine(Direction direction, PageBench& bench, Figures& figures) {
    const bool is_write = direction == Direction::write;
    const auto writer = SILT_TRY(bench.writer());
    const auto reader = SILT_TRY(bench.reader());
    const base::PageNumber first = bench.extent().first;
    std::vector<page::ReadRange> ranges;
    for (std::uint32_t i = kPages; i-- > 0;) ranges.push_back({first + i, page_at(i)});
    const auto together = [&]() -> Result<void> {
      if (!is_write) {
        for (const auto& outcome : reader->read(ranges)) SILT_TRY(outcome);
        return {};
      }
      for (const page::ReadRange& range : ranges) SILT_TRY(writer->write(range.first, range.out));
      return writer->flush();
    };
    const auto each = [&]() -> Result<void> {
      for (const page::ReadRange& range : ranges) {
        const std::uint64_t at = page::byte_offset(range.first);
        SILT_TRY(is_write ? bench.channel().write_all(bench.file().file(), at, range.out)
                          : bench.channel().read_exactly(bench.file().file(), at, range.out));
      }
      return {};
    };
    const std::uint64_t before = calls_so_far(bench);
    figures.add(rate_key(direction, true, bench.backend()),
                SILT_TRY(rate_of(settings_.rounds, together)));
    figures.add(
        calls_key(direction, bench.backend()),
        static_cast<double>(calls_so_far(bench) - before) / static_cast<double>(settings_.rounds));
    figures.add(rate_key(direction, false, bench.backend()),
                SILT_TRY(rate_of(settings_.rounds, each)));
    return {};
  }

  // A ring counts how often it was entered; by the other backend each operation is a call.
  [[nodiscard]] std::uint64_t calls_so_far(PageBench& bench) const {
    if (bench.backend() == "ring") return backends_.ring_enters();
    const page::PageStats stats = bench.file().stats();
    return stats.reads + stats.writes;
  }

  const StudySettings& settings_;
  const Backends backends_;
  base::AlignedBuffer memory_;
  std::optional<TestFile> file_;
  std::vector<std::unique_ptr<PageBench>> benches_;
};

}  // namespace

std::unique_ptr<Study> make_vectored_study(const StudySettings& settings) {
  return std::make_unique<VectoredStudy>(settings);
}

}  // namespace siltstone::kvbench
