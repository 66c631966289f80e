// The table of workloads.
#include "workload.h"

#include <algorithm>

namespace siltstone::kvbench {
namespace {

using enum WorkloadKind;

constexpr Workload kWorkloads[] = {
    {"fillseq", fill, false, false, false, 1, "put every key once, in ascending order"},
    {"fillrandom", fill, true, false, false, 1, "put every key once, in random order"},
    {"fillbatch", fill, true, true, false, 1, "the same in atomic batches of --batch puts"},
    {"fillsync", fill, true, false, true, 100, "put num/100 keys (at least 1000), each durable"},
    {"readrandom", read_random, true, false, false, 1, "get keys that are there"},
    {"readmissing", read_missing, true, false, false, 1, "get keys that are not there"},
    {"readseq", read_seq, false, false, false, 1, "scan the whole store forward, once"},
};

}  // namespace

std::span<const Workload> workloads() noexcept { return kWorkloads; }

const Workload* find_workload(std::string_view name) noexcept {
  const auto* found = std::ranges::find(kWorkloads, name, &Workload::name);
  return found == std::end(kWorkloads) ? nullptr : found;
}

StoreOptions store_options(const Workload& workload, StoreOptions options) noexcept {
  if (workload.synced) options.durability = Durability::power_cut;
  return options;
}

std::uint64_t fill_entries(const Workload& workload, std::uint64_t num) noexcept {
  constexpr std::uint64_t kFewest = 1000;
  return std::max(num / workload.divisor, std::min(num, kFewest));
}

}  // namespace siltstone::kvbench
