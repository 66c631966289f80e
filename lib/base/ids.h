// Numbers that must not be mixed up, each a type of its own. All are as cheap as the integer
// inside; none converts by itself, in either direction.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>

namespace siltstone::base {

/// A name that is a number: has an order of creation, but no distances.
template <typename Tag, typename Rep>
class Id {
 public:
  constexpr Id() = default;
  constexpr explicit Id(Rep value) noexcept : value_(value) {}

  [[nodiscard]] constexpr Rep value() const noexcept { return value_; }
  /// The one after it. Ids are never reused, and 64 bits are never used up.
  [[nodiscard]] constexpr Id next() const noexcept { return Id(static_cast<Rep>(value_ + 1)); }

  friend constexpr auto operator<=>(const Id&, const Id&) = default;

 private:
  Rep value_ = 0;
};

/// A place on a line: moves by counts, and two places have a distance.
template <typename Tag, typename Rep>
class Place {
 public:
  constexpr Place() = default;
  constexpr explicit Place(Rep value) noexcept : value_(value) {}

  [[nodiscard]] constexpr Rep value() const noexcept { return value_; }

  constexpr Place& operator+=(Rep count) noexcept {
    value_ = static_cast<Rep>(value_ + count);
    return *this;
  }
  [[nodiscard]] friend constexpr Place operator+(Place from, Rep count) noexcept {
    return from += count;
  }
  /// How far `to` lies beyond `from`, which must not be the greater.
  [[nodiscard]] friend constexpr Rep operator-(Place to, Place from) noexcept {
    return static_cast<Rep>(to.value_ - from.value_);
  }
  friend constexpr auto operator<=>(const Place&, const Place&) = default;

 private:
  Rep value_ = 0;
};

/// Position in the one commit order, one per operation, from 1; 0 is before every commit. 56 bits,
/// so that a sequence and a kind share a word: nothing beyond kMaxSequence is ever given out.
using Sequence = Place<struct SequenceTag, std::uint64_t>;
inline constexpr Sequence kMaxSequence{(std::uint64_t{1} << 56) - 1};

/// Byte in everything the log ring ever took in one session; its place in memory is this modulo the
/// size of the ring.
using RingPosition = Place<struct RingPositionTag, std::uint64_t>;
/// Page of the page file: 4 KiB each.
using PageNumber = Place<struct PageNumberTag, std::uint32_t>;

/// A named part of a store with keys of its own; 0 is the default one.
using KeyspaceId = Id<struct KeyspaceIdTag, std::uint32_t>;
/// A log segment, in the order of their making, from 1; its slot may be reused, its id is not.
using SegmentId = Id<struct SegmentIdTag, std::uint64_t>;
/// A use of the log ring from its start, drawn at random; a ring of another session is void.
using SessionId = Id<struct SessionIdTag, std::uint64_t>;
/// A table, in the order of their making, from 1.
using TableId = Id<struct TableIdTag, std::uint64_t>;
/// A durable state of the page file, counted from 1.
using Generation = Id<struct GenerationTag, std::uint64_t>;

/// Drawn at random at creation: tells one store from another, and its files from foreign ones.
struct StoreId {
  std::array<std::byte, 16> bytes{};

  friend bool operator==(const StoreId&, const StoreId&) = default;
};

}  // namespace siltstone::base
