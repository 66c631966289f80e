// Waiting for what another thread is about to do.
#pragma once

#include <chrono>
#include <thread>

namespace siltstone::io {

/// True as soon as the condition holds, false when it does not within ten seconds.
template <typename Condition>
bool soon(Condition condition) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > limit) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  return true;
}

}  // namespace siltstone::io
