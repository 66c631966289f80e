// Values that prove themselves: each says which key it was written to, by which write, and its own
// length, under a checksum. A value that was never written so is known at sight.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "support/rng.h"

namespace siltstone::model {

/// Shortest value that has room for the proof.
inline constexpr std::size_t kProofBytes = 24;

/// A value of `length` bytes, at least kProofBytes, for `key`, by write number `write`.
[[nodiscard]] std::string make_value(std::string_view key, std::uint64_t write, std::size_t length,
                                     support::Rng& rng);

/// True when make_value() may have made it for this key: the empty value proves nothing and may be.
[[nodiscard]] bool is_genuine(std::string_view key, std::string_view value) noexcept;

/// The number of the write that made a genuine value; 0 for the empty one.
[[nodiscard]] std::uint64_t write_of(std::string_view value) noexcept;

}  // namespace siltstone::model
