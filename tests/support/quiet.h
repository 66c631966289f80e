// What the simulation does must not be seen by ThreadSanitizer: the kernel, for which it stands, is
// not seen either. Its locks would order the threads of the code under test and so hide their
// races, and its own state is handed from thread to thread in ways that the sanitizer cannot
// follow.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>

#if defined(__SANITIZE_THREAD__)
#define SILT_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SILT_TSAN 1
#endif
#endif

// For functions that hand the baton over: no instrumentation at all, atomic operations included.
#if defined(SILT_TSAN) && defined(__clang__)
#define SILT_UNSEEN __attribute__((disable_sanitizer_instrumentation, noinline))
#elif defined(SILT_TSAN)
#define SILT_UNSEEN __attribute__((no_sanitize("thread"), noinline))
#else
#define SILT_UNSEEN
#endif

#ifdef SILT_TSAN
extern "C" {
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
void AnnotateIgnoreWritesBegin(const char* file, int line);
void AnnotateIgnoreWritesEnd(const char* file, int line);
void AnnotateIgnoreSyncBegin(const char* file, int line);
void AnnotateIgnoreSyncEnd(const char* file, int line);
void __tsan_acquire(void* address);
void __tsan_release(void* address);
void __tsan_read_range(void* address, unsigned long size);
void __tsan_write_range(void* address, unsigned long size);
}
#endif

namespace siltstone::support {

/// While one lives, ThreadSanitizer overlooks what its thread does. Nests.
class Quiet {
 public:
  Quiet() noexcept {
#ifdef SILT_TSAN
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
    AnnotateIgnoreSyncBegin(__FILE__, __LINE__);
#endif
  }
  ~Quiet() {
#ifdef SILT_TSAN
    AnnotateIgnoreSyncEnd(__FILE__, __LINE__);
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
#endif
  }
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;
};

/// For the books that a test keeps about simulated threads: what f does orders nothing, and is no
/// race, since only one thread runs at a time.
template <typename F>
auto quietly(F f) {
  const Quiet quiet;
  return f();
}

/// Everything up to here comes before what follows a happens_after() of the same address: for the
/// orderings that the kernel promises, such as joining a thread.
inline void happens_before([[maybe_unused]] void* address) noexcept {
#ifdef SILT_TSAN
  __tsan_release(address);
#endif
}
inline void happens_after([[maybe_unused]] void* address) noexcept {
#ifdef SILT_TSAN
  __tsan_acquire(address);
#endif
}

/// Tells ThreadSanitizer, outside of any Quiet, that a system call reads these buffers.
inline void kernel_reads([[maybe_unused]] std::span<const iovec> buffers) noexcept {
#ifdef SILT_TSAN
  for (const iovec& buffer : buffers) __tsan_read_range(buffer.iov_base, buffer.iov_len);
#endif
}

/// The same for a system call that fills these buffers.
inline void kernel_writes([[maybe_unused]] std::span<const iovec> buffers) noexcept {
#ifdef SILT_TSAN
  for (const iovec& buffer : buffers) __tsan_write_range(buffer.iov_base, buffer.iov_len);
#endif
}

}  // namespace siltstone::support
