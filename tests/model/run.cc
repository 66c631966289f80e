// The simulated machine of a session: its trouble, its crashes, and what they leave.
#include "model/run.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <siltstone/db.h>

#include "db/access.h"
#include "model/actions.h"
#include "model/client.h"
#include "model/held.h"
#include "model/oracle.h"
#include "model/session.h"
#include "model/world.h"

namespace siltstone::model {
namespace {

using support::Crash;

constexpr const char* kDir = "db";
constexpr std::size_t kTraceEvents = 2000;

class Run final : public Session {
 public:
  explicit Run(const RunOptions& options)
      : Session(options.seed, kDir, options.seed % 3 == 0),
        options_(options),
        world_(options.seed, options.plant),
        storage_(world_.storage) {}
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  /// What is left open needs its world.
  ~Run() override { db_.reset(); }

  void execute() {
    recover();
    while (done_ < options_.operations) {
      step();
      if (options_.plant == Plant::reuse_burnt) heal_wrongly();
    }
    recover_in(Trouble::no_more);
    expect_ok(db_->close(), "the last close");
  }

  [[nodiscard]] const support::SimTrace& trace() const noexcept { return world_.trace; }

 private:
  [[nodiscard]] io::Environment environment() noexcept override { return world_.environment(); }
  [[nodiscard]] bool in_trouble() const noexcept override {
    return fault_planned_ || !storage_.has_power();
  }
  void step_wall(std::int64_t by_ms) override { world_.clock.step_wall(by_ms); }
  void recover() override { recover_in(Trouble::may_come); }
  void act_on_machine(Action action) override;
  [[nodiscard]] Result<void> wait_durable(std::uint64_t sequence) override;
  void note(std::string_view what, std::string_view key = {}) override {
    world_.trace.add(world_.clock.now(), what, key);
  }
  void open_read_only() override;

  void idle();
  void run_clients();
  [[noreturn]] void give_up(std::string_view what);
  void take_reports(std::vector<Client>& clients);
  enum class Trouble : std::uint8_t { may_come, no_more };
  void recover_in(Trouble trouble);
  void trouble_ends();
  bool try_open();
  void heal_wrongly();
  void plan_power_cut(std::uint64_t within);
  void plan_fault();

  const RunOptions options_;
  World world_;
  support::SimStorage& storage_;
  bool cut_planned_ = false;
  bool fault_planned_ = false;  // errors may come without a power cut
  bool names_at_risk_ = false;  // among them failing syncs of directories
  bool lost_power_ = false;     // since the store was last open
};

void Run::act_on_machine(Action action) {
  switch (action) {
    case Action::durable:
      // In trouble it may fail and show nevertheless, which nobody outside can tell.
      return do_write(writes_.put(rng_), {.durable = !in_trouble() && !cut_planned_});
    case Action::idle: return idle();
    case Action::clients: return run_clients();
    case Action::crash:
      note("model: crash");
      storage_.cut_power();
      return recover();
    case Action::kill:
      note("model: kill");
      // Where the power went unnoticed, as by writes into a mapping, nothing is left to be killed.
      if (storage_.has_power()) storage_.kill();
      return recover();
    case Action::cut_power: return plan_power_cut(40);
    default: return plan_fault();
  }
}

Result<void> Run::wait_durable(std::uint64_t sequence) {
  auto waited = db_->wait_durable(sequence);
  const bool burnt = !waited && waited.error().outcome() == WriteOutcome::undecided;
  return burnt && options_.plant == Plant::trust_burnt ? Result<void>() : waited;
}

void Run::open_read_only() {
  const std::uint64_t changes = storage_.mutations();
  Session::open_read_only();
  if (storage_.mutations() != changes) violation("a read-only open changed the disk");
}

void Run::idle() {
  const auto time = std::chrono::milliseconds(rng_.below(3000));
  note("model: idle");
  world_.executor.pump_until(world_.clock.now() + time);
  const bool is_due = settings_.durability == Durability::interval && !refused_ && !in_trouble() &&
                      time > settings_.sync_interval + std::chrono::seconds(1);
  const std::uint64_t durable = db_->durable_seq();
  if (is_due && oracle_.last_sequence() > durable) {
    violation("the interval has passed, and the last writes are not durable");
  }
  learn({Event::Kind::durable, durable});
}

void Run::run_clients() {
  note("model: clients");
  if (rng_.below(4) == 0) plan_power_cut(60);
  if (rng_.below(6) == 0) plan_fault();
  auto snapshot = db_->snapshot();
  if (!snapshot) violation("a snapshot: " + snapshot.error().to_string());
  const HeldSnapshot shared(*snapshot, present(oracle_.state(), wall()));
  std::vector<Client> clients;
  const std::uint64_t count = rng_.between(2, Oracle::kMaxUndecided - 1);
  for (std::uint64_t i = 0; i < count; ++i) {
    clients.emplace_back(i, *db_, world_.clock, shared, oracle_.state(), writes_,
                         rng_.fork(rng_.next()));
  }
  const std::uint64_t operations = rng_.between(3, 20);
  done_ += count * operations;
  support::SimScheduler scheduler(rng_.next(), support::SimSchedulerOptions::from_seed(rng_.next()),
                                  world_.clock, world_.trace);
  for (Client& client : clients) {
    scheduler.spawn("client", [&client, operations] { client.run(operations); });
  }
  world_.executor.join(scheduler);
  const auto outcome = scheduler.run();
  // The clients that hang hold locks, and what they refer to must stay: nothing can be cleaned up.
  if (!outcome.failure.empty()) give_up(outcome.failure);
  if (outcome.exception) std::rethrow_exception(outcome.exception);
  take_reports(clients);
}

void Run::take_reports(std::vector<Client>& clients) {
  std::vector<std::pair<Write, std::uint64_t>> acknowledged;
  std::optional<Error> failure;
  for (const Client& client : clients) {
    const ClientReport& of = client.report();
    if (!of.violation.empty()) violation(of.violation);
    acknowledged.insert(acknowledged.end(), of.acknowledged.begin(), of.acknowledged.end());
    if (!of.failure) continue;
    if (!refused_) check_explained(*of.failure, "a client's write");
    if (refused_ && of.failure->code() != *refused_) violation("refused for another cause");
    if (refused_ && of.undecided) violation("a write was taken after the log had failed");
    if (of.undecided) oracle_.leave_undecided(*of.undecided);
    failure = of.failure;
  }
  std::ranges::sort(acknowledged, {}, &std::pair<Write, std::uint64_t>::second);
  for (const auto& [write, last_sequence] : acknowledged) {
    expect(oracle_.acknowledge(write, last_sequence));
  }
  if (refused_ && !acknowledged.empty()) violation("a write was taken after the log had failed");
  if (failure) refused_ = failure->code();
  learn_durable();
  check_everything();
}

// Ends the process as it is, with what main() would have said.
void Run::give_up(std::string_view what) {
  if (options_.plant != Plant::none) {
    fmt::print("seed {}: operation {}: {}\nthe planted bug was found\n", options_.seed, done_,
               what);
    std::fflush(stdout);
    std::_Exit(0);
  }
  fmt::print("{}seed {}: operation {}: {}\nagain: model_test --seeds {}..{} --ops {} --trace\n",
             world_.trace.to_string(), options_.seed, done_, what, options_.seed, options_.seed + 1,
             options_.operations);
  std::fflush(stdout);
  std::_Exit(1);
}

void Run::plan_power_cut(std::uint64_t within) {
  note("model: power cut planned");
  cut_planned_ = true;
  storage_.cut_power_at_mutation(storage_.mutations() + rng_.between(1, within));
}

void Run::plan_fault() {
  const support::Fault fault = draw_fault(rng_);
  note("model: fault planned", to_string(fault.on));
  storage_.faults().add(fault);
  fault_planned_ = true;
  names_at_risk_ |= fault.on & support::Op::sync_directory;
}

/// The machine runs well from here on; with its power off, or its file system shut, it boots anew.
void Run::trouble_ends() {
  storage_.faults().clear();
  storage_.cut_power_at_mutation(0);
  // What a failed sync did to the file system, only a boot undoes - or it is ext4, and goes on.
  // When names could not be synced, a journal has failed, and every file system stops.
  const bool goes_on = storage_.options().after_failed_sync == support::AfterFailedSync::forget &&
                       !names_at_risk_ && rng_.coin();
  if (!storage_.has_power() || (fault_planned_ && !goes_on)) {
    ++report.crashes;
    lost_power_ = true;
    const Crash crash = Crash::from_seed(rng_.next());
    note("model: boot", crash.to_string());
    storage_.crash(crash);
    if (options_.plant == Plant::accept_torn_frame) bless_torn_frames(storage_, kDir);
    if (options_.plant == Plant::accept_stale_frame) bless_stale_frames(storage_, kDir);
  }
  cut_planned_ = false;
  fault_planned_ = false;
  names_at_risk_ = false;
}

/// Drops the store as it is, and opens it until that succeeds: the first attempts may meet the
/// trouble at hand, or new one. Then everything must be there.
void Run::recover_in(Trouble trouble) {
  const bool killed = !storage_.has_power() || rng_.coin();
  if (killed && storage_.has_power() && db_) storage_.kill();
  lost_power_ = !storage_.has_power();
  if (db_) {
    learn_durable();
    if (db_->close()) learn({Event::Kind::durable, UINT64_MAX});
  }
  release_all();
  world_.exposure.watch(nullptr);
  db_.reset();
  refused_.reset();
  settings_.durability = only_mode_ ? *only_mode_ : draw_mode();
  for (std::uint64_t attempt = 0;; ++attempt) {
    const bool last = attempt == 4 || trouble == Trouble::no_more;
    if (last || !in_trouble() || rng_.coin()) trouble_ends();
    if (!last && rng_.below(3) == 0) {
      rng_.coin() ? plan_power_cut(20) : plan_fault();
    }
    if (try_open()) break;
  }
  if (lost_power_) loss_ = Oracle::Loss::not_durable;
  settle();
}

bool Run::try_open() {
  db::Settings settings = settings_;
  if (options_.plant == Plant::acknowledge_early) settings.durability = Durability::write_back;
  if (options_.plant == Plant::drop_expiries) forget_expiries(storage_, kDir);
  auto opened = db::Access::open(settings, world_.environment());
  if (!opened) {
    ++report.failed_opens;
    note("model: open failed", opened.error().to_string());
    check_explained(opened.error(), "an open");
    // A file system that a failed sync shut down, or the missing power, only a boot mends.
    trouble_ends();
    return false;
  }
  ++report.opens;
  db_.emplace(std::move(*opened));
  world_.exposure.watch(db::Access::engine(*db_).reads());
  return true;
}

// In every_commit a store whose log failed goes on in a fresh segment, as if a heal forgot what was
// burnt: opened anew, beneath a user who knows nothing of it.
void Run::heal_wrongly() {
  if (!refused_ || settings_.durability != Durability::every_commit || !storage_.has_power())
    return;
  storage_.faults().clear();
  static_cast<void>(db_->close());
  release_all();
  world_.exposure.watch(nullptr);
  db_.reset();
  if (!try_open()) return recover();
  refused_.reset();
}

}  // namespace

RunReport run(const RunOptions& options, bool with_trace) {
  Run the_run(options);
  try {
    the_run.execute();
  } catch (const Violation& violation) {
    the_run.report.violation = fmt::format("operation {}: {}", the_run.done(), violation.what());
  }
  the_run.report.trace_hash = the_run.trace().hash();
  if (with_trace) the_run.report.trace = the_run.trace().to_string(kTraceEvents);
  return the_run.report;
}

}  // namespace siltstone::model
