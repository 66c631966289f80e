// Catalogs as bytes: round trips, sizes, hostile payloads.
#include "tree/catalog_format.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "base/random.h"
#include "support/property.h"

namespace siltstone::tree {
namespace {

using page::Extent;

TableRecord table(std::uint64_t id, std::string lower, std::string upper) {
  TableRecord made;
  made.id = base::TableId(id);
  made.extents = {{base::PageNumber(static_cast<std::uint32_t>(id * 64)), 32},
                  {base::PageNumber(static_cast<std::uint32_t>(id * 64 + 32)), 16}};
  made.bytes = std::uint64_t{33} * page::kPageBytes;
  made.bounds = {std::move(lower), std::move(upper)};
  made.oldest = base::Sequence(10);
  made.newest = base::Sequence(20 + id);
  made.counts = {.entries = 9, .erasures = 1, .expiring = 0, .key_bytes = 90, .value_bytes = 800};
  return made;
}

Catalog example() {
  Catalog catalog;
  catalog.replay = {{base::SegmentId(3), 8192}, {base::SessionId(77), base::RingPosition(12345)}};
  catalog.next_sequence = base::Sequence(1000);
  catalog.next_table = base::TableId(50);
  catalog.levels = {{{table(9, "b", "c")}, {table(7, "a", "z")}},
                    {},
                    {{table(1, "a", "f"), table(2, "fa", "k"), table(3, "m", "")}}};
  catalog.levels[0][1][0].counts.expiring = 2;
  catalog.levels[0][1][0].first_expiry = 5;
  catalog.levels[0][1][0].last_expiry = 1'700'000'000'000;
  return catalog;
}

std::optional<ErrorCode> code_of(const Result<Catalog>& result) {
  return result ? std::nullopt : std::optional(result.error().code());
}

/// A catalog that cannot be, by one change to one that can.
std::optional<ErrorCode> decoded_after(const std::function<void(Catalog&)>& change) {
  Catalog catalog = example();
  change(catalog);
  return code_of(decode_catalog(encode_catalog(catalog)));
}

}  // namespace

TEST_CASE("catalog: comes back as it was") {
  const Catalog catalog = example();
  const auto decoded = decode_catalog(encode_catalog(catalog));
  REQUIRE(decoded);
  CHECK(*decoded == catalog);
  const auto empty = decode_catalog(encode_catalog(Catalog()));
  REQUIRE(empty);
  CHECK(*empty == Catalog());
}

TEST_CASE("catalog: every cut, and every byte too many, is corruption") {
  std::vector<std::byte> payload = encode_catalog(example());
  for (std::size_t size = 0; size < payload.size(); ++size) {
    CAPTURE(size);
    CHECK(code_of(decode_catalog(std::span(payload).first(size))) == ErrorCode::corruption);
  }
  payload.push_back(std::byte{0});
  CHECK(code_of(decode_catalog(payload)) == ErrorCode::corruption);
}

TEST_CASE("catalog: a newer version is not guessed at") {
  std::vector<std::byte> payload = encode_catalog(example());
  payload[0] = std::byte{2};
  CHECK(code_of(decode_catalog(payload)) == ErrorCode::unsupported);
}

TEST_CASE("catalog: what cannot be is corruption") {
  const auto first = [](Catalog& catalog) -> TableRecord& { return catalog.levels[2][0][0]; };
  const std::function<void(Catalog&)> changes[] = {
      [](Catalog& c) { c.next_sequence = base::Sequence(0); },
      [](Catalog& c) { c.next_table = base::TableId(9); },
      [](Catalog& c) { c.next_sequence = base::Sequence(29); },
      [&](Catalog& c) { first(c).id = base::TableId(2); },
      [&](Catalog& c) { first(c).id = base::TableId(0); },
      [&](Catalog& c) { first(c).extents.clear(); },
      [&](Catalog& c) { first(c).bytes = std::uint64_t{49} * page::kPageBytes; },
      [&](Catalog& c) { first(c).bytes = std::uint64_t{32} * page::kPageBytes; },
      [&](Catalog& c) { first(c).extents[0].pages = 15; },
      [&](Catalog& c) { first(c).extents[1] = c.levels[2][0][1].extents[0]; },
      [&](Catalog& c) { first(c).extents[1] = first(c).extents[0]; },
      [&](Catalog& c) { first(c).bounds.lower.clear(); },
      [&](Catalog& c) { first(c).bounds.lower.assign(kMaxBoundBytes + 1, 'a'); },
      [&](Catalog& c) { first(c).bounds = {"b", "a"}; },
      [&](Catalog& c) { first(c).bounds.upper = "fa"; },
      [&](Catalog& c) { first(c).bounds.upper = ""; },
      [&](Catalog& c) { first(c).counts.entries = 0; },
      [&](Catalog& c) { first(c).counts.erasures = 10; },
      [&](Catalog& c) { c.levels[0][1][0].counts.expiring = 10; },
      [&](Catalog& c) { c.levels[0][1][0].first_expiry = INT64_MAX; },
      [](Catalog& c) { c.levels.resize(kMaxLevels + 1); },
      [](Catalog& c) { c.levels[1].resize(kMaxRuns + 1); },
  };
  int number = 0;
  for (const auto& change : changes) {
    CAPTURE(++number);
    CHECK(decoded_after(change) == ErrorCode::corruption);
  }
}

TEST_CASE("catalog: neighbours may meet where their bounds were cut") {
  const std::string stem(kMaxBoundBytes - 1, 'k');
  const auto cut = [&](Catalog& c) {
    c.levels[2][0][0].bounds = bounds_of("a", stem + "maa");
    c.levels[2][0][1].bounds = bounds_of(stem + "mab", stem + "mzz");
  };
  CHECK_FALSE(decoded_after(cut));
}

TEST_CASE("catalog: flipped bytes never do worse than an error") {
  const std::vector<std::byte> payload = encode_catalog(example());
  support::for_each_seed(20'000, [&](std::uint64_t seed) {
    base::Random random(seed);
    std::vector<std::byte> hostile = payload;
    for (std::uint64_t flips = 1 + random.below(3); flips != 0; --flips) {
      hostile[random.below(hostile.size())] = static_cast<std::byte>(random.below(256));
    }
    const auto decoded = decode_catalog(hostile);
    // Whatever is taken says of itself what it was made of.
    if (decoded) CHECK(encode_catalog(*decoded) == hostile);
  });
}

TEST_CASE("catalog: a store of a terabyte is described in a mebibyte") {
  // As many tables as a run may have, four runs on each of four levels and one on the last, in
  // extents of the largest size, under keys as long as bounds may be.
  constexpr std::uint64_t kTablesPerRun = 256;
  Catalog catalog;
  std::uint64_t id = 1;
  std::uint32_t page = page::kHeaderPages;
  const auto run_of = [&](std::uint64_t run_bytes) {
    RunRecord run;
    const std::uint64_t table_bytes = std::max(std::uint64_t{8} << 20, run_bytes / kTablesPerRun);
    for (std::uint64_t done = 0; done < run_bytes; done += table_bytes, ++id) {
      std::string key = std::to_string(1'000'000 + run.size() * 2);
      TableRecord made = table(id, key, key + "~");
      made.bounds.lower.resize(40, 'x');
      made.extents.clear();
      made.bytes = table_bytes;
      for (std::uint64_t at = 0; at < table_bytes; at += std::uint64_t{64} << 20) {
        const auto pages = static_cast<std::uint32_t>(
            page::pages_for(std::min(table_bytes - at, std::uint64_t{64} << 20)));
        made.extents.push_back({base::PageNumber(page), page::whole_units(pages)});
        page += page::whole_units(pages);
      }
      run.push_back(std::move(made));
    }
    return run;
  };
  std::uint64_t run_bytes = std::uint64_t{1} << 30;
  for (int level = 0; level < 4; ++level, run_bytes *= 4) {
    catalog.levels.emplace_back();
    for (int run = 0; run < 4; ++run) catalog.levels.back().push_back(run_of(run_bytes));
  }
  catalog.levels.push_back({run_of(std::uint64_t{1} << 40)});
  catalog.next_table = base::TableId(id);
  catalog.next_sequence = base::Sequence(20 + id);
  const auto payload = encode_catalog(catalog);
  CHECK(payload.size() <= std::size_t{1} << 20);
  const auto decoded = decode_catalog(payload);
  REQUIRE(decoded);
  CHECK(*decoded == catalog);
}

}  // namespace siltstone::tree
