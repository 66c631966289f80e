// The only includer of <snappy.h>, which is optional: without it all but Codec::snappy works.
#include "base/compression.h"

#include <cstring>
#include <new>
#include <string>

#include "base/assert.h"
#include "base/error.h"

#ifdef SILT_HAVE_SNAPPY
#include <snappy.h>
#endif

namespace siltstone::base {

namespace {

Error lacking(Codec codec) noexcept {
  if (codec == Codec::snappy) {
    return fail(ErrorCode::unsupported, "codec snappy: this build was made without it");
  }
  char text[] = "codec 000: not known to this version";
  const auto number = static_cast<unsigned>(codec);
  text[6] = static_cast<char>('0' + number / 100);
  text[7] = static_cast<char>('0' + number / 10 % 10);
  text[8] = static_cast<char>('0' + number % 10);
  return fail(ErrorCode::unsupported, text);
}

#ifdef SILT_HAVE_SNAPPY
// Snappy's densest element makes 64 bytes of 3, so no valid encoding expands more than this.
constexpr std::size_t kMaxSnappyExpansion = 22;

const char* chars(Bytes bytes) noexcept { return as_text(bytes).data(); }
#endif

}  // namespace

const char* codec_name(Codec codec) noexcept {
  switch (codec) {
    case Codec::none: return "none";
    case Codec::snappy: return "snappy";
  }
  return "unknown";
}

bool codec_available(Codec codec) noexcept {
#ifdef SILT_HAVE_SNAPPY
  return codec == Codec::none || codec == Codec::snappy;
#else
  return codec == Codec::none;
#endif
}

std::size_t max_compressed_size(Codec codec, std::size_t raw_size) noexcept {
#ifdef SILT_HAVE_SNAPPY
  if (codec == Codec::snappy) return snappy::MaxCompressedLength(raw_size);
#endif
  static_cast<void>(codec);
  static_cast<void>(raw_size);
  return 0;
}

Result<std::optional<std::size_t>> compress(Codec codec, Bytes raw, MutableBytes out) noexcept {
  if (codec == Codec::none) return std::nullopt;
  if (!codec_available(codec)) return std::unexpected(lacking(codec));
  SILT_ASSERT(out.size() >= max_compressed_size(codec, raw.size()));
#ifdef SILT_HAVE_SNAPPY
  SILT_ASSERT(raw.size() <= UINT32_MAX);
  std::size_t size = 0;
  try {
    snappy::RawCompress(chars(raw), raw.size(), reinterpret_cast<char*>(out.data()), &size);
  } catch (const std::bad_alloc&) {  // its hash table
    return fail(ErrorCode::out_of_memory, "compressing with snappy");
  }
  if (size <= raw.size() - (raw.size() + 7) / 8) return size;
#endif
  return std::nullopt;
}

Result<std::size_t> decompressed_size(Codec codec, Bytes stored, std::size_t limit) noexcept {
  if (!codec_available(codec)) return std::unexpected(lacking(codec));
  std::size_t size = stored.size();
#ifdef SILT_HAVE_SNAPPY
  if (codec == Codec::snappy) {
    if (!snappy::GetUncompressedLength(chars(stored), stored.size(), &size)) {
      return fail(ErrorCode::corruption, "snappy: the raw length is damaged");
    }
    if (size / kMaxSnappyExpansion > stored.size()) {
      return fail(ErrorCode::corruption, "snappy: more raw bytes promised than can be encoded");
    }
  }
#endif
  if (size > limit) {
    return fail(ErrorCode::corruption, "the raw size is over its limit").mismatch(limit, size);
  }
  return size;
}

Result<void> decompress(Codec codec, Bytes stored, MutableBytes out) noexcept {
  const auto size = decompressed_size(codec, stored, out.size());
  if (!size) return std::unexpected(size.error());
  if (*size != out.size()) {
    return fail(ErrorCode::corruption, "the raw size is not the one expected")
        .mismatch(out.size(), *size);
  }
#ifdef SILT_HAVE_SNAPPY
  if (codec == Codec::snappy) {
    // Into one flat buffer it takes no memory, so it cannot throw.
    if (!snappy::RawUncompress(chars(stored), stored.size(), reinterpret_cast<char*>(out.data()))) {
      return fail(ErrorCode::corruption, "snappy: the stored bytes are damaged");
    }
    return {};
  }
#endif
  if (!stored.empty()) std::memcpy(out.data(), stored.data(), stored.size());
  return {};
}

}  // namespace siltstone::base
