// The physical limits beside which the engine is judged: random reads by depth, sequential reads
// and writes, syncs by method.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "base/aligned_buffer.h"
#include "base/error.h"
#include "base/try.h"
#include "studies/backends.h"
#include "studies/load.h"
#include "studies/page_bench.h"
#include "studies/study.h"
#include "studies/test_file.h"
#include "studies/timing.h"

namespace siltstone::kvbench {
namespace {

constexpr std::size_t kMebibyte = std::size_t{1} << 20;
constexpr std::array kSequentialDepths{1U, 8U};
constexpr std::size_t kSyncBytes = 4096;

/// A way to make 4 KiB durable.
struct Method {
  std::string_view name;
  bool append;   ///< The file grows; else blocks that were written before are written again.
  bool direct;   ///< Past the page cache,
  bool durable;  ///< and durable by itself; else fdatasync follows.
};

constexpr std::array kMethods{
    Method{"append, fdatasync", true, false, false},
    Method{"overwrite, fdatasync", false, false, false},
    Method{"overwrite, O_DIRECT|O_DSYNC", false, true, true},
};

FigureKey random_key(unsigned depth, std::string_view way) {
  return {"random read of 4 KiB", fmt::format("depth {}", depth), std::string(way), "op/s"};
}

FigureKey sequential_key(const Load& load, std::string_view way) {
  return {load.opcode == io::Opcode::read ? "sequential read" : "sequential write",
          fmt::format("1 MiB, depth {}", load.depth), std::string(way), "MiB/s"};
}

FigureKey sync_key(const Method& method, std::string_view way) {
  return {"4 KiB made durable", std::string(method.name), std::string(way), "syncs/s"};
}

class DeviceStudy final : public Study {
 public:
  explicit DeviceStudy(const StudySettings& settings) : settings_(settings), backends_(settings) {}

  Result<void> set_up() override {
    page_ = SILT_TRY(base::AlignedBuffer::allocate(kSyncBytes));
    fill_page(page_.bytes(), 1);
    file_.emplace(SILT_TRY(TestFile::make(settings_, "device", settings_.file_bytes)));
    return {};
  }

  Result<void> measure(Figures& figures) override {
    for (const unsigned depth : settings_.depths) {
      const auto key = [depth](std::string_view way) { return random_key(depth, way); };
      SILT_TRY(run({.depth = depth}, 1, key, figures));
    }
    for (const io::Opcode opcode : {io::Opcode::read, io::Opcode::write}) {
      for (const unsigned depth : kSequentialDepths) {
        const Load load{opcode, kMebibyte, depth, true};
        const auto key = [&load](std::string_view way) { return sequential_key(load, way); };
        SILT_TRY(run(load, 1, key, figures));
      }
    }
    for (const Method& method : kMethods) {
      if (backends_.wants("plain")) {
        figures.add(sync_key(method, "plain"), SILT_TRY(sync_plain(method)));
      }
      for (const Backend& backend : backends_.engine()) {
        figures.add(sync_key(method, backend.name), SILT_TRY(sync_engine(method, backend)));
      }
    }
    return {};
  }

  void conclude(Figures& figures) const override {
    const auto [shallow, deep] = std::ranges::minmax(settings_.depths);
    figures.compare(fmt::format("random reads by ring, depth {} / {}", deep, shallow),
                    random_key(deep, "ring"), random_key(shallow, "ring"));
    backends_.note(figures);
    file_->note(figures);
    figures.note("plain: one call on each of as many threads; posix: the pool of the engine");
    figures.note("sequential writes end with a sync, which is in the figure");
  }

 private:
  /// `scale` is what a transfer counts for.
  template <typename Key>
  Result<void> run(const Load& load, double scale, Key key, Figures& figures) {
    if (backends_.wants("plain")) {
      figures.add(key("plain"), scale * SILT_TRY(plain_load(*file_, load, settings_.seconds)));
    }
    for (const Backend& backend : backends_.engine()) {
      figures.add(key(backend.name),
                  scale * SILT_TRY(channel_load(backend, *file_, load, settings_.seconds)));
    }
    return {};
  }

  /// Where the next 4 KiB go: behind the last ones, or around in the first MiB of the file.
  [[nodiscard]] std::uint64_t next_place(const Method& method) {
    constexpr std::uint64_t kAround = kMebibyte / kSyncBytes;
    const std::uint64_t place = places_++;
    return (method.append ? place : place % kAround) * kSyncBytes;
  }

  /// A new file for appending, the one that is there for overwriting.
  [[nodiscard]] Result<OpenedTwice> open(const Method& method) {
    if (!method.append) {
      return OpenedTwice::open(file_->dir(), "data", method.direct, method.durable ? O_DSYNC : 0);
    }
    places_ = 0;
    return OpenedTwice::open(file_->dir(), fmt::format("append-{}", appended_++), method.direct);
  }

  Result<double> sync_plain(const Method& method) {
    const auto opened = SILT_TRY(open(method));
    const int descriptor = opened.descriptor.get();
    return rate_for(settings_.seconds, [&]() -> Result<void> {
      const auto at = static_cast<off_t>(next_place(method));
      if (pwrite(descriptor, page_.data(), kSyncBytes, at) != ssize_t{kSyncBytes}) {
        return base::fail_os(errno, "pwrite").path(opened.file->path());
      }
      if (method.durable || fdatasync(descriptor) == 0) return {};
      return base::fail_os(errno, "fdatasync").path(opened.file->path());
    });
  }

  Result<double> sync_engine(const Method& method, const Backend& backend) {
    const auto opened = SILT_TRY(open(method));
    const auto channel = SILT_TRY(backend.channel(1));
    const auto durability = method.durable ? io::Durability::durable : io::Durability::none;
    return rate_for(settings_.seconds, [&]() -> Result<void> {
      SILT_TRY(channel->write_all(*opened.file, next_place(method), page_.bytes(), durability));
      return method.durable ? Result<void>() : channel->sync(*opened.file);
    });
  }

  const StudySettings& settings_;
  const Backends backends_;
  base::AlignedBuffer page_;
  std::optional<TestFile> file_;
  std::uint64_t places_ = 0;
  unsigned appended_ = 0;  // files made for appending
};

}  // namespace

std::unique_ptr<Study> make_device_study(const StudySettings& settings) {
  return std::make_unique<DeviceStudy>(settings);
}

}  // namespace siltstone::kvbench
