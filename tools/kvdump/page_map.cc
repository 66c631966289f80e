// See page_map.h.
#include "page_map.h"

#include <algorithm>

#include "base/try.h"
#include "io/clock.h"
#include "page/ledger.h"

namespace siltstone::kvdump {

std::string_view name_of(Holder holder) noexcept {
  switch (holder) {
    case Holder::superblocks: return "superblocks";
    case Holder::data: return "data";
    case Holder::catalog: return "catalog";
    case Holder::older: return "older";
    case Holder::free: return "free";
  }
  return "unknown";
}

Result<std::vector<Stretch>> map_pages(const page::PageState& state) {
  page::Ledger ledger;
  SILT_TRY(ledger.open(state, page::Backing::unknown, io::Time()));
  const page::ExtentMap map = ledger.map();
  const page::Extent catalog = state.superblocks.newest.catalog_extent();
  std::vector<Stretch> stretches{{{base::PageNumber(0), page::kHeaderPages}, Holder::superblocks}};
  for (const page::Extent& extent : map.live()) {
    stretches.push_back({extent, extent == catalog ? Holder::catalog : Holder::data});
  }
  for (const page::Extent& extent : map.pending()) stretches.push_back({extent, Holder::older});
  for (const page::Extent& extent : map.free()) stretches.push_back({extent, Holder::free});
  std::ranges::sort(stretches, {}, [](const Stretch& stretch) { return stretch.extent.first; });
  return stretches;
}

const Stretch* find_page(const std::vector<Stretch>& map, base::PageNumber page) noexcept {
  const auto found = std::ranges::find_if(
      map, [page](const Stretch& stretch) { return stretch.extent.contains(page); });
  return found == map.end() ? nullptr : &*found;
}

}  // namespace siltstone::kvdump
