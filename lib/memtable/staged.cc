// Staging: reserve, look for the key, write the record or only a version.
#include "memtable/staged.h"

#include <cstring>
#include <utility>

#include "base/assert.h"
#include "base/hash.h"
#include "memtable/memtable.h"

namespace siltstone::memtable {

namespace {

// Large enough that the system call pays, small enough that the write that makes it does not feel
// it: some 20 us.
constexpr std::size_t kFaultAheadBytes = std::size_t{128} << 10;

void copy(char* to, std::string_view from) noexcept {
  if (!from.empty()) std::memcpy(to, from.data(), from.size());
}

void write_record(Record& record, const Key& key) noexcept {
  record.newest.store(0, std::memory_order_relaxed);
  record.key_bytes = static_cast<std::uint32_t>(key.size());
  char* const bytes = reinterpret_cast<char*>(&record + 1);
  const std::uint32_t keyspace = __builtin_bswap32(key.keyspace.value());
  std::memcpy(bytes, &keyspace, sizeof keyspace);
  copy(bytes + kKeyspaceBytes, key.user);
}

void write_version(Version& version, StagedStamp stamp, std::string_view value,
                   std::int64_t expiry) noexcept {
  version.stamp = stamp.bits();
  version.older = 0;
  version.value_bytes = static_cast<std::uint32_t>(value.size());
  char* bytes = version.behind();
  if (stamp.kind() == Kind::value_with_expiry) {
    std::memcpy(bytes, &expiry, sizeof expiry);
    bytes += sizeof expiry;
  }
  copy(bytes, value);
}

}  // namespace

Memtable::Staged::Staged(Staged&& other) noexcept
    : memtable_(other.memtable_),
      first_(std::exchange(other.first_, 0)),
      last_(other.last_),
      count_(std::exchange(other.count_, 0)),
      index_bytes_(std::exchange(other.index_bytes_, 0)) {}

// What it has not linked: `first_` is 0 once it has.
Memtable::Staged::~Staged() {
  if (first_ == 0) return;
  std::size_t bytes = index_bytes_;
  if (first_ == last_) {
    const Version& version = version_at(memtable_->arena_, first_);
    const StagedStamp stamp(version.stamp);
    std::size_t size = Version::bytes(stamp.kind(), version.value_bytes);
    Offset start = first_;
    if (stamp.is_new_record()) {
      start = stamp.record();
      size += Record::bytes(record_at(memtable_->arena_, start).key_bytes);
    }
    if (memtable_->arena_.give_back(start, size)) bytes += size;
  }
  memtable_->reserved_.fetch_sub(bytes, std::memory_order_relaxed);
}

bool Memtable::Staged::put(const Key& key, std::string_view value) noexcept {
  return add(key, Kind::value, value, 0);
}

bool Memtable::Staged::put(const Key& key, std::string_view value, std::int64_t expiry) noexcept {
  return add(key, Kind::value_with_expiry, value, expiry);
}

bool Memtable::Staged::erase(const Key& key) noexcept { return add(key, Kind::erase, {}, 0); }

bool Memtable::Staged::add(const Key& key, Kind kind, std::string_view value,
                           std::int64_t expiry) noexcept {
  SILT_ASSERT(key.user.size() <= UINT16_MAX);
  SILT_ASSERT(value.size() <= UINT32_MAX);
  base::Arena& arena = memtable_->arena_;
  const Offset found =
      memtable_->find(key, base::hash_key(key.keyspace, key.user, memtable_->hash_seed_));
  const std::size_t record_bytes = found == 0 ? Record::bytes(key.size()) : 0;
  const std::size_t bytes = record_bytes + Version::bytes(kind, value.size());
  const std::size_t index_bytes = found == 0 ? kIndexBytesPerKey : 0;
  if (!memtable_->reserve(bytes + index_bytes)) return false;
  index_bytes_ += index_bytes;
  if (arena.used_front() + bytes > arena.faulted()) [[unlikely]]
    arena.prefault(bytes + kFaultAheadBytes);
  const Offset start = arena.allocate(bytes);
  SILT_ASSERT(start != 0);
  if (found == 0) write_record(record_at(arena, start), key);
  const auto version = start + static_cast<Offset>(record_bytes / base::Arena::kUnitBytes);
  const StagedStamp stamp(found == 0 ? start : found, found == 0, kind);
  write_version(version_at(arena, version), stamp, value, expiry);
  push(version);
  return true;
}

void Memtable::Staged::push(Offset version) noexcept {
  if (first_ == 0) {
    first_ = version;
  } else {
    version_at(memtable_->arena_, last_).older = version;
  }
  last_ = version;
  ++count_;
}

}  // namespace siltstone::memtable
