// kvdump page: one page of the page file, what it is and what is in it.
//
// Shows the bytes also where the file is too damaged to tell what they are.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "base/aligned_buffer.h"
#include "base/try.h"
#include "byte_text.h"
#include "common/output.h"
#include "hex_dump.h"
#include "page_map.h"
#include "page_source.h"
#include "superblock_text.h"
#include "verbs.h"

namespace siltstone::kvdump {
namespace {

using tools::print;

struct PageArguments {
  std::string dir;
  std::uint32_t page = 0;
  bool json = false;
};

/// What is known of a page.
struct PageFacts {
  base::PageNumber page;
  base::Bytes bytes;  ///< Fewer than a page at the end of a file that was cut.
  std::optional<Stretch> stretch{};
  const page::DecodedSuperblock* superblock = nullptr;
  const page::PageState* catalog_of = nullptr;  ///< When it is the first of the newest catalog.
};

PageFacts find_facts(base::PageNumber number, base::Bytes bytes, const PageView& view) {
  PageFacts facts{.page = number, .bytes = bytes};
  if (number.value() < view.copies.size()) facts.superblock = &view.copies[number.value()];
  const page::PageState* const state = view.newest();
  if (state == nullptr) return facts;
  if (const auto map = map_pages(*state)) {
    const Stretch* const stretch = find_page(*map, number);
    if (stretch != nullptr) facts.stretch = *stretch;
  }
  if (number == state->superblocks.newest.catalog_page) facts.catalog_of = state;
  return facts;
}

void print_text(const PageFacts& facts) {
  print("page {}, offset {}: ", facts.page.value(), page::byte_offset(facts.page));
  if (facts.stretch) {
    print("{}, page {} of {} from {}\n", name_of(facts.stretch->holder),
          facts.page - facts.stretch->extent.first, facts.stretch->extent.pages,
          facts.stretch->extent.first.value());
  } else {
    print("nobody knows whose\n");
  }
  if (facts.superblock != nullptr) {
    print("superblock: {}\n", superblock_text(*facts.superblock));
  }
  if (facts.catalog_of != nullptr) {
    print("catalog: generation {}, extents: {}, bytes of payload: {}\n",
          facts.catalog_of->superblocks.newest.generation.value(),
          facts.catalog_of->newest.catalog.extents.size(),
          facts.catalog_of->newest.catalog.payload.size());
  }
  print("{}", hex_dump(facts.bytes));
}

Json catalog_json(const page::PageState* state) {
  if (state == nullptr) return nullptr;
  Json extents = Json::array();
  for (const page::Extent& extent : state->newest.catalog.extents) {
    extents.push_back({{"first", extent.first.value()}, {"pages", extent.pages}});
  }
  return {{"generation", state->superblocks.newest.generation.value()},
          {"extents", std::move(extents)},
          {"payload_bytes", state->newest.catalog.payload.size()}};
}

void print_json(const PageFacts& facts) {
  std::string bytes;
  append_text(bytes, base::as_text(facts.bytes), ByteText::hex);
  Json json = {{"schema", 1},
               {"page", facts.page.value()},
               {"offset", page::byte_offset(facts.page)},
               {"used_by", nullptr},
               {"extent", nullptr},
               {"superblock", nullptr},
               {"catalog", catalog_json(facts.catalog_of)},
               {"bytes", bytes}};
  if (facts.stretch) {
    json["used_by"] = name_of(facts.stretch->holder);
    json["extent"] = {{"first", facts.stretch->extent.first.value()},
                      {"pages", facts.stretch->extent.pages}};
  }
  if (facts.superblock != nullptr) json["superblock"] = superblock_json(*facts.superblock);
  print("{}\n", dump(json));
}

Result<int> show(const PageArguments& arguments) {
  const PageSource source = SILT_TRY(open_pages(arguments.dir));
  const base::PageNumber number(arguments.page);
  const auto buffer = SILT_TRY(base::AlignedBuffer::allocate(page::kPageBytes));
  const std::size_t got = SILT_TRY(
      source.channel->read_to_end(*source.file, page::byte_offset(number), buffer.bytes()));
  if (got == 0) {
    const std::uint64_t bytes = SILT_TRY(source.file->info()).size_bytes;
    tools::complain(fmt::format("{}: there is no page {}, it has {}", source.file->path(),
                                arguments.page, page::pages_for(bytes)));
    return tools::kExitNotFound;
  }
  const PageView view = SILT_TRY(look_at(source));
  const PageFacts facts = find_facts(number, buffer.bytes().first(got), view);
  arguments.json ? print_json(facts) : print_text(facts);
  return complain_of(view, source);
}

}  // namespace

void add_page(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<PageArguments>();
  CLI::App* verb = app.add_subcommand("page", "Show one page, decoded and in hexadecimal");
  verb->footer("Example: kvdump page data 16");
  verb->add_option("DIR", arguments->dir, "The store")->type_name("")->required();
  verb->add_option("N", arguments->page, "The page, from 0")->type_name("")->required();
  verb->add_flag("--json", arguments->json, "Print one JSON object");
  verb->callback([arguments, &exit_code] { exit_code = exit_code_of(show(*arguments)); });
}

}  // namespace siltstone::kvdump
