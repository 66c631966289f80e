// Staging entries and encoding raw blocks.
#include "table/block_builder.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/assert.h"
#include "base/coding.h"
#include "base/words.h"
#include "table/key_buffer.h"

namespace siltstone::table {
namespace {

using base::EntryKind;
using base::varint_size;

// Copies may go a step beyond the end.
constexpr std::size_t kSlackBytes = 16;
// From so many bytes on a call is quicker than steps.
constexpr std::size_t kManyBytes = 128;

void ensure(std::vector<char>& buffer, std::size_t bytes) {
  if (buffer.size() >= bytes + kSlackBytes) [[likely]]
    return;
  buffer.resize(std::max(2 * buffer.size(), bytes + kSlackBytes));
}

// `from` may be read a step beyond its end.
char* put(char* to, const char* from, std::size_t count) noexcept {
  if (count < kManyBytes) {
    copy_in_steps(to, from, count);
  } else {
    std::memcpy(to, from, count);
  }
  return to + count;
}

char* put_varint(char* to, std::uint64_t value) noexcept {
  for (; value >= 0x80; value >>= 7) *to++ = static_cast<char>(value | 0x80);
  *to++ = static_cast<char>(value);
  return to;
}

template <typename T>
char* put_fixed(char* to, T value) noexcept {
  std::memcpy(to, &value, sizeof value);
  return to + sizeof value;
}

// Whether `a` comes before `b`, which begins with as many bytes alike.
bool is_less_behind(std::string_view a, std::string_view b, std::size_t shared) noexcept {
  if (shared == a.size() || shared == b.size()) return a.size() < b.size();
  return static_cast<std::uint8_t>(a[shared]) < static_cast<std::uint8_t>(b[shared]);
}

std::uint64_t sequence_distance(std::uint64_t sequence, std::uint64_t base) noexcept {
  return zigzag(static_cast<std::int64_t>(sequence - base));
}

}  // namespace

void BlockBuilder::set_limits(BlockLimits limits) {
  SILT_ASSERT(limits.frame_bytes <= kMaxFrameBytes);
  limits_ = limits;
}

bool BlockBuilder::add(const Entry& entry) {
  SILT_ASSERT(entry.value.size() <= kMaxInsideValueBytes);
  SILT_ASSERT(entry.kind != EntryKind::erase || entry.value.empty());
  return add(entry, entry.value, static_cast<std::uint8_t>(entry.kind));
}

bool BlockBuilder::add_outside(const Entry& entry, const ValueReference& value) {
  SILT_ASSERT(entry.kind != EntryKind::erase);
  std::array<std::byte, kReferenceBytes> bytes;
  base::Writer writer(bytes);
  writer.u32(value.sector);
  writer.u32(value.sectors);
  writer.u32(value.bytes);
  return add(entry, base::as_text(bytes), static_cast<std::uint8_t>(entry.kind) | kOutside);
}

bool BlockBuilder::add(const Entry& entry, std::string_view value, std::uint8_t kind) {
  SILT_ASSERT(entry.key.size() >= kKeyspaceBytes);
  SILT_ASSERT(entry.key.size() <= kMaxKeyBytes);
  SILT_ASSERT(entry.sequence <= base::kMaxSequence);
  SILT_ASSERT(entry.kind >= EntryKind::value);
  SILT_ASSERT(entry.kind <= EntryKind::value_with_expiry);
  std::size_t shared = entry.key.size();
  bool is_same_key = false;
  if (!staged_.empty()) {
    const std::string_view before = key(staged_.back());
    shared = base::shared_bytes(before, entry.key);
    is_same_key = shared == before.size() && shared == entry.key.size();
    SILT_ASSERT(is_same_key ? entry.sequence.value() < staged_.back().sequence
                            : is_less_behind(before, entry.key, shared));
  }
  if (finished_ != 0) drop_finished();
  const bool is_first = staged_.empty();
  SILT_ASSERT(!is_first || !is_continuation_ || is_same_key);
  if (!is_first && is_continuation_ && !is_same_key) return false;

  const Staged one{static_cast<std::uint32_t>(text_end_),
                   static_cast<std::uint32_t>(entry.key.size()),
                   static_cast<std::uint32_t>(value.size()),
                   kind,
                   entry.sequence.value(),
                   entry.expiry};
  const Totals totals = totals_with(one, is_first ? entry.key.size() : shared);
  if (!is_first &&
      (totals.raw_bytes() > limits_.raw_bytes || totals.memory_bytes() > limits_.frame_bytes)) {
    splits_key_ = is_same_key;
    return false;
  }
  totals_ = totals;
  stage(one, entry.key, value);
  return true;
}

// What all keys share is the least that neighbours share.
BlockBuilder::Totals BlockBuilder::totals_with(const Staged& one,
                                               std::size_t shared) const noexcept {
  Totals totals = totals_;
  const bool is_first = totals.entries == 0;
  const std::uint64_t base = is_first ? one.sequence : staged_.front().sequence;
  const std::size_t limit = is_first ? kMaxPrefixBytes : totals.prefix_bytes;
  const auto prefix_bytes = static_cast<std::uint32_t>(std::min(shared, limit));
  if (prefix_bytes != totals.prefix_bytes) {
    totals.prefix_bytes = prefix_bytes;
    totals.suffix_varints = suffix_varints(prefix_bytes);
  }
  ++totals.entries;
  totals.text_bytes += std::size_t{one.key_bytes} + one.value_bytes;
  totals.suffix_varints += varint_size(one.key_bytes - prefix_bytes);
  totals.value_varints += varint_size(one.value_bytes);
  const bool has_expiry = (one.kind & ~kOutside) == static_cast<int>(EntryKind::value_with_expiry);
  totals.rich_bytes +=
      1 + varint_size(sequence_distance(one.sequence, base)) + (has_expiry ? sizeof one.expiry : 0);
  totals.is_plain = totals.is_plain && one.sequence == base &&
                    one.kind == static_cast<std::uint8_t>(EntryKind::value);
  return totals;
}

// Prefixes shrink seldom, and only long keys have varints that then grow.
std::size_t BlockBuilder::suffix_varints(std::uint32_t prefix_bytes) const noexcept {
  if (longest_key_ < prefix_bytes + 0x80) return staged_.size();
  std::size_t bytes = 0;
  for (const Staged& one : staged_) bytes += varint_size(one.key_bytes - prefix_bytes);
  return bytes;
}

void BlockBuilder::stage(Staged one, std::string_view key, std::string_view value) {
  ensure(text_, text_end_ + key.size() + value.size());
  char* to = text_.data() + one.place;
  std::memcpy(to, key.data(), key.size());
  if (!value.empty()) std::memcpy(to + key.size(), value.data(), value.size());
  text_end_ += key.size() + value.size();
  longest_key_ = std::max(longest_key_, one.key_bytes);
  staged_.push_back(one);
}

// What finish() left staged becomes the beginning of the next block.
void BlockBuilder::drop_finished() {
  const std::vector<Staged> rest(staged_.begin() + static_cast<std::ptrdiff_t>(finished_),
                                 staged_.end());
  const std::vector<char> text = rest.empty() ? std::vector<char>() : text_;
  staged_.clear();
  finished_ = 0;
  text_end_ = 0;
  longest_key_ = 0;
  totals_ = {};
  for (Staged one : rest) {  // versions of one key
    const std::string_view key(text.data() + one.place, one.key_bytes);
    const std::string_view value(key.data() + key.size(), one.value_bytes);
    one.place = static_cast<std::uint32_t>(text_end_);
    totals_ = totals_with(one, key.size());
    stage(one, key, value);
  }
}

// How many of the staged entries the block gets: all, but for the versions of a key of which more
// come, unless there is nothing else.
std::size_t BlockBuilder::block_end() const noexcept {
  if (!splits_key_) return staged_.size();
  std::size_t first = staged_.size() - 1;
  const std::string_view last_key = key(staged_.back());
  while (first > 0 && key(staged_[first - 1]) == last_key) --first;
  return first == 0 ? staged_.size() : first;
}

FinishedBlock BlockBuilder::finish() {
  if (finished_ != 0) drop_finished();
  SILT_ASSERT(!staged_.empty());
  const std::size_t count = block_end();
  const bool is_continued = splits_key_ && count == staged_.size();
  encode(count, static_cast<std::uint8_t>((is_continued ? kContinued : 0) |
                                          (is_continuation_ ? kContinuation : 0)));
  FinishedBlock block;
  block.raw = base::Bytes(reinterpret_cast<const std::byte*>(raw_.data()), raw_end_);
  block.entries = static_cast<std::uint32_t>(count);
  block.first_key = key(staged_.front());
  block.last_key = key(staged_[count - 1]);
  block.is_continuation = is_continuation_;
  finished_ = count;
  splits_key_ = false;
  is_continuation_ = is_continued;
  return block;
}

void BlockBuilder::encode(std::size_t count, std::uint8_t flags) {
  ensure(raw_, totals_.raw_bytes());
  const Staged& first = staged_.front();
  const Staged& last = staged_[count - 1];
  const std::size_t prefix_bytes =
      std::min(base::shared_bytes(key(first), key(last)), kMaxPrefixBytes);
  const auto plain = [&](const Staged& one) {
    return one.sequence == first.sequence &&
           one.kind == static_cast<std::uint8_t>(EntryKind::value);
  };
  const auto end = staged_.begin() + static_cast<std::ptrdiff_t>(count);
  const bool is_plain = std::all_of(staged_.begin(), end, plain);
  if (is_plain) flags |= kPlain;
  char* to = raw_.data();
  to = put_fixed(to, static_cast<std::uint16_t>(count));
  to = put_fixed(to, static_cast<std::uint8_t>(prefix_bytes));
  to = put_fixed(to, flags);
  to = put_fixed(to, first.sequence);
  std::memcpy(to, key(first).data(), prefix_bytes);
  to += prefix_bytes;
  for (auto one = staged_.begin(); one != end; ++one) {
    to = encode_entry(to, *one, prefix_bytes, is_plain);
  }
  raw_end_ = static_cast<std::size_t>(to - raw_.data());
}

char* BlockBuilder::encode_entry(char* to, const Staged& one, std::size_t prefix_bytes,
                                 bool is_plain) const {
  const std::size_t suffix_bytes = one.key_bytes - prefix_bytes;
  to = put_varint(to, suffix_bytes);
  to = put_varint(to, one.value_bytes);
  if (!is_plain) {
    *to++ = static_cast<char>(one.kind);
    to = put_varint(to, sequence_distance(one.sequence, staged_.front().sequence));
    const bool has_expiry =
        (one.kind & ~kOutside) == static_cast<int>(EntryKind::value_with_expiry);
    if (has_expiry) to = put_fixed(to, one.expiry);
  }
  // The key's suffix and the value are one piece.
  return put(to, text_.data() + one.place + prefix_bytes, suffix_bytes + one.value_bytes);
}

}  // namespace siltstone::table
