// The portable search, and the choice.
#include "table/index.h"

#include "base/assert.h"
#include "base/cpu.h"

namespace siltstone::table {
namespace trie {
namespace {

constexpr SearchPath kPaths[] = {
    {"scalar", [] noexcept { return true; }, search_scalar},
#if defined(__x86_64__)
    {"avx2", base::has_avx2, search_avx2},
#endif
};

std::uint32_t choose_and_search(const View& view, std::string_view key) noexcept {
  Search best = search_scalar;
  for (const SearchPath& path : kPaths) {
    if (path.usable()) best = path.search;
  }
  chosen_search.store(best, std::memory_order_relaxed);
  return best(view, key);
}

}  // namespace

// Constant-initialized, so that it works before any constructor ran. Threads that choose at the
// same time choose the same.
constinit std::atomic<Search> chosen_search = choose_and_search;

std::uint32_t search_scalar(const View& view, std::string_view key) noexcept {
  return search<ScalarLine>(view, key);
}

std::span<const SearchPath> all_search_paths() noexcept { return kPaths; }

}  // namespace trie

std::string_view shortest_separator(std::string_view low, std::string_view high) noexcept {
  SILT_ASSERT(low < high);
  return high.substr(0, base::shared_bytes(low, high) + 1);
}

std::string Index::separator(std::uint32_t i) const {
  SILT_ASSERT(i < size_);
  std::string text(view_.text, view_.prefix_bytes);
  return text.append(view_.suffix(i + 1));
}

}  // namespace siltstone::table
