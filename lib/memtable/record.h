// What lies in the arena for a key: a record with the key, and its versions, newest first.
//
//   record   | newest u32 | key bytes u32 | keyspace, user key | padding to 8 | first version |
//   version  | stamp u64 | older u32 | value bytes u32 | [expiry i64] | value | padding to 8 |
//
// Stamps are (sequence << 8 | kind); `newest` and `older` are arena offsets, 0 is the end. Later
// versions of a key lie elsewhere, without the key.
//
// Invariants:
// 1. Once a record is linked, only `newest` changes; once a version is linked, nothing of it does.
//    So whoever got an offset with acquire reads plain memory.
// 2. Following `older`, sequences descend.
// 3. Behind a key there is always a version: reading a word beyond the key's end is harmless.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/arena.h"
#include "base/entry_kind.h"
#include "base/ids.h"
#include "memtable/key.h"

namespace siltstone::memtable {

using Offset = base::Arena::Offset;

/// A memtable holds values, erasures and values with expiry.
using Kind = base::EntryKind;

[[nodiscard]] constexpr std::size_t padded(std::size_t bytes) noexcept {
  return (bytes + kWordBytes - 1) / kWordBytes * kWordBytes;
}

struct Version {
  std::uint64_t stamp;
  Offset older;
  std::uint32_t value_bytes;

  /// Bytes of a whole version.
  [[nodiscard]] static constexpr std::size_t bytes(Kind kind, std::size_t value) noexcept {
    return sizeof(Version) + (kind == Kind::value_with_expiry ? kWordBytes : 0) + padded(value);
  }
  [[nodiscard]] static constexpr std::uint64_t stamp_of(std::uint64_t sequence,
                                                        Kind kind) noexcept {
    return sequence << 8 | static_cast<std::uint64_t>(kind);
  }

  [[nodiscard]] Kind kind() const noexcept { return static_cast<Kind>(stamp & 0xff); }
  [[nodiscard]] std::uint64_t sequence() const noexcept { return stamp >> 8; }
  /// Milliseconds of wall clock since 1970; 0 without one.
  [[nodiscard]] std::int64_t expiry() const noexcept {
    std::int64_t result = 0;
    if (kind() == Kind::value_with_expiry) std::memcpy(&result, behind(), sizeof result);
    return result;
  }
  [[nodiscard]] std::string_view value() const noexcept {
    return {behind() + (kind() == Kind::value_with_expiry ? kWordBytes : 0), value_bytes};
  }

  [[nodiscard]] char* behind() noexcept { return reinterpret_cast<char*>(this + 1); }
  [[nodiscard]] const char* behind() const noexcept {
    return reinterpret_cast<const char*>(this + 1);
  }
};
static_assert(sizeof(Version) == 16);

struct Record {
  std::atomic<Offset> newest;
  std::uint32_t key_bytes;  // with the keyspace

  /// Bytes of a record without its first version.
  [[nodiscard]] static constexpr std::size_t bytes(std::size_t key) noexcept {
    return sizeof(Record) + padded(key);
  }

  [[nodiscard]] std::string_view key() const noexcept { return {text(), key_bytes}; }
  [[nodiscard]] std::string_view user_key() const noexcept { return key().substr(kKeyspaceBytes); }
  [[nodiscard]] base::KeyspaceId keyspace() const noexcept {
    return base::KeyspaceId(static_cast<std::uint32_t>(load_word(text()) >> 32));
  }

  [[nodiscard]] std::size_t size() const noexcept { return key_bytes; }
  [[nodiscard]] std::uint64_t word(std::size_t at) const noexcept {
    if (at >= key_bytes) return 0;
    return leading_bytes(load_word(text() + at), key_bytes - at);
  }

  [[nodiscard]] bool holds(const Key& other) const noexcept {
    return key_bytes == other.size() && keyspace() == other.keyspace &&
           (other.user.empty() ||
            std::memcmp(text() + kKeyspaceBytes, other.user.data(), other.user.size()) == 0);
  }

 private:
  [[nodiscard]] const char* text() const noexcept {
    return reinterpret_cast<const char*>(this + 1);
  }
};
static_assert(sizeof(Record) == 8);

[[nodiscard]] inline Record& record_at(const base::Arena& arena, Offset offset) noexcept {
  return *reinterpret_cast<Record*>(arena.at(offset));
}

[[nodiscard]] inline Version& version_at(const base::Arena& arena, Offset offset) noexcept {
  return *reinterpret_cast<Version*>(arena.at(offset));
}

/// The newest version at or below a sequence; null when the key is younger.
[[nodiscard]] inline const Version* version_of(const base::Arena& arena, const Record& record,
                                               base::Sequence at) noexcept {
  Offset offset = record.newest.load(std::memory_order_acquire);
  while (offset != 0) {
    const Version& version = version_at(arena, offset);
    if (version.sequence() <= at.value()) return &version;
    offset = version.older;
  }
  return nullptr;
}

/// Asks the cache for what a reader of a small record touches.
inline void prefetch_record(const base::Arena& arena, Offset offset) noexcept {
  constexpr std::size_t kLineBytes = 64;
  const std::byte* const start = arena.at(offset);
  for (std::size_t line = 0; line < 3; ++line) __builtin_prefetch(start + line * kLineBytes);
}

}  // namespace siltstone::memtable
