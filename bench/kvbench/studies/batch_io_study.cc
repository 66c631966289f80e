// What doing many things at once is worth: buffered writes against durable ones, a batch of reads
// against single ones, the ring against plain calls.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/aligned_buffer.h"
#include "base/error.h"
#include "base/random.h"
#include "base/try.h"
#include "io/clock.h"
#include "studies/backends.h"
#include "studies/page_bench.h"
#include "studies/study.h"
#include "studies/test_file.h"
#include "studies/timing.h"

namespace siltstone::kvbench {
namespace {

constexpr std::uint32_t kWrites = 100;
constexpr std::uint32_t kBatchReads = 50;
constexpr std::size_t kMegabyte = std::size_t{1} << 20;

// What others have published for their engines and devices.
constexpr double kBufferedElsewhere = 19;
constexpr double kBatchElsewhere = 2;

constexpr const char* kDurable = "each durable";
constexpr const char* kOneSync = "buffered, one sync";
constexpr const char* kNoSync = "buffered, no sync";

FigureKey writes_key(std::string_view variant, std::string_view way) {
  return {"100 writes of 4 KiB", std::string(variant), std::string(way), "writes/s"};
}

FigureKey reads_key(bool batch, std::string_view way) {
  return {"50 random pages read", batch ? "one batch" : "one by one", std::string(way), "pages/s"};
}

/// So many random transfers of this size under way together.
struct Shape {
  std::string_view name;
  std::size_t bytes;
  std::uint32_t count;
  double elsewhere;      // ring / plain
  std::uint32_t rounds;  // for each round of the settings
};

constexpr std::array kShapes{
    Shape{"one of 4 KiB", 4096, 1, 1.67, 20},
    Shape{"one of 1 MiB", kMegabyte, 1, 1.67, 1},
    Shape{"100 of 4 KiB", 4096, 100, 2.5, 1},
};

FigureKey shape_key(const Shape& shape, io::Opcode opcode, std::string_view way) {
  return {opcode == io::Opcode::read ? "random reads" : "random writes", std::string(shape.name),
          std::string(way), "times/s"};
}

class BatchIoStudy final : public Study {
 public:
  explicit BatchIoStudy(const StudySettings& settings) : settings_(settings), backends_(settings) {}

  Result<void> set_up() override {
    memory_ = SILT_TRY(base::AlignedBuffer::allocate(kMegabyte));
    fill_page(memory_.bytes(), 1);
    file_.emplace(SILT_TRY(TestFile::make(settings_, "batch-io", settings_.file_bytes)));
    durable_ = SILT_TRY(OpenedTwice::open(file_->dir(), "data", true, O_DSYNC));
    for (const Backend& backend : backends_.engine()) {
      benches_.push_back(SILT_TRY(PageBench::make(backend, file_->dir(), kExtentPages)));
      SILT_TRY(benches_.back()->fill(page()));
    }
    return {};
  }

  Result<void> measure(Figures& figures) override {
    if (backends_.wants("plain")) SILT_TRY(write_plain(figures));
    for (const auto& bench : benches_) {
      SILT_TRY(write_pages(*bench, figures));
      SILT_TRY(read_pages(*bench, figures));
    }
    for (const Shape& shape : kShapes) {
      for (const io::Opcode opcode : {io::Opcode::read, io::Opcode::write}) {
        SILT_TRY(transfer(shape, opcode, figures));
      }
    }
    return {};
  }

  void conclude(Figures& figures) const override {
    for (const std::string_view way : {"posix", "ring"}) {
      figures.compare(fmt::format("100 writes: buffered, one sync / each durable, {}", way),
                      writes_key(kOneSync, way), writes_key(kDurable, way), std::nullopt,
                      kBufferedElsewhere);
      figures.compare(fmt::format("100 writes: buffered, no sync / each durable, {}", way),
                      writes_key(kNoSync, way), writes_key(kDurable, way), std::nullopt,
                      kBufferedElsewhere);
    }
    for (const std::string_view way : {"posix", "ring"}) {
      figures.compare(fmt::format("50 pages: one batch / one by one, {}", way),
                      reads_key(true, way), reads_key(false, way), std::nullopt, kBatchElsewhere);
    }
    for (const io::Opcode opcode : {io::Opcode::read, io::Opcode::write}) {
      for (const Shape& shape : kShapes) {
        figures.compare(
            fmt::format("{}, {}: ring / plain", shape_key(shape, opcode, "").what, shape.name),
            shape_key(shape, opcode, "ring"), shape_key(shape, opcode, "plain"), std::nullopt,
            shape.elsewhere);
      }
    }
    backends_.note(figures);
    file_->note(figures);
    figures.note("plain calls come one after the other; no sync but where one is named");
    figures.note("elsewhere: figures that others told of their engines, on their devices");
  }

 private:
  static constexpr std::uint32_t kExtentPages = 1024;

  [[nodiscard]] base::MutableBytes page() const { return memory_.bytes().first(page::kPageBytes); }

  /// Rounds of the sort that may take 10 ms each.
  [[nodiscard]] std::uint64_t slow_rounds() const {
    return std::max<std::uint64_t>(settings_.rounds / 10, 1);
  }

  Result<void> write_plain(Figures& figures) {
    const auto once = [&]() -> Result<void> {
      for (std::uint32_t i = 0; i < kWrites; ++i) {
        const auto at = static_cast<off_t>(random_.below(kExtentPages) * page::kPageBytes);
        SILT_TRY(move_plain(durable_->descriptor.get(), io::Opcode::write, page(), at));
      }
      return {};
    };
    figures.add(writes_key(kDurable, "plain"), kWrites * SILT_TRY(rate_of(slow_rounds(), once)));
    return {};
  }

  Result<void> write_pages(PageBench& bench, Figures& figures) {
    io::File& file = bench.file().file();
    const auto writer = SILT_TRY(bench.writer());
    const auto any_page = [&] {
      return bench.extent().first + static_cast<std::uint32_t>(random_.below(kExtentPages));
    };
    const auto durable = [&]() -> Result<void> {
      for (std::uint32_t i = 0; i < kWrites; ++i) {
        SILT_TRY(bench.channel().write_all(file, page::byte_offset(any_page()), page(),
                                           io::Durability::durable));
      }
      return {};
    };
    const auto buffered = [&]() -> Result<void> {
      for (std::uint32_t i = 0; i < kWrites; ++i) SILT_TRY(writer->write(any_page(), page()));
      return writer->flush();
    };
    const auto synced = [&]() -> Result<void> {
      SILT_TRY(buffered());
      return bench.channel().sync(file);
    };
    const std::string_view way = bench.backend();
    figures.add(writes_key(kDurable, way), kWrites * SILT_TRY(rate_of(slow_rounds(), durable)));
    figures.add(writes_key(kOneSync, way), kWrites * SILT_TRY(rate_of(slow_rounds(), synced)));
    figures.add(writes_key(kNoSync, way), kWrites * SILT_TRY(rate_of(slow_rounds(), buffered)));
    return {};
  }

  /// From the large file, so that pages have no neighbours among those asked for.
  Result<void> read_pages(PageBench& bench, Figures& figures) {
    page::Meter meter(io::system_clock());
    const auto reader = SILT_TRY(page::PageReader::make(file_->file(), bench.channel(), meter));
    std::vector<page::ReadRange> ranges(kBatchReads);
    const auto choose = [&] {
      for (std::size_t i = 0; i < ranges.size(); ++i) {
        const std::uint64_t number = random_.below(file_->bytes() / page::kPageBytes);
        ranges[i] = {base::PageNumber(static_cast<std::uint32_t>(number)),
                     memory_.bytes().subspan(i * page::kPageBytes, page::kPageBytes)};
      }
    };
    const auto read = [&](std::span<const page::ReadRange> some) -> Result<void> {
      for (const auto& outcome : reader->read(some)) SILT_TRY(outcome);
      return {};
    };
    const auto together = [&]() -> Result<void> {
      choose();
      return read(ranges);
    };
    const auto each = [&]() -> Result<void> {
      choose();
      for (const page::ReadRange& range : ranges) SILT_TRY(read({&range, 1}));
      return {};
    };
    figures.add(reads_key(true, bench.backend()),
                kBatchReads * SILT_TRY(rate_of(settings_.rounds, together)));
    figures.add(reads_key(false, bench.backend()),
                kBatchReads * SILT_TRY(rate_of(settings_.rounds, each)));
    return {};
  }

  Result<void> transfer(const Shape& shape, io::Opcode opcode, Figures& figures) {
    const std::uint64_t rounds = settings_.rounds * shape.rounds;
    if (backends_.wants("plain")) {
      const auto once = [&]() -> Result<void> {
        for (std::uint32_t i = 0; i < shape.count; ++i) {
          SILT_TRY(move_plain(file_->descriptor(), opcode, memory_.bytes().first(shape.bytes),
                              static_cast<off_t>(random_offset(shape))));
        }
        return {};
      };
      figures.add(shape_key(shape, opcode, "plain"), SILT_TRY(rate_of(rounds, once)));
    }
    for (const Backend& backend : backends_.engine()) {
      const auto channel = SILT_TRY(backend.channel(shape.count));
      channel->remember(file_->file());
      channel->remember(memory_.bytes());
      std::vector<io::Transfer> transfers(shape.count);
      figures.add(
          shape_key(shape, opcode, backend.name),
          SILT_TRY(rate_of(rounds, [&] { return wave(*channel, transfers, shape, opcode); })));
    }
    return {};
  }

  /// All of them started, then waited for.
  Result<void> wave(io::Channel& channel, std::span<io::Transfer> transfers, const Shape& shape,
                    io::Opcode opcode) {
    for (std::size_t i = 0; i < transfers.size(); ++i) {
      const base::MutableBytes buffer = memory_.bytes().subspan(i * shape.bytes, shape.bytes);
      if (opcode == io::Opcode::read) {
        channel.read(transfers[i], file_->file(), random_offset(shape), buffer);
      } else {
        channel.write(transfers[i], file_->file(), random_offset(shape), buffer);
      }
    }
    for (const io::Transfer& transfer : transfers) {
      channel.wait(transfer);
      SILT_TRY(Result<std::size_t>(transfer.outcome()));
    }
    return {};
  }

  [[nodiscard]] std::uint64_t random_offset(const Shape& shape) {
    return random_.below(file_->bytes() / shape.bytes) * shape.bytes;
  }

  [[nodiscard]] Result<void> move_plain(int descriptor, io::Opcode opcode, base::MutableBytes bytes,
                                        off_t at) const {
    const ssize_t moved = opcode == io::Opcode::read
                              ? pread(descriptor, bytes.data(), bytes.size(), at)
                              : pwrite(descriptor, bytes.data(), bytes.size(), at);
    if (moved == static_cast<ssize_t>(bytes.size())) return {};
    return base::fail_os(moved < 0 ? errno : EIO, "transfer").path(file_->path());
  }

  const StudySettings& settings_;
  const Backends backends_;
  base::Random random_{1};
  base::AlignedBuffer memory_;
  std::optional<TestFile> file_;
  std::optional<OpenedTwice> durable_;  // the same file, each write durable
  std::vector<std::unique_ptr<PageBench>> benches_;
};

}  // namespace

std::unique_ptr<Study> make_batch_io_study(const StudySettings& settings) {
  return std::make_unique<BatchIoStudy>(settings);
}

}  // namespace siltstone::kvbench
