// A program for ThreadSanitizer: two simulated threads write one variable, a switch point apart.
// With "plain" it is a race, which the sanitizer must see although only one thread runs at a time;
// with "atomic" it must see none in the simulation itself.
#include <atomic>
#include <cstring>

#include "support/sim_scheduler.h"
#include "support/sim_storage.h"

using namespace siltstone::support;

int main(int argc, char** argv) {
  const bool plain = argc > 1 && std::strcmp(argv[1], "plain") == 0;
  int number = 0;
  std::atomic<int> atomic_number{0};
  SimClock clock;
  SimTrace trace;
  SimStorage storage(1, {}, &clock, &trace);
  SimScheduler scheduler(1, {}, clock, trace);
  for (const char* name : {"a", "b"}) {
    scheduler.spawn(name, [&, plain] {
      for (int i = 0; i < 10; ++i) {
        if (plain) ++number;
        ++atomic_number;
        (void)storage.open_directory("");  // the simulation's own lock orders nothing
      }
    });
  }
  return scheduler.run().failure.empty() && atomic_number == 20 ? 0 : 1;
}
