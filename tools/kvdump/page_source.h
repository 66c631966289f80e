// The page file of a store, opened to be looked at: nothing is written, nothing is locked. lib/page
// decodes and judges; kvdump only shows.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <siltstone/error.h>

#include "io/complete.h"
#include "io/storage.h"
#include "page/page_state.h"

namespace siltstone::kvdump {

struct PageSource {
  std::unique_ptr<io::Directory> directory;
  std::unique_ptr<io::File> file;
  std::unique_ptr<io::Channel> channel;
};

/// Opens DIR/pages. `invalid_argument` where there is no store, or one that has no page file.
[[nodiscard]] Result<PageSource> open_pages(const std::string& dir);

/// What the page file says of itself.
struct PageView {
  page::SuperblockCopies copies;
  /// Nothing when creation never finished; an error when the newest generation cannot be read.
  Result<std::optional<page::PageState>> state;

  /// Null when there is none, for either reason.
  [[nodiscard]] const page::PageState* newest() const noexcept {
    return state && *state ? &**state : nullptr;
  }
};

/// Reads superblocks and catalogs. Looks again when a commit came between, so that a store that is
/// being written to gives no false alarm. An error only when no superblock can be read.
[[nodiscard]] Result<PageView> look_at(const PageSource& source);

/// Complains of all that is wrong, and returns the exit code for it.
[[nodiscard]] int complain_of(const PageView& view, const PageSource& source);

}  // namespace siltstone::kvdump
