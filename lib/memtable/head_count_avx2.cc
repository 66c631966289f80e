// Whether there is AVX2, and its count as a function of its own.
#include "memtable/head_count_avx2.h"

#include "base/cpu.h"

namespace siltstone::memtable {

bool has_avx2() noexcept {
#if defined(__SANITIZE_THREAD__)
  return false;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
  return false;
#endif
#endif
  return base::has_avx2();
}

[[gnu::target("avx2")]] unsigned count_below_avx2(const Heads& heads, std::int64_t head) noexcept {
  return Avx2Count::below(heads, head);
}

}  // namespace siltstone::memtable
