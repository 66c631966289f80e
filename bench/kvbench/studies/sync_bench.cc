// See sync_bench.h.
#include "studies/sync_bench.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/try.h"
#include "studies/page_bench.h"
#include "studies/timing.h"

namespace siltstone::kvbench {
namespace {

constexpr std::size_t kSyncBytes = 4096;
constexpr std::size_t kOverwrittenBytes = std::size_t{1} << 20;

}  // namespace

Result<SyncBench> SyncBench::make(const TestFile& file) {
  auto page = SILT_TRY(base::AlignedBuffer::allocate(kSyncBytes));
  fill_page(page.bytes(), 1);
  return SyncBench(file, std::move(page));
}

/// Where the next 4 KiB go: behind the last ones, or around in the first MiB of the file.
std::uint64_t SyncBench::next_place(const SyncMethod& method) {
  constexpr std::uint64_t kAround = kOverwrittenBytes / kSyncBytes;
  const std::uint64_t place = places_++;
  return (method.append ? place : place % kAround) * kSyncBytes;
}

/// A new file for appending, the one that is there for overwriting.
Result<OpenedTwice> SyncBench::open(const SyncMethod& method) {
  if (!method.append) {
    return OpenedTwice::open(file_.dir(), "data", method.direct, method.durable ? O_DSYNC : 0);
  }
  places_ = 0;
  return OpenedTwice::open(file_.dir(), fmt::format("append-{}", appended_++), method.direct);
}

Result<double> SyncBench::plain(const SyncMethod& method, double seconds) {
  const auto opened = SILT_TRY(open(method));
  const int descriptor = opened.descriptor.get();
  return rate_for(seconds, [&]() -> Result<void> {
    const auto at = static_cast<off_t>(next_place(method));
    if (pwrite(descriptor, page_.data(), kSyncBytes, at) != ssize_t{kSyncBytes}) {
      return base::fail_os(errno, "pwrite").path(opened.file->path());
    }
    if (method.durable || fdatasync(descriptor) == 0) return {};
    return base::fail_os(errno, "fdatasync").path(opened.file->path());
  });
}

Result<double> SyncBench::engine(const SyncMethod& method, const Backend& backend, double seconds) {
  const auto opened = SILT_TRY(open(method));
  const auto channel = SILT_TRY(backend.channel(1));
  const auto durability = method.durable ? io::Durability::durable : io::Durability::none;
  return rate_for(seconds, [&]() -> Result<void> {
    SILT_TRY(channel->write_all(*opened.file, next_place(method), page_.bytes(), durability));
    return method.durable ? Result<void>() : channel->sync(*opened.file);
  });
}

}  // namespace siltstone::kvbench
