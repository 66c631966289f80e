// The content of one simulated file at one moment: sparse, in blocks of 4 KiB that copies share
// until one of them writes. Copying an image costs a pointer per block, so that a test can afford a
// copy of the whole disk before every operation.
//
// Invariants: bytes at and beyond size_bytes() are zero; a block is a hole (null), or allocated.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace siltstone::support {

class Image {
 public:
  static constexpr std::uint64_t kBlockBytes = 4096;
  using Block = std::array<std::byte, kBlockBytes>;
  using BlockPtr = std::shared_ptr<Block>;

  [[nodiscard]] std::uint64_t size_bytes() const noexcept { return size_; }
  [[nodiscard]] std::uint64_t allocated_bytes() const noexcept { return allocated_ * kBlockBytes; }
  /// True when the block that holds this offset is no hole.
  [[nodiscard]] bool is_allocated(std::uint64_t offset) const noexcept;

  /// Fills `out`; with zeros where there is a hole or no file.
  void read(std::uint64_t offset, std::span<std::byte> out) const;
  /// Extends the file where needed; a gap becomes a hole.
  void write(std::uint64_t offset, std::span<const std::byte> data);
  void resize(std::uint64_t size);
  /// Turns holes into zeroed blocks and extends the file over the range.
  void allocate(std::uint64_t offset, std::uint64_t length);
  /// Makes whole blocks of the range holes, and zeroes the rest of it. The size stays.
  void punch(std::uint64_t offset, std::uint64_t length);
  /// Makes the range (grown to whole blocks) what it is in `other`, sharing its blocks; takes over
  /// nothing else, not even the size.
  void share(const Image& other, std::uint64_t offset, std::uint64_t length);

  /// The allocated blocks; null where there is a hole.
  [[nodiscard]] std::span<const BlockPtr> blocks() const noexcept { return blocks_; }

  friend bool operator==(const Image& a, const Image& b);

 private:
  Block& edit(std::size_t index);
  void drop(std::size_t index) noexcept;
  void zero(std::uint64_t offset, std::uint64_t length);
  void cover(std::uint64_t size);

  std::uint64_t size_ = 0;
  std::uint64_t allocated_ = 0;
  std::vector<BlockPtr> blocks_;
};

}  // namespace siltstone::support
