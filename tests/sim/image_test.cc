// Image: agrees with a plain byte vector under random changes; copies are independent.
#include "support/sim_image.h"

#include <doctest/doctest.h>

#include "support/rng.h"
#include "support/sim_disk.h"

using namespace siltstone::support;

namespace {

struct Model {
  Bytes bytes;

  void change(Rng& rng, Image& image) {
    const std::uint64_t offset = rng.below(40'000);
    const std::uint64_t length = rng.between(1, 10'000);
    switch (rng.below(4)) {
      case 0: {
        const Bytes data(length, static_cast<std::byte>(rng.next()));
        if (bytes.size() < offset + length) bytes.resize(offset + length);
        std::copy(data.begin(), data.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset));
        return image.write(offset, data);
      }
      case 1: bytes.resize(offset); return image.resize(offset);
      case 2:
        if (bytes.size() < offset + length) bytes.resize(offset + length);
        return image.allocate(offset, length);
      default:
        for (std::uint64_t i = offset; i < offset + length && i < bytes.size(); ++i) {
          bytes[i] = std::byte{0};
        }
        return image.punch(offset, length);
    }
  }

  bool equals(const Image& image) const {
    Bytes content(bytes.size());
    image.read(0, content);
    return image.size_bytes() == bytes.size() && content == bytes;
  }
};

}  // namespace

TEST_CASE("sim image: random changes give what a byte vector gives, and copies stay as they were") {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Rng rng(seed);
    Image image;
    Model model;
    for (int i = 0; i < 60; ++i) {
      const Image copy = image;
      const Model before = model;
      model.change(rng, image);
      REQUIRE(model.equals(image));
      REQUIRE(before.equals(copy));
    }
  }
}

TEST_CASE("sim image: holes take no space, allocated zeros do") {
  Image image;
  image.write(8192, Bytes(1, std::byte{1}));
  CHECK(image.size_bytes() == 8193);
  CHECK(image.allocated_bytes() == 4096);
  image.allocate(0, 4096);
  CHECK(image.allocated_bytes() == 8192);
  image.punch(0, 10000);
  CHECK(image.allocated_bytes() == 4096);  // the last block is not whole
  CHECK(image.size_bytes() == 8193);
  image.resize(0);
  CHECK(image.allocated_bytes() == 0);
}
