// One pass over the entries, which writes them anew: a value that gets a time to live grows.
#include "db/expiry.h"

#include "base/assert.h"
#include "base/error.h"
#include "base/try.h"
#include "wal/record.h"

namespace siltstone::db {

Result<void> check_ttl(Ttl ttl) {
  if (ttl > Ttl::zero()) return {};
  return base::fail(ErrorCode::invalid_argument,
                    "a time to live is at least 1 ms, not " + std::to_string(ttl.count()) + " ms");
}

Result<std::string> with_expiries(std::string_view entries, std::optional<Ttl> ttl,
                                  std::int64_t now) {
  if (ttl) SILT_TRY(check_ttl(*ttl));
  std::string out;
  out.reserve(entries.size());
  wal::EntryReader reader(entries);
  for (wal::Entry entry; reader.next(entry);) {
    if (ttl && entry.kind == wal::EntryKind::value) {
      entry.kind = wal::EntryKind::value_with_expiry;
      entry.expiry = ttl->count();
    }
    if (entry.kind == wal::EntryKind::value_with_expiry) {
      const std::int64_t lives = entry.expiry;
      if (__builtin_add_overflow(now, lives, &entry.expiry)) {
        return base::fail(
            ErrorCode::invalid_argument,
            "a time to live of " + std::to_string(lives) + " ms ends later than can be stored");
      }
    }
    wal::append_entry(out, entry.kind, entry.key, entry.value, entry.expiry);
  }
  SILT_CHECK(reader.fault().what == nullptr);
  if (out.size() > kMaxBatchBytes) {
    return base::fail(ErrorCode::invalid_argument,
                      "the batch would be larger than 256 MiB with its times to live");
  }
  return out;
}

}  // namespace siltstone::db
