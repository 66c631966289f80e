// What the processor at hand can do beyond what every one of its kind can.
#pragma once

namespace siltstone::base {

/// True when functions compiled for AVX2 and POPCNT may be called, which the operating system must
/// allow too. May be asked before any constructor ran.
[[nodiscard]] inline bool has_avx2() noexcept {
#if defined(__x86_64__)
  __builtin_cpu_init();  // may run before the constructors of libgcc
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt");
#else
  return false;
#endif
}

}  // namespace siltstone::base
