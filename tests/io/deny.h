// Makes the kernel refuse system calls, for one thread, with any errno: a way to real failures that
// needs neither root nor a broken disk.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <thread>
#include <vector>

namespace siltstone::io {

struct Denial {
  long call;  ///< SYS_...
  int os_error;
  int argument = -1;            ///< Only where this argument, counted from 0,
  std::uint32_t has_value = 0;  ///< has this value.
};

/// Refuses these calls to the calling thread for the rest of its life, and to all threads it
/// starts. False where the kernel has no seccomp.
[[nodiscard]] inline bool deny_here(const std::vector<Denial>& denials) {
  std::vector<sock_filter> filter;
  for (const Denial& denial : denials) {
    const bool any = denial.argument < 0;
    filter.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(denial.call), 0,
                              static_cast<std::uint8_t>(any ? 1 : 3)));
    if (!any) {
      const auto place = static_cast<std::uint32_t>(offsetof(seccomp_data, args) +
                                                    8 * static_cast<unsigned>(denial.argument));
      filter.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, place));
      filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, denial.has_value, 0, 1));
    }
    filter.push_back(
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(denial.os_error)));
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/// Runs `body` on a thread of its own; what it throws arrives here.
template <typename Body>
void on_other_thread(Body body) {
  std::exception_ptr thrown;
  std::thread([&] {
    try {
      body();
    } catch (...) {
      thrown = std::current_exception();
    }
  }).join();
  if (thrown) std::rethrow_exception(thrown);
}

/// Runs `body` on a thread that is refused these calls. False, with nothing run, where the kernel
/// has no seccomp.
template <typename Body>
[[nodiscard]] bool with_denied(const std::vector<Denial>& denials, Body body) {
  bool applied = false;
  on_other_thread([&] {
    applied = deny_here(denials);
    if (applied) body();
  });
  return applied;
}

}  // namespace siltstone::io
