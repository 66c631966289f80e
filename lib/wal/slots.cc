// Lists and opens slots, and reads their headers.
#include "wal/slots.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/try.h"
#include "wal/block_buffer.h"

namespace siltstone::wal {
namespace {

// A listed slot that is gone means that a writer is at work; how often to look again.
constexpr int kListAttempts = 16;

// More of a file without blocks no writer leaves, nor a file system that compresses. Reading such a
// file to its end could take hours.
constexpr std::uint64_t kMostHoleBytes = std::uint64_t{4} << 30;

struct SlotName {
  std::uint64_t number = 0;
  std::optional<std::string_view> suffix;  ///< What follows the first dot, if there is one.
};

/// Nothing for names that are not ours.
std::optional<SlotName> parse_name(std::string_view name) {
  SlotName result;
  const std::string_view digits = name.substr(0, name.find('.'));
  if (digits.size() != name.size()) result.suffix = name.substr(digits.size() + 1);
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), result.number);
  const bool is_canonical = digits.size() == 1 || !digits.starts_with('0');
  if (error != std::errc{} || end != digits.data() + digits.size() || !is_canonical) {
    return std::nullopt;
  }
  return result;
}

Result<Slot> read_slot_once(io::Directory& wal, io::Channel& channel, io::File& file,
                            std::string name, bool read_only) {
  Slot slot;
  slot.path = fmt::format("{}/{}", wal.path(), name);
  slot.name = std::move(name);
  const BlockBuffer buffer(kFirstFrameOffset + kBlockBytes);
  const std::size_t size = SILT_TRY(channel.read_to_end(file, 0, buffer.bytes()));
  const io::FileInfo info = SILT_TRY(file.info());
  slot.size_bytes = info.size_bytes;
  if (info.size_bytes > info.allocated_bytes &&
      info.size_bytes - info.allocated_bytes > kMostHoleBytes) {
    return base::fail(ErrorCode::corruption, "a segment is a hole for the most part")
        .path(slot.path)
        .mismatch(info.allocated_bytes, info.size_bytes);
  }
  for (std::size_t copy = 0; copy < slot.copies.size(); ++copy) {
    if (size < (copy + 1) * kBlockBytes) continue;  // cut off: it stays `no_magic`
    slot.copies[copy] =
        decode_segment_header(buffer.bytes().subspan(copy * kBlockBytes, kBlockBytes), read_only);
  }
  const auto behind =
      buffer.bytes().first(size).subspan(std::min<std::size_t>(size, kFirstFrameOffset));
  slot.has_frames =
      std::ranges::any_of(behind, [](std::byte byte) { return byte != std::byte{0}; });
  return slot;
}

/// A writer may be at the headers of a slot that it goes on in: what looks odd is read again.
Result<Slot> read_slot(io::Directory& wal, io::Channel& channel, io::File& file, std::string name,
                       bool read_only) {
  Slot slot = SILT_TRY(read_slot_once(wal, channel, file, name, read_only));
  const bool is_whole = std::ranges::all_of(
      slot.copies, [](const auto& copy) { return copy.state == HeaderState::valid; });
  if (is_whole || slot.is_unused() || !read_only) return slot;
  return read_slot_once(wal, channel, file, std::move(name), read_only);
}

// A format that is not ours must not be taken for damage.
Result<void> check_supported(const Slot& slot) {
  if (slot.header() != nullptr) return {};
  for (const auto& copy : slot.copies) {
    if (copy.state == HeaderState::newer_version) {
      return base::fail(ErrorCode::unsupported,
                        fmt::format("the log has format version {}, this code knows {}",
                                    copy.version, kFormatVersion))
          .path(slot.path);
    }
    if (copy.state == HeaderState::unknown_feature) {
      return base::fail(ErrorCode::unsupported,
                        fmt::format("the log needs features that this code lacks: bits {:#x}",
                                    copy.features))
          .path(slot.path);
    }
  }
  return {};
}

Result<void> check_identities(std::span<const Slot> slots) {
  const Slot* first = nullptr;
  std::vector<std::pair<base::SegmentId, const Slot*>> ids;
  for (const Slot& slot : slots) {
    const SegmentHeader* header = slot.header();
    if (header == nullptr) continue;
    if (first == nullptr) first = &slot;
    if (header->store != first->header()->store) {
      return base::fail(ErrorCode::corruption,
                        fmt::format("segments of two stores: this one is not of that of slot {}",
                                    first->name))
          .path(slot.path);
    }
    ids.emplace_back(header->id, &slot);
  }
  std::ranges::sort(ids);
  const auto twin =
      std::ranges::adjacent_find(ids, {}, [](const auto& entry) { return entry.first; });
  if (twin == ids.end()) return {};
  return base::fail(ErrorCode::corruption, fmt::format("segment {} is also in slot {}",
                                                       twin->first.value(), twin->second->name))
      .path(std::next(twin)->second->path);
}

/// One look at the directory. Nothing when a listed slot is gone.
Result<std::optional<Slots>> try_read_slots(io::Directory& wal, io::Channel& channel,
                                            bool read_only) {
  Slots result;
  base::SegmentId newest;
  for (std::string& name : SILT_TRY(wal.list())) {
    const auto parsed = parse_name(name);
    if (!parsed) continue;
    if (parsed->suffix == "new") result.unfinished.push_back(name);
    if (parsed->suffix) continue;
    auto file = open_slot(wal, name, {.direct = true});
    if (!file && io::is_not_found(file.error())) return std::nullopt;
    if (!file) return std::unexpected(std::move(file).error());
    result.slots.push_back(SILT_TRY(read_slot(wal, channel, **file, std::move(name), read_only)));
    SILT_TRY(check_supported(result.slots.back()));
    const SegmentHeader* header = result.slots.back().header();
    if (header != nullptr && header->id > newest) {
      newest = header->id;
      result.newest = std::move(*file);
    }
  }
  SILT_TRY(check_identities(result.slots));
  return result;
}

}  // namespace

const char* reason(HeaderState state) noexcept {
  switch (state) {
    case HeaderState::valid: break;
    case HeaderState::zero: return "a segment header is all zeros";
    case HeaderState::no_magic: return "this is not a segment header";
    case HeaderState::bad_checksum: return "the checksum of a segment header differs";
    case HeaderState::bad_field: return "a field of a segment header is out of range";
    case HeaderState::newer_version: return "a segment header has another format version";
    case HeaderState::unknown_feature: return "a segment header needs unknown features";
  }
  return "";
}

const SegmentHeader* Slot::header() const noexcept {
  const SegmentHeader* result = nullptr;
  for (const auto& copy : copies) {
    if (copy.state != HeaderState::valid) continue;
    if (result == nullptr || copy.header.id > result->id) result = &copy.header;
  }
  return result;
}

bool Slot::is_unused() const noexcept {
  return !has_frames && std::ranges::all_of(copies, [](const auto& copy) {
    return copy.state == HeaderState::zero;
  });
}

Result<SlotNames> list_slots(io::Directory& wal) {
  SlotNames result;
  std::set<std::uint64_t> taken;
  for (const std::string& name : SILT_TRY(wal.list())) {
    const auto parsed = parse_name(name);
    if (!parsed) continue;
    taken.insert(parsed->number);
    if (!parsed->suffix) ++result.slots;
  }
  while (taken.contains(result.free_number)) ++result.free_number;
  return result;
}

Result<std::unique_ptr<io::File>> open_slot(io::Directory& wal, std::string_view name,
                                            io::OpenOptions options) {
  auto file = SILT_TRY(wal.open(name, options));
  const io::Alignment alignment = file->alignment();
  if (kBlockBytes % alignment.offset_bytes == 0 && kBlockBytes % alignment.memory_bytes == 0) {
    return file;
  }
  file.reset();
  options.direct = false;
  options.create = false;
  return wal.open(name, options);
}

Result<Slots> read_slots(io::Directory& wal, io::Channel& channel, bool read_only) {
  for (int attempt = 0; attempt < kListAttempts; ++attempt) {
    auto slots = SILT_TRY(try_read_slots(wal, channel, read_only));
    if (slots) return *std::move(slots);
  }
  return base::fail(ErrorCode::busy, "segments come and go while they are read").path(wal.path());
}

}  // namespace siltstone::wal
