// The footer as bytes: round trip, layout, every flip, wrong places.
#include "table/footer.h"

#include <functional>
#include <optional>

#include <doctest/doctest.h>

#include "base/coding.h"

namespace siltstone::table {
namespace {

constexpr std::uint64_t kSeed = 0x5eed;
constexpr base::TableId kTable{7};
constexpr std::uint32_t kSectors = 100;

Footer example() {
  return {.id = kTable,
          .hash_check = hash_check(kSeed),
          .root = {80, 10},
          .properties = {90, 1},
          .sectors = kSectors};
}

std::optional<ErrorCode> code_of(const Result<Footer>& result) {
  return result ? std::nullopt : std::optional(result.error().code());
}

std::optional<ErrorCode> decoded_after(const std::function<void(Footer&)>& change) {
  Footer footer = example();
  change(footer);
  return code_of(decode_footer(encode_footer(footer), kTable, kSectors, kSeed));
}

}  // namespace

TEST_CASE("footer: comes back as it was") {
  const auto decoded = decode_footer(encode_footer(example()), kTable, kSectors, kSeed);
  REQUIRE(decoded);
  CHECK(*decoded == example());
}

TEST_CASE("footer: bytes are as documented") {
  const FooterBytes bytes = encode_footer(example());
  const std::span<const std::byte, kFooterBytes> view(bytes);
  CHECK(base::as_text(view.first<8>()) == "SILTTBL\n");
  CHECK(base::load_le<std::uint32_t>(view.subspan<12, 4>()) == kTableVersion);
  CHECK(base::load_le<std::uint64_t>(view.subspan<32, 8>()) == kTable.value());
  CHECK(base::load_le<std::uint32_t>(view.subspan<48, 4>()) == 80);
  CHECK(base::load_le<std::uint32_t>(view.subspan<60, 4>()) == 1);
  CHECK(base::load_le<std::uint32_t>(view.subspan<64, 4>()) == kSectors);
}

TEST_CASE("footer: every flip of a bit is an error") {
  const FooterBytes good = encode_footer(example());
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    CAPTURE(bit);
    FooterBytes bytes = good;
    bytes[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    CHECK(code_of(decode_footer(bytes, kTable, kSectors, kSeed)) == ErrorCode::corruption);
  }
}

TEST_CASE("footer: another table's, and one in another place, is an error") {
  const FooterBytes bytes = encode_footer(example());
  CHECK(code_of(decode_footer(bytes, base::TableId(8), kSectors, kSeed)) == ErrorCode::corruption);
  CHECK(code_of(decode_footer(bytes, kTable, kSectors + 1, kSeed)) == ErrorCode::corruption);
}

TEST_CASE("footer: a table of another hash seed is refused") {
  const auto decoded = decode_footer(encode_footer(example()), kTable, kSectors, kSeed + 1);
  CHECK(code_of(decoded) == ErrorCode::corruption);
}

TEST_CASE("footer: what lies outside of the table, or in one place, is an error") {
  CHECK_FALSE(decoded_after([](Footer&) {}));
  CHECK(decoded_after([](Footer& f) { f.root = {95, 5}; }) == ErrorCode::corruption);
  CHECK(decoded_after([](Footer& f) { f.root.count = 0; }) == ErrorCode::corruption);
  CHECK(decoded_after([](Footer& f) { f.properties = {UINT32_MAX, UINT32_MAX}; }) ==
        ErrorCode::corruption);
  CHECK(decoded_after([](Footer& f) { f.properties.first = 89; }) == ErrorCode::corruption);
}

}  // namespace siltstone::table
