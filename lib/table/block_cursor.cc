// Going from block to block.
#include "table/block_cursor.h"

#include <cstring>

namespace siltstone::table {

void BlockCursor::enter(Block block) {
  keys_.reserve(block.longest_key());
  block_ = block;
  count_ = block.entries();
  position_ = count_;
  ahead_ = 0;
  const std::string_view prefix = block.prefix();
  prefix_bytes_ = static_cast<std::uint32_t>(prefix.size());
  if (!prefix.empty()) std::memcpy(keys_.data(), prefix.data(), prefix.size());
}

void BlockCursor::leave() noexcept {
  block_ = Block();
  count_ = 0;
  position_ = 0;
  ahead_ = 0;
}

// Header, tags and slots now; the entries as the walk gets as far in its own frame.
void BlockCursor::set_ahead(const std::byte* frame) noexcept {
  ahead_ = 0;
  if (frame == nullptr) return;
  constexpr std::size_t kLinesBeforeEntries = 4;
  for (std::size_t i = 0; i < kLinesBeforeEntries; ++i) {
    __builtin_prefetch(frame + kLineBytes * i);
  }
  ahead_ = reinterpret_cast<std::intptr_t>(frame) - reinterpret_cast<std::intptr_t>(block_.frame());
}

}  // namespace siltstone::table
