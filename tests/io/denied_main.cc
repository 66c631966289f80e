// Runs a command where rings are refused, as a sandbox does it: for whole test suites.
//
//     denied EPERM|ENOSYS|EACCES COMMAND [argument...]   every system call of io_uring fails so
//     denied memlock0|memlock64 COMMAND [argument...]    so many KiB may be locked, also by root:
//                                                        no ring at all, or a few small ones
//
// Exits with 77, which means skipped, where the kernel cannot be made to refuse.
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string_view>

#include "io/deny.h"

namespace {

constexpr int kUsage = 2;
constexpr int kSkipped = 77;

// Whoever may lock memory without limit is not stopped by one; the right is lost by the exec.
bool limit_locking(rlim_t kib) {
  const rlimit limit{kib << 10, kib << 10};
  if (setrlimit(RLIMIT_MEMLOCK, &limit) != 0) return false;
  return prctl(PR_CAPBSET_READ, CAP_IPC_LOCK, 0, 0, 0) != 1 ||
         prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK, 0, 0, 0) == 0;
}

bool deny_rings(int os_error) {
  return siltstone::io::deny_here({{SYS_io_uring_setup, os_error},
                                   {SYS_io_uring_enter, os_error},
                                   {SYS_io_uring_register, os_error}});
}

bool deny(std::string_view what, bool& known) {
  known = true;
  if (what == "EPERM") return deny_rings(EPERM);
  if (what == "ENOSYS") return deny_rings(ENOSYS);
  if (what == "EACCES") return deny_rings(EACCES);
  if (what == "memlock0") return limit_locking(0);
  if (what == "memlock64") return limit_locking(64);
  known = false;
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  bool known = false;
  const bool denied = argc > 2 && deny(argv[1], known);
  if (!known) {
    std::fputs("usage: denied EPERM|ENOSYS|EACCES|memlock0|memlock64 COMMAND [argument...]\n",
               stderr);
    return kUsage;
  }
  if (!denied) {
    std::perror("skipped: the kernel refuses to refuse");
    return kSkipped;
  }
  execvp(argv[2], argv + 2);
  std::perror(argv[2]);
  return kUsage;
}
