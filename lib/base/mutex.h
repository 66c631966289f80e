// The only mutexes of the library: annotated for clang's thread-safety analysis, and never blocking
// in the kernel under a simulated schedule, where exactly one thread is runnable: a contended lock
// there lets the others run until the mutex is free.
//
// Not recursive, not fair. Waiting for a condition is the Parker's business, not a mutex's.
#pragma once

#include <mutex>
#include <shared_mutex>

#include "base/thread_annotations.h"
#include "base/yield.h"

namespace siltstone::base {

class SILT_CAPABILITY("mutex") Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;
  ~Mutex() = default;

  void lock() noexcept SILT_ACQUIRE() {
    if (mutex_.try_lock()) return;
    if (current_scheduler == nullptr) return mutex_.lock();
    do {
      current_scheduler->yield("mutex");
    } while (!mutex_.try_lock());
  }
  [[nodiscard]] bool try_lock() noexcept SILT_TRY_ACQUIRE(true) { return mutex_.try_lock(); }
  void unlock() noexcept SILT_RELEASE() { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

/// Many readers or one writer. For data read far more often than written; a steady stream of
/// readers can hold a writer off.
class SILT_CAPABILITY("shared mutex") SharedMutex {
 public:
  SharedMutex() = default;
  SharedMutex(const SharedMutex&) = delete;
  SharedMutex& operator=(const SharedMutex&) = delete;
  ~SharedMutex() = default;

  void lock() noexcept SILT_ACQUIRE() {
    if (mutex_.try_lock()) return;
    if (current_scheduler == nullptr) return mutex_.lock();
    do {
      current_scheduler->yield("shared mutex, writer");
    } while (!mutex_.try_lock());
  }
  [[nodiscard]] bool try_lock() noexcept SILT_TRY_ACQUIRE(true) { return mutex_.try_lock(); }
  void unlock() noexcept SILT_RELEASE() { mutex_.unlock(); }

  void lock_shared() noexcept SILT_ACQUIRE_SHARED() {
    if (mutex_.try_lock_shared()) return;
    if (current_scheduler == nullptr) return mutex_.lock_shared();
    do {
      current_scheduler->yield("shared mutex, reader");
    } while (!mutex_.try_lock_shared());
  }
  [[nodiscard]] bool try_lock_shared() noexcept SILT_TRY_ACQUIRE_SHARED(true) {
    return mutex_.try_lock_shared();
  }
  void unlock_shared() noexcept SILT_RELEASE_SHARED() { mutex_.unlock_shared(); }

 private:
  std::shared_mutex mutex_;
};

/// Holds a Mutex for a scope; may be dropped and taken again inside it.
class [[nodiscard]] SILT_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) noexcept SILT_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;
  ~MutexLock() SILT_RELEASE() {
    if (held_) mutex_.unlock();
  }

  void unlock() noexcept SILT_RELEASE() {
    held_ = false;
    mutex_.unlock();
  }
  void lock() noexcept SILT_ACQUIRE() {
    mutex_.lock();
    held_ = true;
  }

 private:
  Mutex& mutex_;
  bool held_ = true;
};

class [[nodiscard]] SILT_SCOPED_CAPABILITY WriterLock {
 public:
  explicit WriterLock(SharedMutex& mutex) noexcept SILT_ACQUIRE(mutex) : mutex_(mutex) {
    mutex_.lock();
  }
  WriterLock(const WriterLock&) = delete;
  WriterLock& operator=(const WriterLock&) = delete;
  ~WriterLock() SILT_RELEASE() { mutex_.unlock(); }

 private:
  SharedMutex& mutex_;
};

class [[nodiscard]] SILT_SCOPED_CAPABILITY ReaderLock {
 public:
  explicit ReaderLock(SharedMutex& mutex) noexcept SILT_ACQUIRE_SHARED(mutex) : mutex_(mutex) {
    mutex_.lock_shared();
  }
  ReaderLock(const ReaderLock&) = delete;
  ReaderLock& operator=(const ReaderLock&) = delete;
  ~ReaderLock() SILT_RELEASE_GENERIC() { mutex_.unlock_shared(); }

 private:
  SharedMutex& mutex_;
};

}  // namespace siltstone::base
