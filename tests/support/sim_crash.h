// What a power cut makes of the changes that nobody synced. Synced ones always survive.
//
// The dimensions are independent; each value of each is something that a file system or a disk was
// seen to do, or is allowed to do:
//   keep     which pending changes reach the disk, and whether writes are torn
//   names    whether creating, renaming and removing keep their order
//   fill     what is in blocks that a file got but whose data did not make it
#pragma once

#include <cstdint>
#include <string>

namespace siltstone::support {

enum class Keep : std::uint8_t {
  synced,       ///< Nothing that is pending.
  everything,   ///< All of it.
  prefix,       ///< The changes before some moment; a write at that moment is torn.
  all_but_one,  ///< One change is lost, later ones are there.
  only_one,     ///< One change is there, earlier ones are lost.
  random,       ///< Each change by a coin as biased as the seed says.
  torn,         ///< Of each write a random set of sectors; other changes by a coin.
};

enum class Names : std::uint8_t {
  strict,   ///< POSIX: a name is sure only after a sync of its directory; otherwise as `keep` says.
  ordered,  ///< A journal: metadata changes of all nodes survive up to some moment, at least up to
            ///< the last sync of anything.
  lost,     ///< No name change survives without its sync, although data may.
};

enum class Fill : std::uint8_t {
  zeros,
  stale,  ///< Bytes of removed files, or noise.
};

/// One way to cut the power. The same value on the same disk gives the same result.
struct Crash {
  std::uint64_t seed = 0;
  Keep keep = Keep::random;
  Names names = Names::strict;
  Fill fill = Fill::zeros;
  std::uint32_t tear_bytes = 512;  ///< Writes are torn at multiples of it: 512 or 4096.

  /// All dimensions drawn from the seed.
  [[nodiscard]] static Crash from_seed(std::uint64_t seed) noexcept;
  /// For messages: "keep=torn names=strict fill=stale tear=512 seed=7".
  [[nodiscard]] std::string to_string() const;
};

}  // namespace siltstone::support
