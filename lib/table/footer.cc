// The codec of the footer. The encoder trusts its caller, the decoder trusts nobody.
#include "table/footer.h"

#include <algorithm>
#include <string_view>

#include "base/assert.h"
#include "base/coding.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "base/hash.h"

namespace siltstone::table {
namespace {

constexpr std::string_view kMagic = "SILTTBL\n";
constexpr std::size_t kChecksumOffset = 8;
constexpr std::size_t kCoveredFrom = 12;
constexpr std::size_t kFieldBytes = 68;  // the rest is zero

static_assert(kMagic.size() == kChecksumOffset && kFieldBytes <= kFooterBytes);

std::uint32_t checksum(base::Bytes footer, base::TableId id, std::uint32_t sector) noexcept {
  std::array<std::byte, 12> identity;
  base::Writer writer(identity);
  writer.u64(id.value());
  writer.u32(sector);
  const std::uint32_t seed = base::crc32c(0, identity);
  return base::seal_crc32c(base::crc32c(seed, footer.subspan(kCoveredFrom)));
}

SectorRange read_range(base::Reader& reader) noexcept {
  const std::uint32_t first = reader.u32();
  return {first, reader.u32()};
}

bool fields_fit(const Footer& footer, std::uint32_t sectors) noexcept {
  const auto inside = [&](const SectorRange& range) {
    return range.count != 0 && range.end() < sectors;
  };
  return footer.sectors == sectors && inside(footer.root) && inside(footer.properties) &&
         (footer.root.end() <= footer.properties.first ||
          footer.properties.end() <= footer.root.first);
}

}  // namespace

std::uint64_t hash_check(std::uint64_t hash_seed) noexcept {
  return base::hash64(base::as_bytes(kMagic), hash_seed);
}

FooterBytes encode_footer(const Footer& footer) noexcept {
  FooterBytes bytes{};
  base::Writer writer(bytes);
  writer.bytes(base::as_bytes(kMagic));
  writer.u32(0);  // the checksum, below
  writer.u32(kTableVersion);
  writer.u64(0);
  writer.u64(0);
  writer.u64(footer.id.value());
  writer.u64(footer.hash_check);
  for (const SectorRange& range : {footer.root, footer.properties}) {
    writer.u32(range.first);
    writer.u32(range.count);
  }
  writer.u32(footer.sectors);
  SILT_ASSERT(writer.size() == kFieldBytes);
  base::store_le(std::span(bytes).subspan<kChecksumOffset, 4>(),
                 checksum(bytes, footer.id, footer.sectors - 1));
  return bytes;
}

Result<Footer> decode_footer(base::Bytes sector, base::TableId id, std::uint32_t sectors,
                             std::uint64_t hash_seed) noexcept {
  SILT_ASSERT(sector.size() == kFooterBytes && sectors != 0);
  const std::uint64_t place = (std::uint64_t{sectors} - 1) * kSectorBytes;
  base::Reader reader(sector);
  if (base::as_text(reader.bytes(kMagic.size())) != kMagic) {
    return base::fail(ErrorCode::corruption, "not the footer of a table").offset(place);
  }
  const std::uint32_t stored = reader.u32();
  const std::uint32_t actual = checksum(sector, id, sectors - 1);
  if (stored != actual) {
    return base::fail(ErrorCode::corruption, "footer of a table: bad checksum")
        .offset(place)
        .mismatch(actual, stored);
  }
  const std::uint32_t version = reader.u32();
  if (version > kTableVersion) {
    return base::fail(ErrorCode::unsupported, "the table has a newer format version")
        .mismatch(kTableVersion, version);
  }
  const std::uint64_t features = reader.u64();
  if ((features & ~kKnownRequiredFeatures) != 0) {
    return base::fail(ErrorCode::unsupported, "the table needs a feature that is not known here")
        .mismatch(kKnownRequiredFeatures, features);
  }
  static_cast<void>(reader.u64());  // what a reader may ignore
  Footer footer;
  footer.id = base::TableId(reader.u64());
  footer.hash_check = reader.u64();
  footer.root = read_range(reader);
  footer.properties = read_range(reader);
  footer.sectors = reader.u32();
  if (footer.id != id || version == 0 || !fields_fit(footer, sectors)) {
    return base::fail(ErrorCode::corruption, "footer of a table: impossible field").offset(place);
  }
  if (footer.hash_check != hash_check(hash_seed)) {
    return base::fail(ErrorCode::corruption, "the table was built under another hash seed")
        .offset(place)
        .mismatch(hash_check(hash_seed), footer.hash_check);
  }
  return footer;
}

}  // namespace siltstone::table
