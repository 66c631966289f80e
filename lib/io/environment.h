// All the seams in one hand: what a store needs of the world around it.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "io/clock.h"
#include "io/executor.h"
#include "io/parker.h"
#include "io/storage.h"

namespace siltstone::io {

/// Random bytes for identities and seeds; from the test's seed in a simulation. Thread-safe.
class Entropy {
 public:
  Entropy() = default;
  Entropy(const Entropy&) = delete;
  Entropy& operator=(const Entropy&) = delete;
  virtual ~Entropy() = default;

  virtual void fill(std::span<std::byte> out) noexcept = 0;
};

/// The kernel's random numbers. Lives for ever.
[[nodiscard]] Entropy& system_entropy() noexcept;

/// Borrowed: the parts outlive every store that uses them.
struct Environment {
  Storage* storage = nullptr;
  Clock* clock = nullptr;
  Executor* executor = nullptr;
  Parker* parker = nullptr;
  Entropy* entropy = nullptr;
};

/// The kernel, with plain system calls for I/O. All parts live for ever.
[[nodiscard]] Environment system_environment() noexcept;

}  // namespace siltstone::io
