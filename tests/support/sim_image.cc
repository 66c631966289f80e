// Sparse file contents, copied on write.
#include "support/sim_image.h"

#include <algorithm>
#include <cstring>

namespace siltstone::support {

namespace {

constexpr std::uint64_t kBlock = Image::kBlockBytes;

const Image::BlockPtr& zero_block() {
  static const Image::BlockPtr block = std::make_shared<Image::Block>();
  return block;
}

/// Calls f(block index, offset in the block, length, offset in the range) for each piece of a
/// range.
template <typename F>
void for_each_piece(std::uint64_t offset, std::uint64_t length, F f) {
  for (std::uint64_t done = 0; done < length;) {
    const std::uint64_t at = (offset + done) % kBlock;
    const std::uint64_t piece = std::min(kBlock - at, length - done);
    f(static_cast<std::size_t>((offset + done) / kBlock), at, piece, done);
    done += piece;
  }
}

}  // namespace

bool Image::is_allocated(std::uint64_t offset) const noexcept {
  const std::uint64_t index = offset / kBlock;
  return index < blocks_.size() && blocks_[index] != nullptr;
}

void Image::read(std::uint64_t offset, std::span<std::byte> out) const {
  for_each_piece(offset, out.size(),
                 [&](std::size_t i, std::uint64_t at, std::uint64_t n, std::uint64_t done) {
                   if (i < blocks_.size() && blocks_[i] != nullptr) {
                     std::memcpy(out.data() + done, blocks_[i]->data() + at, n);
                   } else {
                     std::memset(out.data() + done, 0, n);
                   }
                 });
}

void Image::write(std::uint64_t offset, std::span<const std::byte> data) {
  if (data.empty()) return;
  cover(std::max(size_, offset + data.size()));
  for_each_piece(offset, data.size(),
                 [&](std::size_t i, std::uint64_t at, std::uint64_t n, std::uint64_t done) {
                   std::memcpy(edit(i).data() + at, data.data() + done, n);
                 });
}

void Image::resize(std::uint64_t size) {
  if (size < size_) {
    const std::uint64_t kept = (size + kBlock - 1) / kBlock;
    while (blocks_.size() > kept) {
      drop(blocks_.size() - 1);
      blocks_.pop_back();
    }
    if (size % kBlock != 0) zero(size, kBlock - size % kBlock);
  }
  cover(size);
}

void Image::allocate(std::uint64_t offset, std::uint64_t length) {
  if (length == 0) return;
  cover(std::max(size_, offset + length));
  for (std::uint64_t i = offset / kBlock; i * kBlock < offset + length; ++i) {
    if (blocks_[i] != nullptr) continue;
    blocks_[i] = zero_block();
    ++allocated_;
  }
}

void Image::punch(std::uint64_t offset, std::uint64_t length) {
  if (offset >= size_) return;
  length = std::min(length, blocks_.size() * kBlock - offset);
  for_each_piece(offset, length,
                 [&](std::size_t i, std::uint64_t at, std::uint64_t n, std::uint64_t) {
                   if (n == kBlock) {
                     drop(i);
                   } else {
                     zero(i * kBlock + at, n);
                   }
                 });
}

void Image::share(const Image& other, std::uint64_t offset, std::uint64_t length) {
  const std::uint64_t end = std::min(offset + length, blocks_.size() * kBlock);
  for (std::uint64_t i = offset / kBlock; i * kBlock < end; ++i) {
    drop(i);
    if (!other.is_allocated(i * kBlock)) continue;
    blocks_[i] = other.blocks_[i];
    ++allocated_;
  }
}

bool operator==(const Image& a, const Image& b) {
  if (a.size_ != b.size_) return false;
  for (std::size_t i = 0; i < a.blocks_.size(); ++i) {
    if (a.blocks_[i] == b.blocks_[i]) continue;
    const Image::BlockPtr& left = a.blocks_[i] != nullptr ? a.blocks_[i] : zero_block();
    const Image::BlockPtr& right = b.blocks_[i] != nullptr ? b.blocks_[i] : zero_block();
    if (*left != *right) return false;
  }
  return true;
}

/// The block, owned by this image alone.
Image::Block& Image::edit(std::size_t index) {
  BlockPtr& block = blocks_[index];
  if (block == nullptr) {
    block = std::make_shared<Block>();
    ++allocated_;
  } else if (block.use_count() != 1) {
    block = std::make_shared<Block>(*block);
  }
  return *block;
}

void Image::drop(std::size_t index) noexcept {
  if (blocks_[index] == nullptr) return;
  blocks_[index].reset();
  --allocated_;
}

/// Within one block.
void Image::zero(std::uint64_t offset, std::uint64_t length) {
  if (is_allocated(offset)) std::memset(edit(offset / kBlock).data() + offset % kBlock, 0, length);
}

/// Makes the file this long; the blocks are holes.
void Image::cover(std::uint64_t size) {
  size_ = size;
  blocks_.resize((size + kBlock - 1) / kBlock);
}

}  // namespace siltstone::support
