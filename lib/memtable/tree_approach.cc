// The way down a tree to where a key will be inserted.
//
// It is most of the work of an insertion, and counts heads on every level: so it is compiled twice,
// once for AVX2 as a whole, where no level calls a function for it.
#include "base/yield.h"
#include "memtable/head_count_avx2.h"
#include "memtable/tree.h"

namespace siltstone::memtable {
namespace {

constexpr auto kAcquire = std::memory_order_acquire;

void prefetch(const Node& leaf) noexcept {
  constexpr std::size_t kLineBytes = 64;
  const auto* const lines = reinterpret_cast<const std::byte*>(&leaf);
  for (std::size_t at = 0; at < sizeof(Node); at += kLineBytes) __builtin_prefetch(lines + at);
}

// Beside a writer the way may be wrong, but each step leads to a node one level below, as in
// Tree::try_seek(): what was a child once stays a node.
template <typename Count>
[[gnu::always_inline]] inline void go_down(const base::Arena& arena, Node& root, const Key& key,
                                           Tree::Path& path) noexcept {
  Node* here = &root;
  std::size_t sure = 0;
  while (here->level != 0) {
    const Place place = search<Bound::upper, Count>(arena, *here, key, sure);
    path.nodes[here->level] = here;
    path.positions[here->level] = place.position;
    sure = sure_of_child(*here, place, sure);
    base::yield_point("memtable: approaching");
    here = &node_at(arena, inner(*here).children[place.position].load(kAcquire));
  }
  path.nodes[0] = here;
  path.sure = sure;
  prefetch(*here);
}

#if defined(__x86_64__)
[[gnu::target("avx2"), gnu::flatten]] void go_down_avx2(const base::Arena& arena, Node& root,
                                                        const Key& key, Tree::Path& path) noexcept {
  go_down<Avx2Count>(arena, root, key, path);
}
#endif

}  // namespace

void Tree::approach(const Key& key, Path& path) const noexcept {
  Node& root = node(root_.load(kAcquire));
#if defined(__x86_64__)
  static const bool is_wide = has_avx2();
  if (is_wide) {
    go_down_avx2(arena_, root, key, path);
    return;
  }
#endif
  go_down<ChosenCount>(arena_, root, key, path);
}

}  // namespace siltstone::memtable
