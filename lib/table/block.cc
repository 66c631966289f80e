// Searches in a block in memory.
#include "table/block.h"

#include <algorithm>

#include "base/assert.h"

namespace siltstone::table {
namespace {

static_assert(block_layout(kMaxTags, kMaxPrefixBytes).slots + 2 * (kMaxTags + 1) <=
                  0xf * kLineBytes,
              "the lines to ask for are counted in four bits");
static_assert(block_layout(kMaxTags, kMaxPrefixBytes).entries <= 0xf * kLineBytes);
static_assert(kMaxFrameBytes / kLineBytes <= 0xfff, "lines are counted in twelve bits");
static_assert(block_layout(kMaxTags + 1, kMaxPrefixBytes).tags / kLineBytes <= 7);

// So many equal heads are counted one by one.
constexpr std::uint32_t kFewEqual = 4;

// Equality without a call. Neither side is read beyond its end.
[[gnu::always_inline]] inline bool same_bytes(std::string_view left,
                                              std::string_view right) noexcept {
  const std::size_t size = left.size();
  if (right.size() != size) return false;
  const char* const a = left.begin();
  const char* const b = right.begin();
  const auto differ = [a, b]<typename Word>(Word, std::size_t at) {
    Word from_a;
    Word from_b;
    std::memcpy(&from_a, a + at, sizeof(Word));
    std::memcpy(&from_b, b + at, sizeof(Word));
    return from_a ^ from_b;
  };
  if (size >= 8) {
    std::uint64_t any = differ(std::uint64_t{}, size - 8);
    for (std::size_t at = 0; at + 8 < size && any == 0; at += 8) any = differ(std::uint64_t{}, at);
    return any == 0;
  }
  if (size >= 4) return (differ(std::uint32_t{}, 0) | differ(std::uint32_t{}, size - 4)) == 0;
  return std::memcmp(a, b, size) == 0;
}

}  // namespace

Block::Match Block::match(std::uint64_t hash) const noexcept {
  const auto tag = static_cast<std::uint8_t>(hash);
  if (layout_.lines == 0) [[likely]]
    return {match_tags(frame_ + layout_.tags, entries(), tag), 0, tag};
  const std::uint32_t line = line_of(hash, layout_.lines);
  return {match_line(line, tag), line, tag};
}

std::uint64_t Block::match_line(std::uint32_t line, std::uint8_t tag) const noexcept {
  const char* const tags = line_at(line);
  const std::uint32_t count = static_cast<std::uint8_t>(tags[offsetof(BucketLine, count)]);
  return match_tags(tags, kTagsPerLine, tag) & ((std::uint64_t{1} << count) - 1);
}

void Block::prefetch(Match match) const noexcept {
  if (match.bits == 0) return;
  const auto first = static_cast<std::uint32_t>(std::countr_zero(match.bits));
  const char* place = nullptr;
  const char* last = nullptr;
  if (layout_.lines == 0) [[likely]] {
    place = frame_ + slot(first);
    last = frame_ + slot(first + 1) - 1;
  } else {
    place = frame_ + line_entry(match.line, first);
    last = place + std::size_t{2} * kLineBytes;
  }
  __builtin_prefetch(place);
  __builtin_prefetch(place + kLineBytes);
  __builtin_prefetch(last);
}

bool Block::has_prefix(std::string_view key) const noexcept {
  return same_bytes(key.substr(0, prefix_bytes()), prefix());
}

Lookup Block::find(std::string_view key, base::Sequence at, Match match,
                   BlockEntry& entry) const noexcept {
  if (match.bits == 0 && layout_.lines == 0) return Lookup::absent;
  if (!has_prefix(key)) return Lookup::absent;
  if ((flags() & (kContinued | kContinuation)) != 0) return find_version(key, at, entry);
  const std::string_view suffix = key.substr(prefix_bytes());
  if (layout_.lines != 0) return find_in_lines(suffix, at, match, entry);
  for (std::uint64_t bits = match.bits; bits != 0; bits &= bits - 1) {
    entry = this->entry(static_cast<std::uint32_t>(std::countr_zero(bits)));
    if (same_bytes(entry.suffix, suffix) && entry.sequence <= at) return Lookup::found;
  }
  return Lookup::absent;
}

// Versions of a key lie in the order of the block in these lines too: when a line is full for a
// newer one, it is for the older ones.
Lookup Block::find_in_lines(std::string_view suffix, base::Sequence at, Match match,
                            BlockEntry& entry) const noexcept {
  for (std::uint32_t visited = 0; visited < layout_.lines; ++visited) {
    for (std::uint64_t bits = match.bits; bits != 0; bits &= bits - 1) {
      const auto place = static_cast<std::uint32_t>(std::countr_zero(bits));
      entry = decode_entry(frame_ + line_entry(match.line, place), flags(), base_sequence());
      if (same_bytes(entry.suffix, suffix) && entry.sequence <= at) return Lookup::found;
    }
    if (line_at(match.line)[offsetof(BucketLine, overflow)] == 0) break;
    if (++match.line == layout_.lines) match.line = 0;
    match.bits = match_line(match.line, match.tag);
  }
  return Lookup::absent;
}

// In a block of one key, whose versions may be many.
Lookup Block::find_version(std::string_view key, base::Sequence at,
                           BlockEntry& entry) const noexcept {
  const std::uint32_t count = entries();
  const std::uint32_t place = lower_bound(key, at);
  entry = this->entry(std::min(place, count - 1));
  if (!same_bytes(entry.suffix, key.substr(prefix_bytes()))) return Lookup::absent;
  if (place < count) return Lookup::found;
  return is_continued() ? Lookup::continued : Lookup::absent;
}

std::uint32_t Block::lower_bound(std::string_view key, base::Sequence at) const noexcept {
  const std::uint32_t count = entries();
  const int order = key.substr(0, prefix_bytes()).compare(prefix());
  if (order != 0) return order < 0 ? 0 : count;
  const std::string_view suffix = key.substr(prefix_bytes());

  const char* const heads = frame_ + layout_.heads;
  const std::int32_t head = head_of_suffix(suffix);
  std::uint32_t first = lower_bound_head(heads, count, head);
  // Of several equal heads, halves; mostly there is one, or none.
  std::uint32_t end = first;
  while (end < count && end < first + kFewEqual && head_at(heads, end) == head) ++end;
  if (end == first + kFewEqual) end = upper_bound_head(end, head);
  while (first < end) {
    const std::uint32_t middle = first + (end - first) / 2;
    const BlockEntry entry = this->entry(middle);
    const int suffix_order = entry.suffix.compare(suffix);
    const bool is_before = suffix_order != 0 ? suffix_order < 0 : entry.sequence > at;
    if (is_before) {
      first = middle + 1;
    } else {
      end = middle;
    }
  }
  return first;
}

std::uint32_t Block::upper_bound_head(std::uint32_t from, std::int32_t head) const noexcept {
  const std::uint32_t count = entries() - from;
  if (head == INT32_MAX) return entries();
  return from + lower_bound_head(frame_ + layout_.heads + std::size_t{4} * from, count, head + 1);
}

std::uint16_t frame_hint(const std::byte* frame) noexcept {
  const Block block(frame);
  const BlockLayout layout =
      block_layout(block.entries(), static_cast<std::uint32_t>(block.prefix().size()));
  if (layout.lines != 0) {
    return static_cast<std::uint16_t>(kHintLines | layout.tags / kLineBytes << 12 | layout.lines);
  }
  const std::uint32_t behind_slots = layout.slots + 2 * (block.entries() + 1);
  const std::uint32_t find_lines = (behind_slots + kLineBytes - 1) / kLineBytes;
  const std::uint32_t seek_lines = (layout.entries + kLineBytes - 1) / kLineBytes;
  return static_cast<std::uint16_t>(seek_lines << 4 | find_lines);
}

}  // namespace siltstone::table
