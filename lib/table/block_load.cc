// Checks a raw block and adds tags, slots and heads to it.
#include "table/block_load.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <optional>

#include <fmt/format.h>

#include "base/assert.h"
#include "base/coding.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/try.h"
#include "table/block_entry.h"
#include "table/block_format.h"
#include "table/block_search.h"
#include "table/key_buffer.h"

namespace siltstone::table {
namespace {

using base::EntryKind;
using base::fail;

constexpr const char* kCutOff = "block: an entry is cut off, or a varint not canonical";
constexpr const char* kUnknownKind = "block: entries of an unknown kind";

struct RawHeader {
  std::uint32_t entries = 0;
  std::uint32_t prefix_bytes = 0;
  std::uint8_t flags = 0;
  std::uint64_t base_sequence = 0;
};

RawHeader read_header(base::Reader& reader) noexcept {
  RawHeader header;
  header.entries = reader.u16();
  header.prefix_bytes = reader.u8();
  header.flags = reader.u8();
  header.base_sequence = reader.u64();
  return header;
}

// Whether a value can lie there, in a table of any size.
bool is_possible(const ValueReference& reference) noexcept {
  return reference.bytes <= kMaxUnitRawBytes && reference.sectors >= 1 &&
         reference.sectors <= unit_sectors(reference.bytes) &&
         reference.sectors <= UINT32_MAX - reference.sector;
}

// One pass over the entries, which lie in their place in the frame already. What is wrong with one
// is told by a text, null for nothing, and made an error at the end: the pass is what reading a
// block costs, and errors are not for free.
class Loader {
 public:
  // Without a seed there will be no tags.
  Loader(const RawHeader& header, std::size_t entry_bytes, std::optional<std::uint64_t> hash_seed,
         base::MutableBytes frame)
      : header_(header),
        layout_(block_layout(header.entries, header.prefix_bytes)),
        hash_seed_(hash_seed),
        frame_(reinterpret_cast<char*>(frame.data())),
        entries_(frame.subspan(layout_.entries, entry_bytes)) {
    std::memset(frame_ + layout_.tags, 0, layout_.slots - layout_.tags);
    if (!hash_seed_) return;
    key_.reserve(std::min(kMaxKeyBytes, header.prefix_bytes + entry_bytes));
    std::memcpy(key_.data(), frame_ + kBlockHeaderBytes, header.prefix_bytes);
  }

  [[nodiscard]] Result<void> run() noexcept;

 private:
  struct Parsed {
    std::string_view suffix;
    std::uint64_t sequence = 0;
    std::int32_t head = 0;
    bool is_same_key = false;  // as the entry before
  };

  [[nodiscard]] const char* parse(base::Reader& reader, Parsed& entry) noexcept;
  [[nodiscard]] const char* parse_rich(base::Reader& reader, std::size_t value_bytes, Parsed& entry,
                                       bool& is_outside) noexcept;
  [[nodiscard]] const char* check_order(const Parsed& before, Parsed& entry) const noexcept;
  [[nodiscard]] Error refusal(const char* what, std::size_t position) const noexcept;
  [[nodiscard]] std::uint64_t hash_of(std::string_view suffix) const noexcept;
  void put_in_line(std::uint64_t hash, bool is_same_key, std::size_t slot) noexcept;
  void put_header(std::size_t longest_suffix) noexcept;

  [[nodiscard]] char* line_at(std::uint32_t line) const noexcept {
    return frame_ + layout_.tags + std::size_t{kLineBytes} * line;
  }
  template <typename T>
  void store(std::size_t offset, T value) noexcept {
    std::memcpy(frame_ + offset, &value, sizeof value);
  }

  const RawHeader header_;
  const BlockLayout layout_;
  const std::optional<std::uint64_t> hash_seed_;
  char* const frame_;
  const base::Bytes entries_;
  KeyBuffer key_;           // of the entry at hand; the prefix stays
  std::uint32_t line_ = 0;  // where the last tag went
  EntryKind unknown_kind_ = EntryKind::none;
};

// What it works with from entry to entry is in locals: stores into the frame could change members,
// for all that the compiler knows.
Result<void> Loader::run() noexcept {
  base::Reader reader(entries_);
  Parsed before;
  std::uint64_t hash = 0;
  std::size_t longest_suffix = 0;
  const std::uint32_t count = header_.entries;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::size_t slot = layout_.entries + reader.position();
    Parsed entry;
    const char* fault = parse(reader, entry);
    if (fault == nullptr && i > 0) fault = check_order(before, entry);
    if (fault != nullptr) [[unlikely]]
      return std::unexpected(refusal(fault, reader.position()));
    longest_suffix = std::max(longest_suffix, entry.suffix.size());
    store(layout_.slots + std::size_t{2} * i, static_cast<std::uint16_t>(slot));
    store(layout_.heads + std::size_t{4} * i, entry.head);
    before = entry;
    if (!hash_seed_) continue;
    if (!entry.is_same_key) hash = hash_of(entry.suffix);
    if (layout_.lines == 0) {
      store(layout_.tags + i, static_cast<std::uint8_t>(hash));
    } else {
      put_in_line(hash, entry.is_same_key, slot);
    }
  }
  if (!reader.at_end()) {
    return std::unexpected(refusal("block: bytes behind its last entry", reader.position()));
  }
  // Only the end of a single entry, which alone may be as large, can be beyond what a slot holds.
  const std::size_t end = std::min<std::size_t>(layout_.entries + entries_.size(), UINT16_MAX);
  store(layout_.slots + std::size_t{2} * count, static_cast<std::uint16_t>(end));
  put_header(longest_suffix);
  return {};
}

[[gnu::always_inline]] inline const char* Loader::parse(base::Reader& reader,
                                                        Parsed& entry) noexcept {
  const std::size_t suffix_bytes = reader.varint32();
  const std::size_t value_bytes = reader.varint32();
  if (!reader.ok()) return kCutOff;
  const std::size_t key_bytes = header_.prefix_bytes + suffix_bytes;
  if (key_bytes < kKeyspaceBytes || key_bytes > kMaxKeyBytes) {
    return "block: a key is longer or shorter than keys may be";
  }
  if (value_bytes > kMaxInsideValueBytes) return "block: a value is too long to be inside";
  entry.sequence = header_.base_sequence;
  bool is_outside = false;
  if ((header_.flags & kPlain) == 0) {
    if (const char* fault = parse_rich(reader, value_bytes, entry, is_outside)) return fault;
  }
  entry.suffix = base::as_text(reader.bytes(suffix_bytes));
  const base::Bytes value = reader.bytes(value_bytes);
  if (!reader.ok()) return kCutOff;
  if (is_outside && !is_possible(decode_reference(base::as_text(value)))) {
    return "block: a value lies outside where none can";
  }
  entry.head = head_of_suffix(entry.suffix);
  return nullptr;
}

[[gnu::always_inline]] inline const char* Loader::parse_rich(base::Reader& reader,
                                                             std::size_t value_bytes, Parsed& entry,
                                                             bool& is_outside) noexcept {
  const std::uint8_t byte = reader.u8();
  entry.sequence += static_cast<std::uint64_t>(unzigzag(reader.varint()));
  const auto kind = static_cast<EntryKind>(byte & ~kOutside);
  if (kind == EntryKind::value_with_expiry) static_cast<void>(reader.u64());
  if (!reader.ok()) return kCutOff;
  if (kind == EntryKind::none) return "block: an entry of no kind";
  if (kind > EntryKind::value_with_expiry) {
    unknown_kind_ = kind;
    return kUnknownKind;
  }
  if (entry.sequence > base::kMaxSequence.value()) return "block: no such sequence";
  is_outside = (byte & kOutside) != 0;
  if (kind == EntryKind::erase && (value_bytes != 0 || is_outside)) {
    return "block: a delete has a value";
  }
  if (is_outside && value_bytes != kReferenceBytes) return "block: a reference is of another size";
  return nullptr;
}

// Ascending keys; of one key, descending sequences.
[[gnu::always_inline]] inline const char* Loader::check_order(const Parsed& before,
                                                              Parsed& entry) const noexcept {
  int order = entry.head < before.head ? -1 : 1;
  if (entry.head == before.head) order = entry.suffix.compare(before.suffix);
  if (order < 0) return "block: its keys are not in order";
  entry.is_same_key = order == 0;
  if (entry.is_same_key && entry.sequence >= before.sequence) {
    return "block: the versions of a key are not in order";
  }
  if (!entry.is_same_key && (header_.flags & (kContinued | kContinuation)) != 0) {
    return "block: other keys beside one whose versions fill blocks";
  }
  return nullptr;
}

Error Loader::refusal(const char* what, std::size_t position) const noexcept {
  const std::size_t offset = kRawBlockHeaderBytes + header_.prefix_bytes + position;
  if (what != kUnknownKind) return fail(ErrorCode::corruption, what).offset(offset);
  std::array<char, 80> text;
  const auto end = fmt::format_to_n(text.begin(), text.size(),
                                    "block: entries of kind {} ({}) are not known to this version",
                                    static_cast<unsigned>(unknown_kind_), to_string(unknown_kind_));
  return fail(ErrorCode::unsupported, {text.data(), end.out}).offset(offset);
}

[[gnu::always_inline]] inline std::uint64_t Loader::hash_of(
    std::string_view suffix) const noexcept {
  copy_in_steps(key_.data() + header_.prefix_bytes, suffix.data(), suffix.size());
  const std::string_view key(key_.data(), header_.prefix_bytes + suffix.size());
  return base::hash64(base::as_bytes(key), *hash_seed_);
}

// A further version begins its search where the one before it ended: all lines up to there are full
// and say so.
void Loader::put_in_line(std::uint64_t hash, bool is_same_key, std::size_t slot) noexcept {
  if (!is_same_key) line_ = line_of(hash, layout_.lines);
  char* line = line_at(line_);
  while (line[offsetof(BucketLine, count)] == kTagsPerLine) {
    line[offsetof(BucketLine, overflow)] = 1;
    line_ = line_ + 1 == layout_.lines ? 0 : line_ + 1;
    line = line_at(line_);
  }
  const std::size_t place = static_cast<std::uint8_t>(line[offsetof(BucketLine, count)]++);
  const auto entry = static_cast<std::uint16_t>(slot);
  line[place] = static_cast<char>(hash);
  std::memcpy(line + offsetof(BucketLine, entries) + 2 * place, &entry, sizeof entry);
}

void Loader::put_header(std::size_t longest_suffix) noexcept {
  store(0, static_cast<std::uint16_t>(header_.entries));
  store(2, static_cast<std::uint8_t>(header_.prefix_bytes));
  store(3, header_.flags);
  store(4, static_cast<std::uint32_t>(header_.prefix_bytes + longest_suffix));
  store(8, header_.base_sequence);
}

}  // namespace

Result<BlockShape> read_block_shape(base::Bytes raw) noexcept {
  if (raw.size() > kMaxRawBlockBytes) {
    return fail(ErrorCode::corruption, "block: larger than any can be")
        .mismatch(kMaxRawBlockBytes, raw.size());
  }
  base::Reader reader(raw);
  const RawHeader header = read_header(reader);
  static_cast<void>(reader.bytes(header.prefix_bytes));
  if (!reader.ok()) return fail(ErrorCode::corruption, "block: its header is cut off");
  if ((header.flags & ~kKnownBlockFlags) != 0) {
    return fail(ErrorCode::unsupported, "block: a flag that is not known to this version")
        .mismatch(kKnownBlockFlags, header.flags);
  }
  if (header.base_sequence > base::kMaxSequence.value()) {
    return fail(ErrorCode::corruption, "block: no such sequence")
        .mismatch(base::kMaxSequence.value(), header.base_sequence);
  }
  const std::size_t entry_bytes = reader.remaining();
  if (header.entries == 0 || header.entries > entry_bytes / kMinEntryBytes) {
    return fail(ErrorCode::corruption, "block: fewer bytes than entries need, or no entries")
        .mismatch(entry_bytes / kMinEntryBytes, header.entries);
  }
  BlockShape shape;
  shape.entries = header.entries;
  shape.bytes = block_bytes(header.entries, header.prefix_bytes, entry_bytes);
  shape.frame_bytes = frame_bytes_for(shape.bytes);
  if (header.entries > 1 && shape.bytes > kMaxFrameBytes) {
    return fail(ErrorCode::corruption, "block: too many entries for a frame")
        .mismatch(kMaxFrameBytes, shape.bytes);
  }
  return shape;
}

namespace {

Result<void> load(base::Bytes raw, std::optional<std::uint64_t> hash_seed,
                  base::MutableBytes frame) {
  const BlockShape shape = SILT_TRY(read_block_shape(raw));
  SILT_ASSERT(frame.size() >= shape.frame_bytes);
  SILT_ASSERT(reinterpret_cast<std::uintptr_t>(frame.data()) % kLineBytes == 0);
  base::Reader reader(raw);
  const RawHeader header = read_header(reader);
  const base::Bytes prefix = reader.bytes(header.prefix_bytes);
  const base::Bytes entries = reader.rest();
  std::byte* const end = frame.data() + (shape.bytes - kBlockTailBytes);
  if (!prefix.empty()) {
    std::memcpy(frame.data() + kBlockHeaderBytes, prefix.data(), prefix.size());
  }
  std::memcpy(end - entries.size(), entries.data(), entries.size());
  std::memset(end, 0, kBlockTailBytes);
  return Loader(header, entries.size(), hash_seed, frame).run();
}

}  // namespace

Result<void> load_block(base::Bytes raw, std::uint64_t hash_seed, base::MutableBytes frame) {
  return load(raw, hash_seed, frame);
}

Result<void> load_block_to_walk(base::Bytes raw, base::MutableBytes frame) {
  return load(raw, std::nullopt, frame);
}

}  // namespace siltstone::table
