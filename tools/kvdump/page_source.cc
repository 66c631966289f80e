// See page_source.h.
#include "page_source.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/try.h"
#include "common/output.h"
#include "io/environment.h"
#include "verbs.h"

namespace siltstone::kvdump {
namespace {

/// A commit may come between the reads of one look; this many in a row do not.
constexpr int kMaxLooks = 10;

std::optional<base::Generation> newest_generation(const page::SuperblockCopies& copies) {
  const auto judged = page::judge(copies, {});
  if (!judged || !*judged) return std::nullopt;
  return (*judged)->newest.generation;
}

}  // namespace

Result<PageSource> open_pages(const std::string& dir) {
  io::Storage& storage = *io::system_environment().storage;
  PageSource source;
  source.directory = SILT_TRY(storage.open_directory(dir));
  // Past the page cache, as the process that writes it does.
  auto file = source.directory->open("pages", {.access = io::Access::read, .direct = true});
  if (!file && io::is_not_found(file.error())) {
    const bool has_log = source.directory->open_directory("wal").has_value();
    return base::fail(ErrorCode::invalid_argument,
                      has_log ? "the store has no page file" : "the directory holds no store")
        .path(dir);
  }
  source.file = SILT_TRY(std::move(file));
  source.channel = std::make_unique<io::Channel>(SILT_TRY(storage.make_queue(1)));
  return source;
}

Result<PageView> look_at(const PageSource& source) {
  for (int look = 1;; ++look) {
    const auto copies = SILT_TRY(page::read_superblocks(*source.file, *source.channel));
    PageView view{copies, page::load_state(*source.file, *source.channel)};
    const page::PageState* const state = view.newest();
    if ((state != nullptr && state->damage.empty()) || look == kMaxLooks) return view;
    const auto again = SILT_TRY(page::read_superblocks(*source.file, *source.channel));
    if (newest_generation(again) == newest_generation(view.copies)) return view;
  }
}

int complain_of(const PageView& view, const PageSource& source) {
  if (!view.state) {
    tools::complain(view.state.error().to_string());
    return exit_code_of(view.state.error());
  }
  if (view.newest() == nullptr) {
    tools::complain(fmt::format("{}: its creation never finished", source.file->path()));
    return tools::kExitNotFound;
  }
  for (const page::Damage& damage : view.newest()->damage) {
    tools::complain(fmt::format("corruption: {} at offset {}: {}", source.file->path(),
                                page::byte_offset(damage.page), damage.what));
  }
  return view.newest()->damage.empty() ? tools::kExitOk : tools::kExitCorruption;
}

}  // namespace siltstone::kvdump
