// CRC32C: every path of this build gives the known values and agrees with the byte table.
#include "base/crc32c.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "base/coding.h"
#include "base/crc32c_paths.h"
#include "base/random.h"

using namespace siltstone;

namespace {

struct Vector {
  const char* name;
  std::vector<std::byte> bytes;
  std::uint32_t crc;
};

std::vector<std::byte> counting(std::size_t size, int first, int step) {
  std::vector<std::byte> bytes(size);
  for (auto& byte : bytes) {
    byte = static_cast<std::byte>(first);
    first += step;
  }
  return bytes;
}

std::vector<std::byte> scsi_read_command() {
  std::vector<std::byte> bytes(48);
  const std::pair<std::size_t, int> set[] = {{0, 0x01},  {1, 0xc0},  {16, 0x14}, {22, 0x04},
                                             {27, 0x14}, {31, 0x18}, {32, 0x28}, {40, 0x02}};
  for (const auto& [offset, value] : set) bytes[offset] = static_cast<std::byte>(value);
  return bytes;
}

// RFC 3720, appendix B.4, and the check value of the catalogue of CRCs.
std::vector<Vector> known_vectors() {
  const auto digits = base::as_bytes("123456789");
  return {
      {"32 zeros", counting(32, 0x00, 0), 0x8a9136aa},
      {"32 ones", counting(32, 0xff, 0), 0x62a8ab43},
      {"ascending", counting(32, 0x00, 1), 0x46dd794e},
      {"descending", counting(32, 0x1f, -1), 0x113fdb5c},
      {"iSCSI read command", scsi_read_command(), 0xd9963a56},
      {"digits", {digits.begin(), digits.end()}, 0xe3069283},
      {"nothing", {}, 0},
  };
}

std::vector<std::byte> random_bytes(base::Random& random, std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::byte>(random.next());
  return bytes;
}

}  // namespace

TEST_CASE("crc32c: the path chosen gives the known values") {
  for (const auto& [name, bytes, crc] : known_vectors()) {
    CAPTURE(name);
    CHECK(base::crc32c(0, bytes) == crc);
  }
}

TEST_CASE("crc32c: every usable path gives the known values") {
  for (const auto& path : base::crc::all_paths()) {
    CAPTURE(path.name);
    if (!path.usable()) {
      MESSAGE("not usable on this processor: ", path.name);
      continue;
    }
    for (const auto& [name, bytes, crc] : known_vectors()) {
      CAPTURE(name);
      CHECK(~path.extend(~0U, bytes.data(), bytes.size()) == crc);
    }
  }
}

TEST_CASE("crc32c: all paths agree on random lengths, alignments and seeds") {
  base::Random random(1);
  const auto bytes = random_bytes(random, 20'000);
  for (const auto& path : base::crc::all_paths()) {
    if (!path.usable()) continue;
    CAPTURE(path.name);
    for (int round = 0; round < 400; ++round) {
      const std::size_t limit = round < 200 ? 600 : bytes.size() - 64;
      const std::size_t size = random.below(limit);
      const std::size_t start = random.below(64);
      const auto state = static_cast<std::uint32_t>(random.next());
      CAPTURE(size);
      CAPTURE(start);
      CHECK(path.extend(state, bytes.data() + start, size) ==
            base::crc::extend_bytewise(state, bytes.data() + start, size));
    }
  }
}

TEST_CASE("crc32c: all paths agree on every length up to a few turns of every loop") {
  base::Random random(2);
  const auto bytes = random_bytes(random, 5'000);
  for (const auto& path : base::crc::all_paths()) {
    if (!path.usable()) continue;
    CAPTURE(path.name);
    std::uint32_t expected = 7;
    std::size_t disagreements = 0;
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      disagreements += path.extend(7, bytes.data(), size) != expected ? 1 : 0;
      expected = base::crc::extend_bytewise(expected, bytes.data() + size, 1);
    }
    CHECK(disagreements == 0);
  }
}

TEST_CASE("crc32c: extending in pieces is the same as all at once") {
  base::Random random(3);
  const auto bytes = random_bytes(random, 10'000);
  for (int round = 0; round < 100; ++round) {
    const std::size_t cut = random.below(bytes.size());
    const std::uint32_t front = base::crc32c(0, std::span(bytes).first(cut));
    CHECK(base::crc32c(front, std::span(bytes).subspan(cut)) == base::crc32c(0, bytes));
  }
}

TEST_CASE("crc32c: seeds and sealed values are what the file format says") {
  std::vector<std::byte> identity;
  base::Appender(identity).u64(5);
  base::Appender(identity).u64(9);
  CHECK(base::crc32c_seed(5, 9) == base::crc32c(0, identity));
  CHECK(base::seal_crc32c(0xe306'9283) == 0x761f'86eb);
}

TEST_CASE("crc32c: the seed tells places apart that differ in one bit") {
  std::vector<std::uint32_t> seeds = {base::crc32c_seed(5, 9)};
  for (int bit = 0; bit < 64; ++bit) {
    seeds.push_back(base::crc32c_seed(5 ^ (std::uint64_t{1} << bit), 9));
    seeds.push_back(base::crc32c_seed(5, 9 ^ (std::uint64_t{1} << bit)));
  }
  std::sort(seeds.begin(), seeds.end());
  CHECK(std::adjacent_find(seeds.begin(), seeds.end()) == seeds.end());
}

TEST_CASE("crc32c: a stored checksum is never zero") {
  // The one CRC whose rotated value and the constant sum to zero.
  const std::uint32_t worst = std::rotl(0U - 0x5117'c0deU, 15);
  CHECK(std::rotr(worst, 15) + 0x5117'c0deU == 0);
  CHECK(base::seal_crc32c(worst) != 0);
  CHECK(base::seal_crc32c(0) != 0);
  CHECK(base::seal_crc32c(0x12345678) != 0x12345678);
}

TEST_CASE("crc32c: the path chosen is the last usable one") {
  std::string_view last;
  for (const auto& path : base::crc::all_paths()) {
    if (path.usable()) last = path.name;
  }
  CHECK(base::crc32c_path_name() == last);
}
