// How numbers and strings become bytes: little-endian integers of fixed width, varints, and strings
// preceded by their length as a varint.
//
// A varint holds 7 bits a byte, lowest first, the top bit set on all but the last byte. It is
// canonical: the shortest form only, at most 64 bits. The Reader refuses every other form, so that
// equal bytes and equal values are the same thing, and a checksum of one vouches for the other.
//
// Reader is the one way to take stored bytes apart. It never reads past its end, whatever they say.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "base/bytes.h"

namespace siltstone::base {

/// Bytes of the longest varint.
inline constexpr std::size_t kMaxVarintBytes = 10;

static_assert(std::endian::native == std::endian::little, "byte order is little-endian throughout");

template <std::unsigned_integral T>
[[nodiscard]] T load_le(std::span<const std::byte, sizeof(T)> from) noexcept {
  T value;
  std::memcpy(&value, from.data(), sizeof value);
  return value;
}

template <std::unsigned_integral T>
void store_le(std::span<std::byte, sizeof(T)> to, T value) noexcept {
  std::memcpy(to.data(), &value, sizeof value);
}

/// Bytes that `value` takes as a varint: 1 to kMaxVarintBytes.
[[nodiscard]] constexpr std::size_t varint_size(std::uint64_t value) noexcept {
  return (static_cast<std::size_t>(std::bit_width(value | 1)) + 6) / 7;
}

/// The encoding functions, on top of the `append(Bytes)` of Sink.
template <typename Sink>
class Encoder {
 public:
  void u8(std::uint8_t value) { fixed(value); }
  void u16(std::uint16_t value) { fixed(value); }
  void u32(std::uint32_t value) { fixed(value); }
  void u64(std::uint64_t value) { fixed(value); }
  void bytes(Bytes bytes) { sink().append(bytes); }

  void varint(std::uint64_t value) {
    std::array<std::byte, kMaxVarintBytes> text;
    std::size_t size = 0;
    for (; value >= 0x80; value >>= 7) text[size++] = static_cast<std::byte>(value | 0x80);
    text[size++] = static_cast<std::byte>(value);
    sink().append(Bytes(text).first(size));
  }

  /// The length as a varint, then the bytes.
  void sized_bytes(Bytes bytes) {
    varint(bytes.size());
    sink().append(bytes);
  }

 private:
  template <typename T>
  void fixed(T value) {
    sink().append(std::as_bytes(std::span(&value, 1)));
  }
  Sink& sink() noexcept { return static_cast<Sink&>(*this); }
};

/// Encodes into a buffer of the caller's. What does not fit is dropped, and so is everything after
/// it: check ok() once at the end.
class Writer : public Encoder<Writer> {
 public:
  explicit Writer(MutableBytes buffer) noexcept : buffer_(buffer) {}

  /// False once something did not fit.
  [[nodiscard]] bool ok() const noexcept { return ok_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t remaining() const noexcept { return buffer_.size() - size_; }
  /// What was written so far.
  [[nodiscard]] MutableBytes written() const noexcept { return buffer_.first(size_); }

  void append(Bytes bytes) noexcept {
    ok_ = ok_ && bytes.size() <= remaining();
    if (!ok_ || bytes.empty()) return;
    std::memcpy(buffer_.data() + size_, bytes.data(), bytes.size());
    size_ += bytes.size();
  }

 private:
  MutableBytes buffer_;
  std::size_t size_ = 0;
  bool ok_ = true;
};

/// Encodes to the end of a growing buffer, which it borrows. Throws only std::bad_alloc.
class Appender : public Encoder<Appender> {
 public:
  explicit Appender(std::vector<std::byte>& buffer) noexcept : buffer_(buffer) {}

  void append(Bytes bytes) { buffer_.insert(buffer_.end(), bytes.begin(), bytes.end()); }

 private:
  std::vector<std::byte>& buffer_;
};

/// A cursor over bytes that may be hostile. The first read that the bytes do not allow - too short,
/// or a varint that is not canonical - fails the Reader for good: that read and all later ones give
/// zero or nothing, and the position stays where the failure was. So decode, then check ok() once
/// before believing any value; loops must check it on every turn.
class Reader {
 public:
  explicit Reader(Bytes bytes) noexcept : bytes_(bytes) {}

  [[nodiscard]] bool ok() const noexcept { return ok_; }
  /// Bytes consumed so far; after a failure, the offset of what could not be read.
  [[nodiscard]] std::size_t position() const noexcept { return position_; }
  [[nodiscard]] std::size_t remaining() const noexcept { return bytes_.size() - position_; }
  /// True when everything was read without a failure.
  [[nodiscard]] bool at_end() const noexcept { return ok_ && remaining() == 0; }

  [[nodiscard]] std::uint8_t u8() noexcept { return fixed<std::uint8_t>(); }
  [[nodiscard]] std::uint16_t u16() noexcept { return fixed<std::uint16_t>(); }
  [[nodiscard]] std::uint32_t u32() noexcept { return fixed<std::uint32_t>(); }
  [[nodiscard]] std::uint64_t u64() noexcept { return fixed<std::uint64_t>(); }

  [[nodiscard]] std::uint64_t varint() noexcept {
    std::uint64_t value = 0;
    for (std::size_t i = 0; ok_ && i < remaining() && i < kMaxVarintBytes; ++i) {
      const auto byte = std::to_integer<std::uint64_t>(bytes_[position_ + i]);
      if (i == kMaxVarintBytes - 1 && byte > 1) break;  // more than 64 bits
      value |= (byte & 0x7f) << (7 * i);
      if (byte >= 0x80) continue;
      if (byte == 0 && i > 0) break;  // longer than needed
      position_ += i + 1;
      return value;
    }
    ok_ = false;
    return 0;
  }
  /// A varint of at most 32 bits; a larger one fails.
  [[nodiscard]] std::uint32_t varint32() noexcept {
    const std::size_t start = position_;
    const std::uint64_t value = varint();
    if (value <= UINT32_MAX) return static_cast<std::uint32_t>(value);
    position_ = start;
    ok_ = false;
    return 0;
  }

  /// The next `count` bytes: a view into what the Reader was made from.
  [[nodiscard]] Bytes bytes(std::uint64_t count) noexcept {
    ok_ = ok_ && count <= remaining();
    if (!ok_) return {};
    const Bytes result = bytes_.subspan(position_, static_cast<std::size_t>(count));
    position_ += result.size();
    return result;
  }
  /// A length as a varint, then as many bytes.
  [[nodiscard]] Bytes sized_bytes() noexcept { return bytes(varint()); }
  /// All that is left.
  [[nodiscard]] Bytes rest() noexcept { return bytes(remaining()); }

 private:
  template <std::unsigned_integral T>
  T fixed() noexcept {
    const Bytes from = bytes(sizeof(T));
    return ok_ ? load_le<T>(from.first<sizeof(T)>()) : T{0};
  }

  Bytes bytes_;
  std::size_t position_ = 0;
  bool ok_ = true;
};

}  // namespace siltstone::base
