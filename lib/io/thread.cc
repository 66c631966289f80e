// Threads are made with pthreads: std::thread reports failure by an exception and has no moment at
// which the signal mask of the new thread can be set before it runs.
#include "io/thread.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

#include "base/assert.h"
#include "base/error.h"

namespace siltstone::io {

Result<std::unique_ptr<Thread>> Thread::start(std::string_view name, int nice, void (*body)(void*),
                                              void* argument) {
  std::unique_ptr<Thread> thread(new Thread);
  SILT_ASSERT(name.size() < thread->name_.size());
  std::ranges::copy(name, thread->name_.begin());
  thread->body_ = body;
  thread->argument_ = argument;
  thread->nice_ = nice;
  thread->process_ = getpid();
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int failed = pthread_create(&thread->handle_, nullptr, &run, thread.get());
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (failed != 0) return base::fail_os(failed, "start a thread");
  thread->joinable_ = true;
  return thread;
}

void Thread::join() noexcept {
  if (!joinable_) return;
  joinable_ = false;
  if (getpid() == process_) pthread_join(handle_, nullptr);
}

// A thread inherits the nice value of the one that started it, which may be a background worker; so
// it is set from the process's. Where that is not allowed, the inherited one does no harm.
void* Thread::run(void* self) noexcept {
  auto& thread = *static_cast<Thread*>(self);
  pthread_setname_np(pthread_self(), thread.name_.data());
  const int nice = getpriority(PRIO_PROCESS, static_cast<id_t>(thread.process_)) + thread.nice_;
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), nice);
  thread.body_(thread.argument_);
  return nullptr;
}

}  // namespace siltstone::io
