// See backends.h.
#include "studies/backends.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/try.h"
#include "io/posix_storage.h"

namespace siltstone::kvbench {

Result<std::unique_ptr<io::Channel>> Backend::channel(std::size_t depth) const {
  return std::make_unique<io::Channel>(SILT_TRY(storage->make_queue(depth)));
}

Backends::Backends(const StudySettings& settings) : ways_(settings.ways), ring_({}) {
  if (wants("posix")) engine_.push_back({"posix", &io::posix_storage()});
  if (wants("ring") && !ring_.report().why_no_ring) engine_.push_back({"ring", &ring_});
}

bool Backends::wants(std::string_view way) const noexcept {
  return std::ranges::find(ways_, way) != ways_.end();
}

void Backends::note(Figures& figures) const {
  const auto report = ring_.report();
  if (wants("ring") && report.why_no_ring) {
    figures.note(fmt::format("there is no ring here: {}", report.why_no_ring->to_string()));
  }
}

}  // namespace siltstone::kvbench
