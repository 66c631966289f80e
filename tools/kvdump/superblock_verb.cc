// kvdump superblock: the four superblock copies of the page file, and which one counts.
#include <cstddef>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "base/try.h"
#include "common/output.h"
#include "page_source.h"
#include "superblock_text.h"
#include "verbs.h"

namespace siltstone::kvdump {
namespace {

using tools::print;

struct SuperblockArguments {
  std::string dir;
  bool json = false;
};

struct Place {
  page::Slot slot;
  std::size_t copy;
};

Place place_of(std::size_t index) {
  return {static_cast<page::Slot>(index / page::kCopies), index % page::kCopies};
}

void print_text(const PageView& view) {
  for (std::size_t i = 0; i < view.copies.size(); ++i) {
    const Place place = place_of(i);
    print("superblock {}, copy {}: {}\n", slot_name(place.slot), place.copy,
          superblock_text(view.copies[i]));
  }
  const page::PageState* const state = view.newest();
  if (state == nullptr) return;
  const page::Superblock& newest = state->superblocks.newest;
  print("\nsuperblock {} counts: generation {}, extents: {}, bytes of payload: {}\n",
        slot_name(state->superblocks.slot), newest.generation.value(),
        state->newest.catalog.extents.size(), state->newest.catalog.payload.size());
}

void print_json(const PageView& view) {
  print("{{\"schema\": 1, \"copies\": [");
  for (std::size_t i = 0; i < view.copies.size(); ++i) {
    const Place place = place_of(i);
    Json json = {{"slot", std::string(1, slot_name(place.slot))},
                 {"copy", place.copy},
                 {"page", page::superblock_page(place.slot, place.copy).value()}};
    json.update(superblock_json(view.copies[i]));
    print("{}\n  {}", i == 0 ? "" : ",", dump(json));
  }
  Json newest;
  Json damage = Json::array();
  if (const page::PageState* const state = view.newest(); state != nullptr) {
    newest = {{"slot", std::string(1, slot_name(state->superblocks.slot))},
              {"generation", state->superblocks.newest.generation.value()},
              {"extents", state->newest.catalog.extents.size()},
              {"payload_bytes", state->newest.catalog.payload.size()}};
    for (const page::Damage& each : state->damage) {
      damage.push_back({{"page", each.page.value()}, {"what", each.what}});
    }
  }
  print("\n], \"newest\": {},\n\"damage\": {}, \"error\": {}}}\n", dump(newest), dump(damage),
        view.state ? "null" : dump(view.state.error().to_string()));
}

Result<int> show(const SuperblockArguments& arguments) {
  const PageSource source = SILT_TRY(open_pages(arguments.dir));
  const PageView view = SILT_TRY(look_at(source));
  arguments.json ? print_json(view) : print_text(view);
  return complain_of(view, source);
}

}  // namespace

void add_superblock(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<SuperblockArguments>();
  CLI::App* verb = app.add_subcommand("superblock", "Show the superblocks, field by field");
  verb->footer(
      "There are two, A and B, in two copies each; the valid one of the newest generation counts.\n"
      "Ends with 3 when a copy is damaged, though its twin may be whole.\n\n"
      "Example: kvdump superblock data");
  verb->add_option("DIR", arguments->dir, "The store")->type_name("")->required();
  verb->add_flag("--json", arguments->json, "Print one JSON object");
  verb->callback([arguments, &exit_code] { exit_code = exit_code_of(show(*arguments)); });
}

}  // namespace siltstone::kvdump
