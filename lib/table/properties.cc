// The codec of properties: a table of tags, so that encoder and decoder cannot disagree.
#include "table/properties.h"

#include <array>

#include "base/coding.h"
#include "base/error.h"

namespace siltstone::table {
namespace {

/// By tag, from 1. Stand in files: never renumber, append only.
constexpr std::size_t kKnown = 16;
using Numbers = std::array<std::uint64_t, kKnown>;

Numbers numbers_of(const Properties& p) noexcept {
  return {p.counts.entries,
          p.counts.erasures,
          p.counts.expiring,
          p.counts.key_bytes,
          p.counts.value_bytes,
          p.oldest.value(),
          p.newest.value(),
          static_cast<std::uint64_t>(p.first_expiry),
          static_cast<std::uint64_t>(p.last_expiry),
          p.keys,
          p.blocks,
          p.partitions,
          p.outside_values,
          p.raw_bytes,
          p.stored_bytes,
          p.filter_bits};
}

Properties properties_of(const Numbers& n) noexcept {
  return {.counts = {n[0], n[1], n[2], n[3], n[4]},
          .oldest = base::Sequence(n[5]),
          .newest = base::Sequence(n[6]),
          .first_expiry = static_cast<std::int64_t>(n[7]),
          .last_expiry = static_cast<std::int64_t>(n[8]),
          .keys = n[9],
          .blocks = n[10],
          .partitions = n[11],
          .outside_values = n[12],
          .raw_bytes = n[13],
          .stored_bytes = n[14],
          .filter_bits = n[15]};
}

bool can_be(const Properties& p) noexcept {
  const TableCounts& counts = p.counts;
  return counts.entries != 0 && counts.erasures <= counts.entries &&
         counts.expiring <= counts.entries - counts.erasures && p.oldest <= p.newest &&
         p.newest <= base::kMaxSequence && p.first_expiry <= p.last_expiry && p.keys != 0 &&
         p.keys <= counts.entries && p.blocks != 0 && p.blocks <= counts.entries &&
         p.partitions != 0 && p.partitions <= p.blocks && p.outside_values <= counts.entries;
}

}  // namespace

std::vector<std::byte> encode_properties(const Properties& properties) {
  std::vector<std::byte> payload;
  base::Appender out(payload);
  out.varint(kKnown);
  std::uint64_t tag = 0;
  for (const std::uint64_t number : numbers_of(properties)) {
    out.varint(++tag);
    out.varint(number);
  }
  return payload;
}

Result<Properties> decode_properties(base::Bytes payload) noexcept {
  base::Reader reader(payload);
  Numbers numbers{};
  const std::uint64_t count = reader.varint();
  std::uint64_t last = 0;
  bool good = count <= kMaxProperties;
  for (std::uint64_t i = 0; i < count && good && reader.ok(); ++i) {
    const std::uint64_t tag = reader.varint();
    const std::uint64_t number = reader.varint();
    good = tag > last;
    if (good && tag <= kKnown) numbers[tag - 1] = number;
    last = tag;
  }
  const Properties properties = properties_of(numbers);
  if (good && reader.at_end() && can_be(properties)) return properties;
  return base::fail(ErrorCode::corruption, "the properties of a table cannot be")
      .offset(reader.position());
}

}  // namespace siltstone::table
