// Staging: reserve, look for the key, write the record or only a version.
#include "memtable/staged.h"

#include <cstring>

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

// What it has not linked: `first_` is 0 once it has.
Memtable::Staged::~Staged() {
  if (first_ != 0) memtable_->arena_.take_back(index_bytes_, begin_, bytes_);
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
  const std::uint64_t linked_before = memtable_->linked_.load(std::memory_order_acquire);
  const std::uint64_t hash = base::hash_key(key.keyspace, key.user, memtable_->hash_seed_);
  memtable_->tags_.prefetch(hash);
  const std::size_t version_bytes = Version::bytes(kind, value.size());
  const std::size_t bytes = Record::bytes(key.size()) + version_bytes;
  if (arena.used_front() + bytes > arena.faulted()) [[unlikely]]
    arena.prefault(bytes + kFaultAheadBytes);
  // Most keys are new. The locked instruction comes before the search, because it would wait for
  // the cache miss in there, and the processor could do nothing of what follows meanwhile.
  const Offset fresh = arena.allocate(bytes, kIndexBytesPerKey);
  // And the way through the tree, for the same reason: so the misses in hash and leaf overlap.
  has_path_ = false;
  const bool needs_path = !memtable_->tree_.is_appending();
  if (needs_path) memtable_->tree_.approach(key, path_);
  Offset record = memtable_->find(key, hash);
  const bool is_new = record == 0;
  Offset version = 0;
  if (is_new) {
    if (fresh == 0) return false;
    record = fresh;
    version = fresh + static_cast<Offset>((bytes - version_bytes) / base::Arena::kUnitBytes);
    index_bytes_ += kIndexBytesPerKey;
    own(fresh, bytes);
    write_record(record_at(arena, fresh), key);
  } else {
    if (fresh != 0) arena.take_back(kIndexBytesPerKey, fresh, bytes);
    version = arena.allocate(version_bytes);
    if (version == 0) return false;
    own(version, version_bytes);
  }
  write_version(version_at(arena, version), StagedStamp(record, is_new, kind), value, expiry);
  push(version);
  linked_before_ = linked_before;
  hash_ = hash;
  has_path_ = needs_path;
  return true;
}

// Pieces are whole units, so that one that follows another begins where that one ends.
void Memtable::Staged::own(Offset piece, std::size_t bytes) noexcept {
  if (first_ == 0) {
    begin_ = piece;
    bytes_ = bytes;
  } else if (bytes_ != 0) {
    bytes_ = piece == begin_ + bytes_ / base::Arena::kUnitBytes ? bytes_ + bytes : 0;
  }
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
