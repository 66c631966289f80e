// The codecs of log frames and table blocks. Both ends are bounded: compressing needs a buffer of
// known size and says when it is not worth it; decompressing believes no stored length before it
// was checked, so that a few hostile bytes cannot ask for gigabytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include <siltstone/error.h>

#include "base/bytes.h"

namespace siltstone::base {

/// How bytes are stored. The values are part of the file format.
enum class Codec : std::uint8_t { none = 0, snappy = 1 };

/// The name of the codec as spelled above; "unknown" for a value read from a file that is none.
[[nodiscard]] const char* codec_name(Codec codec) noexcept;

/// True when this build can compress and decompress with it.
[[nodiscard]] bool codec_available(Codec codec) noexcept;

/// Bytes that compress() needs room for.
[[nodiscard]] std::size_t max_compressed_size(Codec codec, std::size_t raw_size) noexcept;

/// Compresses `raw` (less than 4 GiB) into `out`, of at least max_compressed_size() bytes. The
/// bytes used, if they are at most seven eighths of the raw ones; nothing when it is not worth it
/// (always so for `none`): store the raw bytes as Codec::none then. `unsupported` names a codec
/// that this build lacks. Thread-safe.
[[nodiscard]] Result<std::optional<std::size_t>> compress(Codec codec, Bytes raw,
                                                          MutableBytes out) noexcept;

/// The size that `stored` says it has raw, once it is proved to be at most `limit` and possible at
/// all for as few stored bytes; else `corruption`. To be called before memory is taken for it.
[[nodiscard]] Result<std::size_t> decompressed_size(Codec codec, Bytes stored,
                                                    std::size_t limit) noexcept;

/// Decompresses into `out`, whose size must be decompressed_size(). `corruption` when the stored
/// bytes are not a whole valid encoding of as many; what `out` holds then means nothing.
/// Thread-safe.
[[nodiscard]] Result<void> decompress(Codec codec, Bytes stored, MutableBytes out) noexcept;

}  // namespace siltstone::base
