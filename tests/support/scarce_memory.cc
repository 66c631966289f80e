// operator new with a limit: see scarce_memory.h.
#include "support/scarce_memory.h"

#include <cstdlib>
#include <new>

namespace siltstone::support {
namespace {

// Allocations of this thread that still succeed; negative: all do.
thread_local std::int64_t allocations_left = -1;

bool may_allocate() noexcept {
  if (allocations_left < 0) return true;
  return allocations_left-- > 0 || (allocations_left = 0, false);
}

}  // namespace

ScarceMemory::ScarceMemory(std::int64_t allowed) noexcept { allocations_left = allowed; }
void ScarceMemory::end() noexcept { allocations_left = -1; }

}  // namespace siltstone::support

void* operator new(std::size_t size) {
  const bool granted = siltstone::support::may_allocate();
  void* memory = granted ? std::malloc(size != 0 ? size : 1) : nullptr;
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
