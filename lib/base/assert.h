// Checks of our own reasoning. None of them may depend on what a caller or a disk gave us: input is
// checked by ordinary code that returns an error.
//
// SILT_ASSERT(c)     A precondition between internal functions. Stays on in release and stops the
//                    process: memory is no longer what the code believes it is, and a store that
//                    went on could write wrong bytes over good ones. A crash it recovers from.
// SILT_CHECK(c)      An invariant of data, inside a function that returns a Result: comes back as a
//                    corruption error naming the place, so that the store refuses writes with this
//                    cause while the host lives on. Prefer it wherever an error can be returned.
// SILT_INVARIANT(c)  SILT_ASSERT for checks too costly for release: walks, recounts. Compiled
//                    always, evaluated only in builds with -Dinvariants=enabled. The switch adds
//                    checks and changes nothing else; no code may branch on it.
#pragma once

#include "base/error.h"

#define SILT_STRINGIZE_(x) #x
#define SILT_STRINGIZE(x) SILT_STRINGIZE_(x)
#define SILT_PLACE(condition) __FILE__ ":" SILT_STRINGIZE(__LINE__) ": " #condition

#define SILT_ASSERT(condition)                                    \
  do {                                                            \
    if (!(condition)) [[unlikely]]                                \
      ::siltstone::base::assertion_failed(SILT_PLACE(condition)); \
  } while (false)

#define SILT_CHECK(condition)                                            \
  do {                                                                   \
    if (!(condition)) [[unlikely]]                                       \
      return ::siltstone::base::broken_invariant(SILT_PLACE(condition)); \
  } while (false)

#define SILT_INVARIANT(condition)                                         \
  do {                                                                    \
    if constexpr (::siltstone::base::kInvariants) SILT_ASSERT(condition); \
  } while (false)

namespace siltstone::base {

#ifdef SILT_INVARIANTS
inline constexpr bool kInvariants = true;
#else
inline constexpr bool kInvariants = false;
#endif

/// Aborts. The library does not print: the text is the argument of this frame in a backtrace, and
/// is kept in a variable for a core dump.
[[noreturn, gnu::cold, gnu::noinline]] void assertion_failed(const char* place) noexcept;

/// The error of a failed SILT_CHECK.
[[nodiscard, gnu::cold]] ErrorBuilder broken_invariant(const char* place) noexcept;

}  // namespace siltstone::base
