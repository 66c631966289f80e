// A batch is its own encoding: what is added is stored as the log will store it, but for times to
// live, which become expiries when it is written (expiry.h).
#include <siltstone/batch.h>

#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "db/expiry.h"
#include "db/guard.h"
#include "wal/record.h"

namespace siltstone {
namespace {

Result<void> append(std::string& encoded, wal::EntryKind kind, std::string_view key,
                    std::string_view value = {}, std::int64_t ttl = 0) {
  if (key.size() > kMaxKeyBytes) {
    return base::fail(ErrorCode::invalid_argument, "the key is longer than 65535 bytes");
  }
  if (value.size() > kMaxValueBytes) {
    return base::fail(ErrorCode::invalid_argument, "the value is longer than 64 MiB");
  }
  if (encoded.size() + wal::entry_bytes(kind, key.size(), value.size()) > kMaxBatchBytes) {
    return base::fail(ErrorCode::invalid_argument, "the batch would be larger than 256 MiB");
  }
  wal::append_entry(encoded, kind, key, value, ttl);
  return {};
}

}  // namespace

Batch::Batch(Batch&& other) noexcept
    : encoded_(std::exchange(other.encoded_, {})),
      count_(std::exchange(other.count_, 0)),
      has_ttl_(std::exchange(other.has_ttl_, false)) {}

Batch& Batch::operator=(Batch&& other) noexcept {
  encoded_ = std::exchange(other.encoded_, {});
  count_ = std::exchange(other.count_, 0);
  has_ttl_ = std::exchange(other.has_ttl_, false);
  return *this;
}

Result<void> Batch::put(std::string_view key, std::string_view value,
                        std::optional<std::chrono::milliseconds> ttl) noexcept {
  return db::guarded([&]() -> Result<void> {
    if (ttl) {
      SILT_TRY(db::check_ttl(*ttl));
      SILT_TRY(append(encoded_, wal::EntryKind::value_with_expiry, key, value, ttl->count()));
    } else {
      SILT_TRY(append(encoded_, wal::EntryKind::value, key, value));
    }
    has_ttl_ = has_ttl_ || ttl;
    ++count_;
    return {};
  });
}

Result<void> Batch::erase(std::string_view key) noexcept {
  return db::guarded([&]() -> Result<void> {
    auto added = append(encoded_, wal::EntryKind::erase, key);
    if (added) ++count_;
    return added;
  });
}

void Batch::clear() noexcept {
  encoded_.clear();
  count_ = 0;
  has_ttl_ = false;
}

}  // namespace siltstone
