// The codec of a partition's payload. The encoder trusts its caller, the decoder trusts nobody.
#include "table/partition_format.h"

#include <array>

#include "base/assert.h"
#include "base/coding.h"
#include "base/error.h"
#include "base/try.h"

namespace siltstone::table {
namespace {

constexpr std::size_t kZeroBytes = 7;

struct Header {
  std::uint32_t blocks = 0;
  std::uint32_t prefix_bytes = 0;
};

std::unexpected<Error> damaged(std::string_view what, std::size_t offset) noexcept {
  return std::unexpected(base::fail(ErrorCode::corruption, what).offset(offset).build());
}

// The fields before the prefix, as far as they can be judged alone.
Result<Header> decode_header(base::Reader& reader, PartitionContent& content) noexcept {
  Header header;
  header.blocks = reader.u32();
  content.keys = reader.u32();
  content.filter_shape.lines = reader.u32();
  header.prefix_bytes = reader.u32();
  content.filter_shape.probes = reader.u8();
  for (std::size_t i = 0; i < kZeroBytes; ++i) {
    if (reader.u8() != 0) return damaged("a reserved byte of a partition is not zero", 17 + i);
  }
  if (!reader.ok()) return damaged("a partition ends within its header", reader.position());
  const std::size_t most = reader.remaining() / kMinPartitionBlockBytes;
  if (header.blocks == 0 || header.blocks > kMaxPartitionBlocks || header.blocks > most) {
    return damaged("the number of blocks of a partition cannot be", 0);
  }
  if (content.keys == 0) return damaged("a partition has no keys", 4);
  const FilterShape shape = content.filter_shape;
  if (shape.lines == 0 || shape.bytes() > reader.remaining()) {
    return damaged("the size of a partition's filter cannot be", 8);
  }
  if (shape.probes == 0 || shape.probes > kMaxFilterProbes) {
    return damaged("the number of probes of a partition's filter cannot be", 16);
  }
  if (header.prefix_bytes > kMaxSeparatorBytes) {
    return damaged("the prefix of a partition is longer than any key", 12);
  }
  return header;
}

Result<SectorRange> decode_place(base::Reader& reader, std::uint64_t behind,
                                 std::uint32_t table_sectors) noexcept {
  const std::size_t offset = reader.position();
  const std::uint64_t sector = behind + reader.varint32();
  const std::uint64_t sectors = reader.varint32();
  if (!reader.ok()) return damaged("the place of a block is cut short", reader.position());
  if (sectors == 0) return damaged("a block has no sectors", offset);
  if (sector + sectors > table_sectors) return damaged("a block lies beyond its table", offset);
  return SectorRange{static_cast<std::uint32_t>(sector), static_cast<std::uint32_t>(sectors)};
}

// The separator of block `range`, if it has one.
Result<void> decode_separator(base::Reader& reader, std::uint32_t range,
                              PartitionContent& content) {
  const std::size_t offset = reader.position();
  const std::uint32_t text = reader.varint32();
  if (!reader.ok()) return damaged("a separator is cut short", reader.position());
  if (text == 0) return {};
  if (content.prefix.size() + (text - 1) > kMaxSeparatorBytes) {
    return damaged("a separator is longer than any key", offset);
  }
  const std::string_view suffix = base::as_text(reader.bytes(text - 1));
  if (!reader.ok()) return damaged("a separator is cut short", reader.position());
  if (!content.separators.empty() && suffix <= content.separators.back().suffix) {
    return damaged("separators do not ascend", offset);
  }
  content.separators.push_back({suffix, range});
  return {};
}

}  // namespace

Result<void> encode_partition(const PartitionContent& content, std::vector<std::byte>& out) {
  SILT_ASSERT(!content.blocks.empty());
  SILT_ASSERT(content.filter.size() == content.filter_shape.bytes());
  const std::size_t start = out.size();
  base::Appender appender(out);
  appender.u32(static_cast<std::uint32_t>(content.blocks.size()));
  appender.u32(content.keys);
  appender.u32(content.filter_shape.lines);
  appender.u32(static_cast<std::uint32_t>(content.prefix.size()));
  appender.u8(content.filter_shape.probes);
  appender.bytes(std::array<std::byte, kZeroBytes>{});
  appender.bytes(base::as_bytes(content.prefix));

  std::uint64_t behind = 0;
  auto separator = content.separators.begin();
  for (std::uint32_t i = 0; i < content.blocks.size(); ++i) {
    const SectorRange place = content.blocks[i];
    SILT_ASSERT(place.first >= behind);
    SILT_ASSERT(place.count > 0);
    appender.varint(place.first - behind);
    appender.varint(place.count);
    behind = place.end();
    if (i == 0) continue;
    if (separator == content.separators.end() || separator->range != i) {
      appender.varint(0);
      continue;
    }
    appender.varint(separator->suffix.size() + 1);
    appender.bytes(base::as_bytes(separator->suffix));
    ++separator;
  }
  SILT_ASSERT(separator == content.separators.end());
  appender.bytes(content.filter);
  if (content.blocks.size() > kMaxPartitionBlocks || out.size() - start > kMaxPartitionBytes) {
    return base::fail(ErrorCode::unsupported, "a key has too many versions for one table");
  }
  return {};
}

Result<PartitionContent> decode_partition(base::Bytes payload, std::uint32_t table_sectors) {
  PartitionContent content;
  base::Reader reader(payload);
  const Header header = SILT_TRY(decode_header(reader, content));
  content.prefix = base::as_text(reader.bytes(header.prefix_bytes));
  if (!reader.ok()) return damaged("the prefix of a partition is cut short", reader.position());
  content.blocks.reserve(header.blocks);
  content.separators.reserve(header.blocks - 1);
  std::uint64_t behind = 0;
  for (std::uint32_t i = 0; i < header.blocks; ++i) {
    content.blocks.push_back(SILT_TRY(decode_place(reader, behind, table_sectors)));
    behind = content.blocks.back().end();
    if (i > 0) SILT_TRY(decode_separator(reader, i, content));
  }
  const std::size_t offset = reader.position();
  content.filter = reader.rest();
  if (content.filter.size() != content.filter_shape.bytes()) {
    return std::unexpected(base::fail(ErrorCode::corruption, "a partition does not end as it says")
                               .offset(offset)
                               .mismatch(content.filter_shape.bytes(), content.filter.size())
                               .build());
  }
  return content;
}

}  // namespace siltstone::table
