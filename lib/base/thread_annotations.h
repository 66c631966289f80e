// Which mutex protects what, checked at compile time by clang (-Wthread-safety); empty elsewhere.
//
//   Mutex mutex_;
//   std::uint64_t bytes_ SILT_GUARDED_BY(mutex_) = 0;
//   void grow() SILT_REQUIRES(mutex_);     // the caller holds it
//   void close() SILT_EXCLUDES(mutex_);    // takes it itself
#pragma once

#if defined(__clang__)
#define SILT_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define SILT_THREAD_ANNOTATION(x)
#endif

#define SILT_GUARDED_BY(mutex) SILT_THREAD_ANNOTATION(guarded_by(mutex))
#define SILT_PT_GUARDED_BY(mutex) SILT_THREAD_ANNOTATION(pt_guarded_by(mutex))
#define SILT_REQUIRES(...) SILT_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define SILT_REQUIRES_SHARED(...) SILT_THREAD_ANNOTATION(requires_shared_capability(__VA_ARGS__))
#define SILT_EXCLUDES(...) SILT_THREAD_ANNOTATION(locks_excluded(__VA_ARGS__))

// For the mutex types themselves.
#define SILT_CAPABILITY(name) SILT_THREAD_ANNOTATION(capability(name))
#define SILT_SCOPED_CAPABILITY SILT_THREAD_ANNOTATION(scoped_lockable)
#define SILT_ACQUIRE(...) SILT_THREAD_ANNOTATION(acquire_capability(__VA_ARGS__))
#define SILT_ACQUIRE_SHARED(...) SILT_THREAD_ANNOTATION(acquire_shared_capability(__VA_ARGS__))
#define SILT_RELEASE(...) SILT_THREAD_ANNOTATION(release_capability(__VA_ARGS__))
#define SILT_RELEASE_SHARED(...) SILT_THREAD_ANNOTATION(release_shared_capability(__VA_ARGS__))
#define SILT_RELEASE_GENERIC(...) SILT_THREAD_ANNOTATION(release_generic_capability(__VA_ARGS__))
#define SILT_TRY_ACQUIRE(...) SILT_THREAD_ANNOTATION(try_acquire_capability(__VA_ARGS__))
#define SILT_TRY_ACQUIRE_SHARED(...) \
  SILT_THREAD_ANNOTATION(try_acquire_shared_capability(__VA_ARGS__))
#define SILT_RETURN_CAPABILITY(mutex) SILT_THREAD_ANNOTATION(lock_returned(mutex))
#define SILT_NO_THREAD_SAFETY_ANALYSIS SILT_THREAD_ANNOTATION(no_thread_safety_analysis)
