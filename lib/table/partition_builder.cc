// Separators are cut as blocks come, the prefix and the filter at the end, when all are known.
#include "table/partition_builder.h"

#include "base/assert.h"
#include "base/try.h"
#include "table/line_buffer.h"

namespace siltstone::table {
namespace {

// What a block takes besides its separator: gap, sectors and the length of the text.
constexpr std::size_t kUsualBlockBytes = 3;

}  // namespace

PartitionBuilder::PartitionBuilder(const PartitionOptions& options) : options_(options) {
  SILT_ASSERT(options.filter_bits_per_key > 0);
  SILT_ASSERT(options.filter_bits_per_key <= kMaxFilterBitsPerKey);
  SILT_ASSERT(options.max_blocks > 0);
}

void PartitionBuilder::add_key(std::uint64_t hash) {
  // Versions of one key follow each other. Two keys of one hash count as one, to no harm.
  if (!hashes_.empty() && hashes_.back() == hash) return;
  hashes_.push_back(hash);
}

void PartitionBuilder::add_place(SectorRange place) {
  SILT_ASSERT(place.count > 0);
  SILT_ASSERT(blocks_.empty() || place.first >= blocks_.back().end());
  blocks_.push_back(place);
}

void PartitionBuilder::add_block(std::string_view first_key, std::string_view last_key,
                                 SectorRange place) {
  SILT_ASSERT(!hashes_.empty());
  SILT_ASSERT(first_key <= last_key);
  if (!blocks_.empty()) {
    texts_.append(shortest_separator(last_key_, first_key));
    cuts_.push_back({blocks(), static_cast<std::uint32_t>(texts_.size())});
  }
  add_place(place);
  last_key_ = last_key;
}

void PartitionBuilder::add_continuation(SectorRange place) {
  SILT_ASSERT(!blocks_.empty());
  add_place(place);
}

bool PartitionBuilder::full() const noexcept {
  const std::size_t bytes = kPartitionHeaderBytes + texts_.size() +
                            blocks_.size() * kUsualBlockBytes +
                            hashes_.size() * options_.filter_bits_per_key / 8;
  return blocks_.size() >= options_.max_blocks || bytes >= options_.target_bytes;
}

PartitionContent PartitionBuilder::content() const {
  PartitionContent content;
  content.keys = static_cast<std::uint32_t>(hashes_.size());
  content.blocks = blocks_;
  content.separators.reserve(cuts_.size());
  std::size_t begin = 0;
  for (const Cut& cut : cuts_) {
    content.separators.push_back(
        {std::string_view(texts_).substr(begin, cut.text_end - begin), cut.block});
    begin = cut.text_end;
  }
  if (content.separators.empty()) return content;
  const std::string_view first = content.separators.front().suffix;
  const std::size_t shared = base::shared_bytes(first, content.separators.back().suffix);
  content.prefix = first.substr(0, shared);
  for (Separator& separator : content.separators) separator.suffix.remove_prefix(shared);
  return content;
}

Result<void> PartitionBuilder::finish(std::vector<std::byte>& out) {
  SILT_ASSERT(!blocks_.empty());
  PartitionContent content = this->content();
  content.filter_shape = filter_shape(content.keys, options_.filter_bits_per_key);
  const LineBuffer filter(content.filter_shape.bytes());
  fill_filter(hashes_, content.filter_shape, {filter.data(), filter.size()});
  content.filter = {filter.data(), filter.size()};
  auto encoded = encode_partition(content, out);
  hashes_.clear();
  blocks_.clear();
  cuts_.clear();
  texts_.clear();
  last_key_.clear();
  return encoded;
}

}  // namespace siltstone::table
