// The workloads by their names from db_bench, as data: what each one does is told by a few fields.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "engine.h"

namespace siltstone::kvbench {

enum class WorkloadKind : std::uint8_t {
  fill,          ///< Writes every key once, into a new store.
  read_random,   ///< Gets keys that are there, uniformly.
  read_missing,  ///< Gets keys that are not there, uniformly.
  read_seq,      ///< Scans the store once, forward.
};

struct Workload {
  std::string_view name;
  WorkloadKind kind;
  bool shuffled;          ///< fill: in random order, else ascending.
  bool batched;           ///< fill: in batches.
  bool synced;            ///< fill: every write is durable, whatever the others are.
  std::uint64_t divisor;  ///< fill: num is divided by it.
  std::string_view summary;
};

[[nodiscard]] std::span<const Workload> workloads() noexcept;
/// Null when there is none of this name.
[[nodiscard]] const Workload* find_workload(std::string_view name) noexcept;

/// How a store is made for this workload when `options` were asked for.
[[nodiscard]] StoreOptions store_options(const Workload& workload, StoreOptions options) noexcept;

/// Entries that a fill writes when asked for `num`: at least a thousand of them, or num.
[[nodiscard]] std::uint64_t fill_entries(const Workload& workload, std::uint64_t num) noexcept;

}  // namespace siltstone::kvbench
