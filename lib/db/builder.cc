// Checks every option, then opens in the kernel's world.
#include <siltstone/builder.h>

#include <string>

#include <siltstone/db.h>

#include "base/compression.h"
#include "base/error.h"
#include "db/access.h"
#include "db/guard.h"
#include "io/environment.h"

namespace siltstone {
namespace {

bool has_snappy() noexcept { return base::codec_available(base::Codec::snappy); }

Compression default_compression() noexcept {
  return has_snappy() ? Compression::snappy : Compression::none;
}

/// What is wrong with the settings, all of it, separated by "; "; empty when nothing is.
std::string faults(const db::Settings& settings) {
  std::string found;
  const auto add = [&found](std::string_view fault) {
    if (!found.empty()) found += "; ";
    found += fault;
  };
  if (settings.dir.empty()) add("the directory has no name");
  if (settings.dir.find('\0') != std::string::npos) add("the directory's name has a zero byte");
  if (settings.compression > Compression::snappy) add("compression is out of range");
  if (settings.recovery > RecoveryMode::truncate) add("recovery is out of range");
  if (settings.io_backend > IoBackend::posix) add("io_backend is out of range");
  if (settings.ring.ring_depth < 1 || settings.ring.ring_depth > io::kMaxRingDepth) {
    add("ring_depth is 1 to 32768");
  }
  if (settings.io_backend == IoBackend::posix) {
    if (settings.ring.sqpoll) add("sqpoll needs rings, and io_backend is posix");
    if (settings.ring.iopoll) add("iopoll needs rings, and io_backend is posix");
  }
  return found;
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

Result<Db> Builder::build() const noexcept {
  return db::guarded([&]() -> Result<Db> {
    db::Settings settings{.dir = dir_,
                          .create_if_missing = create_if_missing_,
                          .read_only = read_only_,
                          .compression = compression_.value_or(default_compression()),
                          .recovery = recovery_,
                          .io_backend = io_backend_,
                          .ring = {ring_depth_, sqpoll_, iopoll_}};
    if (const std::string found = faults(settings); !found.empty()) {
      return base::fail(ErrorCode::invalid_argument, found).path(dir_);
    }
    if (settings.compression == Compression::snappy && !has_snappy()) {
      return base::fail(ErrorCode::unsupported, "the library was built without snappy").path(dir_);
    }
    return db::Access::open(settings, io::system_environment());
  });
}

}  // namespace siltstone
