// Layout: hash of the key u64 | write u64 | length u32 | filler | checksum u32 of all before it.
#include "model/value_code.h"

#include <span>
#include <vector>

#include "base/coding.h"
#include "base/crc32c.h"
#include "base/hash.h"

namespace siltstone::model {

std::string make_value(std::string_view key, std::uint64_t write, std::size_t length,
                       support::Rng& rng) {
  std::vector<std::byte> bytes;
  bytes.reserve(length);
  base::Appender out(bytes);
  out.u64(base::hash64(base::as_bytes(key), 0));
  out.u64(write);
  out.u32(static_cast<std::uint32_t>(length));
  // Half noise, half runs, so that compression has something to do and something to give up on.
  const bool noise = rng.coin();
  while (bytes.size() + 4 < length) {
    const std::uint64_t filler = noise ? rng.next() : 0x6c6c6c6c6c6c6c6c;
    const std::size_t left = length - 4 - bytes.size();
    out.append(std::as_bytes(std::span(&filler, 1)).first(left < 8 ? left : 8));
  }
  out.u32(base::crc32c(0, bytes));
  return std::string(base::as_text(bytes));
}

bool is_genuine(std::string_view key, std::string_view value) noexcept {
  if (value.empty()) return true;
  if (value.size() < kProofBytes) return false;
  base::Reader in(base::as_bytes(value));
  const bool mine = in.u64() == base::hash64(base::as_bytes(key), 0);
  static_cast<void>(in.u64());
  const bool whole = in.u32() == value.size();
  const base::Bytes covered = base::as_bytes(value).first(value.size() - 4);
  base::Reader end(base::as_bytes(value).subspan(covered.size()));
  return mine && whole && end.u32() == base::crc32c(0, covered);
}

std::uint64_t write_of(std::string_view value) noexcept {
  base::Reader in(base::as_bytes(value));
  static_cast<void>(in.u64());
  return in.u64();
}

}  // namespace siltstone::model
