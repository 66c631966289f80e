// Loading: taken apart and checked first, then laid out.
#include "table/partition.h"

#include <cstring>
#include <new>

#include "base/try.h"

namespace siltstone::table {
namespace {

static_assert(FrameWord::is_always_lock_free && sizeof(FrameWord) == sizeof(SectorRange));

std::size_t places_bytes(const PartitionContent& content) noexcept {
  return whole_lines(content.blocks.size() * sizeof(SectorRange));
}

}  // namespace

Partition::Partition(const PartitionContent& content)
    : memory_(content.filter.size() + 2 * places_bytes(content)),
      filter_({memory_.data(), content.filter.size()}, content.filter_shape.probes),
      index_(Index::build(content.prefix, content.separators)),
      places_(reinterpret_cast<const SectorRange*>(memory_.data() + content.filter.size())),
      frames_(nullptr),
      blocks_(static_cast<std::uint32_t>(content.blocks.size())),
      keys_(content.keys) {
  std::byte* const places = memory_.data() + content.filter.size();
  std::memcpy(memory_.data(), content.filter.data(), content.filter.size());
  std::memcpy(places, content.blocks.data(), blocks_ * sizeof(SectorRange));
  auto* const frames = reinterpret_cast<FrameWord*>(places + places_bytes(content));
  for (std::uint32_t i = 0; i < blocks_; ++i) new (frames + i) FrameWord(0);
  frames_ = std::launder(frames);
}

Result<Partition> Partition::load(base::Bytes payload, std::uint32_t table_sectors) {
  const PartitionContent content = SILT_TRY(decode_partition(payload, table_sectors));
  return Partition(content);
}

}  // namespace siltstone::table
