// Reading by key, and linking.
#include "memtable/memtable.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/assert.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/try.h"
#include "base/yield.h"
#include "memtable/staged.h"

namespace siltstone::memtable {

Result<std::unique_ptr<Memtable>> Memtable::create(std::shared_ptr<base::ArenaPool> pool,
                                                   std::uint64_t hash_seed) {
  base::Arena arena = SILT_TRY(pool->take());
  constexpr std::size_t kLeastBytesPerKey =
      Record::bytes(kKeyspaceBytes) + Version::bytes(Kind::erase, 0) + kIndexBytesPerKey;
  const auto shape = TagHash::Shape::for_keys(arena.capacity() / kLeastBytesPerKey);
  if (arena.capacity() < kMinBytes || !arena.promise(shape.fixed_bytes() + Tree::kFixedBytes)) {
    pool->give_back(std::move(arena));
    return base::fail(ErrorCode::invalid_argument, "a memtable needs at least 64 KiB");
  }
  return std::unique_ptr<Memtable>(
      new Memtable(std::move(pool), std::move(arena), shape, hash_seed));
}

Memtable::Memtable(std::shared_ptr<base::ArenaPool> pool, base::Arena arena, TagHash::Shape shape,
                   std::uint64_t hash_seed) noexcept
    : pool_(std::move(pool)),
      hash_seed_(hash_seed),
      arena_(std::move(arena)),
      tags_(arena_, shape),
      tree_(arena_) {}

Memtable::~Memtable() { pool_->give_back(std::move(arena_)); }

std::optional<Entry> Memtable::get(const Key& key, base::Sequence at) const noexcept {
  return entry_of(find(key, base::hash_key(key.keyspace, key.user, hash_seed_)), at);
}

Offset Memtable::find(const Key& key, std::uint64_t hash) const noexcept {
  const auto found = tags_.find(
      hash, [&](Offset record) noexcept { return record_at(arena_, record).holds(key); });
  if (found.record == 0 && found.unsure) [[unlikely]]
    return tree_.find(key);
  return found.record;
}

std::optional<Entry> Memtable::entry_of(Offset record, base::Sequence at) const noexcept {
  if (record == 0) return std::nullopt;
  const Version* const version = version_of(arena_, record_at(arena_, record), at);
  if (version == nullptr) return std::nullopt;
  return Entry{version->kind(), base::Sequence(version->sequence()), version->expiry(),
               version->value()};
}

// Stage by stage for a group of keys, each stage asking the cache for what the next one reads.
void Memtable::get_batch(std::span<const Key> keys, base::Sequence at,
                         std::span<std::optional<Entry>> entries) const noexcept {
  SILT_ASSERT(keys.size() == entries.size());
  constexpr std::size_t kGroup = 32;
  std::array<std::uint64_t, kGroup> hashes;
  for (std::size_t start = 0; start < keys.size(); start += kGroup) {
    const auto group = keys.subspan(start, std::min(kGroup, keys.size() - start));
    for (std::size_t i = 0; i < group.size(); ++i) {
      hashes[i] = base::hash_key(group[i].keyspace, group[i].user, hash_seed_);
      tags_.prefetch(hashes[i]);
    }
    for (std::size_t i = 0; i < group.size(); ++i) {
      tags_.for_candidates(hashes[i],
                           [&](Offset record) noexcept { prefetch_record(arena_, record); });
    }
    for (std::size_t i = 0; i < group.size(); ++i) {
      entries[start + i] = entry_of(find(group[i], hashes[i]), at);
    }
  }
}

void Memtable::prefetch(std::span<const Key> keys) const noexcept {
  for (const Key& key : keys) tags_.prefetch(base::hash_key(key.keyspace, key.user, hash_seed_));
  for (const Key& key : keys) {
    Tree::Path path;
    tree_.approach(key, path);
  }
}

void Memtable::link(Staged&& staged, base::Sequence first) noexcept {
  const std::uint64_t linked = linked_.load(std::memory_order_relaxed);
  const bool is_known_new = staged.count_ == 1 && staged.linked_before_ == linked;
  std::uint64_t sequence = first.value();
  Offset next = std::exchange(staged.first_, 0);
  while (next != 0) {
    base::yield_point("memtable: link");
    const Offset offset = next;
    Version& version = version_at(arena_, offset);
    const StagedStamp stamp(version.stamp);
    next = version.older;
    version.stamp = Version::stamp_of(sequence++, stamp.kind());
    if (!stamp.is_new_record()) {
      link_version(record_at(arena_, stamp.record()), offset);
    } else if (is_known_new) {
      link_new(stamp.record(), offset, staged.hash_, staged.has_path_ ? &staged.path_ : nullptr);
    } else {
      link_record(stamp.record(), offset);
    }
  }
  // Last: who staged beside this may have missed any of it, and must look again.
  linked_.store(linked + staged.count_, std::memory_order_release);
  staged.count_ = 0;
}

// Somebody may have linked the key since this was staged, or this write did itself.
void Memtable::link_record(Offset offset, Offset version) noexcept {
  const Record& record = record_at(arena_, offset);
  const Key key(record.keyspace(), record.user_key());
  const std::uint64_t hash = base::hash_key(key.keyspace, key.user, hash_seed_);
  const Offset found = find(key, hash);
  if (found == 0) {
    link_new(offset, version, hash);
    return;
  }
  link_version(record_at(arena_, found), version);
  arena_.take_back(kIndexBytesPerKey);
}

void Memtable::link_new(Offset offset, Offset version, std::uint64_t hash,
                        const Tree::Path* path) noexcept {
  Record& record = record_at(arena_, offset);
  version_at(arena_, version).older = 0;
  record.newest.store(version, std::memory_order_release);
  const Key key(record.keyspace(), record.user_key());
  if (path != nullptr) {
    tree_.insert(key, offset, *path);
  } else {
    tree_.insert(key, offset);
  }
  base::yield_point("memtable: in the tree");
  tags_.insert(hash, offset);
  keys_.store(keys_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

void Memtable::link_version(Record& record, Offset offset) noexcept {
  const Offset older = record.newest.load(std::memory_order_relaxed);
  SILT_ASSERT(version_at(arena_, older).stamp < version_at(arena_, offset).stamp);
  version_at(arena_, offset).older = older;
  base::yield_point("memtable: version chained");
  record.newest.store(offset, std::memory_order_release);
}

Memtable::Usage Memtable::usage() const noexcept {
  return {.capacity = arena_.capacity(),
          .reserved = arena_.taken(),
          .records = arena_.used_front(),
          .index = tree_.bytes() + tags_.bytes(),
          .keys = keys_.load(std::memory_order_relaxed)};
}

}  // namespace siltstone::memtable
