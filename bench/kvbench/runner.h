// Runs workloads one after the other on one engine, as db_bench does: a fill begins with a new
// store, and everything until the next fill works on that store.
#pragma once

#include <optional>

#include <siltstone/error.h>

#include "engine.h"
#include "key_order.h"
#include "measurement.h"
#include "settings.h"
#include "values.h"
#include "work_dir.h"
#include "workload.h"

namespace siltstone::kvbench {

/// Thread-bound. Settings and values are borrowed.
class Runner {
 public:
  Runner(const Engine& engine, const Settings& settings, const Values& values);
  ~Runner();

  /// After an error, or an interrupt, no further workload may be run.
  [[nodiscard]] Result<Measurement> run(const Workload& workload);
  /// Closes the store and reports what failed on the way.
  [[nodiscard]] Result<void> finish();

 private:
  /// One store and what a fill put into it. Destroyed in reverse order: closed, then removed.
  struct Filled {
    WorkDir dir;
    std::unique_ptr<Store> store;
    KeyOrder order;
    bool complete = false;
  };

  Result<void> make_store(const Workload& workload);
  Result<Measurement> measure(const Workload& workload);

  const Engine& engine_;
  const Settings& settings_;
  const Values& values_;
  std::optional<Filled> filled_;
};

}  // namespace siltstone::kvbench
