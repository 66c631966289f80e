// Checks every option, then opens in the kernel's world.
#include <siltstone/builder.h>

#include <string>
#include <string_view>

#include <siltstone/db.h>

#include "base/arena.h"
#include "base/compression.h"
#include "base/error.h"
#include "db/access.h"
#include "db/guard.h"
#include "io/environment.h"
#include "memtable/memtable.h"

namespace siltstone {
namespace {

constexpr std::uint64_t kMinMemtableBytes = std::uint64_t{1} << 20;
constexpr std::uint64_t kMaxMemtableBytes = std::uint64_t{16} << 30;
static_assert(kMinMemtableBytes >= memtable::Memtable::kMinBytes);
static_assert(kMaxMemtableBytes <= base::Arena::kMaxBytes);

bool has_snappy() noexcept { return base::codec_available(base::Codec::snappy); }

Compression default_compression() noexcept {
  return has_snappy() ? Compression::snappy : Compression::none;
}

constexpr std::uint64_t kLeastCacheBytes = std::uint64_t{64} << 10;
constexpr std::uint64_t kMostCacheBytes = std::uint64_t{1} << 30;
constexpr std::uint64_t kFastCacheBytes = std::uint64_t{64} << 20;  // of Preset::high_throughput

/// The mode that the calls ask for together, the more special before the preset.
Durability chosen_durability(Preset preset, bool has_interval, bool has_cache) noexcept {
  if (has_interval) return Durability::interval;
  if (has_cache) return Durability::write_back;
  switch (preset) {
    case Preset::maximum_safety: break;
    case Preset::balanced: return Durability::interval;
    case Preset::high_throughput: return Durability::write_back;
  }
  return Durability::every_commit;
}

/// What is wrong with the options, all of it, separated by "; ".
class Faults {
 public:
  void add(std::string_view fault) {
    if (!text_.empty()) text_ += "; ";
    text_ += fault;
  }
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  std::string text_;
};

void check(const db::Settings& settings, Faults& faults) {
  const auto add = [&faults](std::string_view fault) { faults.add(fault); };
  if (settings.dir.empty()) add("the directory has no name");
  if (settings.dir.find('\0') != std::string::npos) add("the directory's name has a zero byte");
  if (settings.compression > Compression::snappy) add("compression is out of range");
  if (settings.recovery > RecoveryMode::truncate) add("recovery is out of range");
  if (settings.durability > Durability::write_back) add("durability is out of range");
  const auto interval = settings.sync_interval;
  if (interval < std::chrono::milliseconds(1) || interval > std::chrono::hours(1)) {
    add("sync_interval is 1 ms to 1 h");
  }
  if (settings.log_buffer_bytes < kLeastCacheBytes || settings.log_buffer_bytes > kMostCacheBytes) {
    add("write_back_cache is 64 KiB to 1 GiB");
  }
  if (settings.write_buffer_ops == 0) add("write_buffer_ops is at least 1");
  if (settings.io_backend > IoBackend::posix) add("io_backend is out of range");
  if (settings.ring.ring_depth < 1 || settings.ring.ring_depth > io::kMaxRingDepth) {
    add("ring_depth is 1 to 32768");
  }
  if (settings.io_backend == IoBackend::posix) {
    if (settings.ring.sqpoll) add("sqpoll needs rings, and io_backend is posix");
    if (settings.ring.iopoll) add("iopoll needs rings, and io_backend is posix");
  }
  if (settings.memtable_bytes < kMinMemtableBytes || settings.memtable_bytes > kMaxMemtableBytes) {
    add("memtable_bytes is 1 MiB to 16 GiB");
  }
}

}  // namespace

Builder& Builder::create_if_missing(bool value) noexcept {
  create_if_missing_ = value;
  return *this;
}

Builder& Builder::read_only(bool value) noexcept {
  read_only_ = value;
  return *this;
}

Builder& Builder::compression(Compression value) noexcept {
  compression_ = value;
  return *this;
}

Builder& Builder::recovery(RecoveryMode value) noexcept {
  recovery_ = value;
  return *this;
}

Builder& Builder::durability(Durability value) noexcept {
  durability_ = value;
  return *this;
}

Builder& Builder::sync_interval(std::chrono::nanoseconds value) noexcept {
  sync_interval_ = value;
  return *this;
}

Builder& Builder::write_back_cache(std::uint64_t bytes) noexcept {
  write_back_cache_ = bytes;
  return *this;
}

Builder& Builder::write_buffer_ops(std::uint64_t operations) noexcept {
  write_buffer_ops_ = operations;
  return *this;
}

Builder& Builder::preset(Preset value) noexcept {
  preset_ = value;
  return *this;
}

Builder& Builder::io_backend(IoBackend value) noexcept {
  io_backend_ = value;
  return *this;
}

Builder& Builder::ring_depth(std::uint32_t requests) noexcept {
  ring_depth_ = requests;
  return *this;
}

Builder& Builder::sqpoll(bool value) noexcept {
  sqpoll_ = value;
  return *this;
}

Builder& Builder::iopoll(bool value) noexcept {
  iopoll_ = value;
  return *this;
}

Builder& Builder::memtable_bytes(std::uint64_t value) noexcept {
  memtable_bytes_ = value;
  return *this;
}

Result<Db> Builder::build() const noexcept {
  return db::guarded([&]() -> Result<Db> {
    db::Settings settings{.dir = dir_,
                          .create_if_missing = create_if_missing_,
                          .read_only = read_only_,
                          .compression = compression_.value_or(default_compression()),
                          .recovery = recovery_,
                          .io_backend = io_backend_,
                          .ring = {ring_depth_, sqpoll_, iopoll_},
                          .memtable_bytes = memtable_bytes_};
    const bool has_cache = write_back_cache_ || write_buffer_ops_;
    settings.durability =
        durability_.value_or(chosen_durability(preset_, sync_interval_.has_value(), has_cache));
    settings.sync_interval = sync_interval_.value_or(settings.sync_interval);
    const bool is_fast = preset_ == Preset::high_throughput;
    if (settings.durability == Durability::write_back) {
      const std::uint64_t usual = is_fast ? kFastCacheBytes : settings.log_buffer_bytes;
      settings.log_buffer_bytes = write_back_cache_.value_or(usual);
      settings.write_buffer_ops = write_buffer_ops_.value_or(settings.write_buffer_ops);
    }
    Faults faults;
    check(settings, faults);
    if (preset_ > Preset::high_throughput) faults.add("preset is out of range");
    if (sync_interval_ && settings.durability != Durability::interval) {
      faults.add("sync_interval needs durability interval");
    }
    if (has_cache && settings.durability != Durability::write_back) {
      faults.add("write_back_cache and write_buffer_ops need durability write_back");
    }
    if (!faults.text().empty()) {
      return base::fail(ErrorCode::invalid_argument, faults.text()).path(dir_);
    }
    if (settings.compression == Compression::snappy && !has_snappy()) {
      return base::fail(ErrorCode::unsupported, "the library was built without snappy").path(dir_);
    }
    return db::Access::open(settings, io::system_environment());
  });
}

}  // namespace siltstone
