// Which pages are whose, as the engine derives it at open.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <siltstone/error.h>

#include "page/extent.h"
#include "page/page_state.h"

namespace siltstone::kvdump {

enum class Holder : std::uint8_t {
  superblocks,  ///< The header of the file.
  data,         ///< An extent of the newest generation.
  catalog,      ///< The newest catalog.
  older,        ///< Only of the generation before it: free after the next commit.
  free,
};

[[nodiscard]] std::string_view name_of(Holder holder) noexcept;

struct Stretch {
  page::Extent extent;
  Holder holder = Holder::free;
};

/// Every page of the file in one stretch, ascending. `corruption` when extents contradict each
/// other.
[[nodiscard]] Result<std::vector<Stretch>> map_pages(const page::PageState& state);

/// The stretch that holds this page; null behind the end.
[[nodiscard]] const Stretch* find_page(const std::vector<Stretch>& map,
                                       base::PageNumber page) noexcept;

}  // namespace siltstone::kvdump
