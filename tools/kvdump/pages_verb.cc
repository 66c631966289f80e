// kvdump pages: which pages of the page file are whose.
#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "base/try.h"
#include "common/output.h"
#include "json.h"
#include "page_map.h"
#include "page_source.h"
#include "verbs.h"

namespace siltstone::kvdump {
namespace {

using tools::print;

struct PagesArguments {
  std::string dir;
  bool json = false;
};

constexpr std::array kHolders{Holder::superblocks, Holder::data, Holder::catalog, Holder::older,
                              Holder::free};

std::uint64_t pages_of(const std::vector<Stretch>& map, Holder holder) {
  std::uint64_t pages = 0;
  for (const Stretch& stretch : map) pages += stretch.holder == holder ? stretch.extent.pages : 0;
  return pages;
}

void print_text(const std::vector<Stretch>& map, const page::PageState& state) {
  print("{:>10} {:>10} {:>12}  {}\n", "first", "pages", "bytes", "used by");
  for (const Stretch& stretch : map) {
    print("{:>10} {:>10} {:>12}  {}\n", stretch.extent.first.value(), stretch.extent.pages,
          stretch.extent.bytes(), name_of(stretch.holder));
  }
  print("\ngeneration {}, {} pages:", state.superblocks.newest.generation.value(),
        state.file_pages);
  for (const Holder holder : kHolders) {
    print(" {} {}{}", name_of(holder), pages_of(map, holder),
          holder == kHolders.back() ? "\n" : ",");
  }
}

void print_json(const std::vector<Stretch>& map, const page::PageState& state) {
  print("{{\"schema\": 1, \"generation\": {}, \"page_bytes\": {}, \"file_pages\": {},\n\"pages\": ",
        state.superblocks.newest.generation.value(), page::kPageBytes, state.file_pages);
  Json sums;
  for (const Holder holder : kHolders) sums[std::string(name_of(holder))] = pages_of(map, holder);
  print("{},\n\"extents\": [", dump(sums));
  for (const Stretch& stretch : map) {
    const Json json = {{"first", stretch.extent.first.value()},
                       {"pages", stretch.extent.pages},
                       {"used_by", name_of(stretch.holder)}};
    print("{}\n  {}", &stretch == &map.front() ? "" : ",", dump(json));
  }
  print("\n]}}\n");
}

Result<int> show(const PagesArguments& arguments) {
  const PageSource source = SILT_TRY(open_pages(arguments.dir));
  const PageView view = SILT_TRY(look_at(source));
  if (view.newest() != nullptr) {
    const auto map = SILT_TRY(map_pages(*view.newest()));
    arguments.json ? print_json(map, *view.newest()) : print_text(map, *view.newest());
  }
  return complain_of(view, source);
}

}  // namespace

void add_pages(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<PagesArguments>();
  CLI::App* verb = app.add_subcommand("pages", "Show which pages are used, by whom, and free");
  verb->footer(
      "Used by: superblocks; data and catalog of the newest generation; older, what only the\n"
      "generation before it has, free after the next commit; free.\n\n"
      "Example: kvdump pages data");
  verb->add_option("DIR", arguments->dir, "The store")->type_name("")->required();
  verb->add_flag("--json", arguments->json, "Print one JSON object");
  verb->callback([arguments, &exit_code] { exit_code = exit_code_of(show(*arguments)); });
}

}  // namespace siltstone::kvdump
