// The runner: Run owns the simulated world, the store, and the oracle. A broken promise is thrown
// as a Violation and ends the run.
#include "model/run.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <list>
#include <memory>
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
#include "model/reads.h"
#include "model/world.h"

namespace siltstone::model {
namespace {

using support::Crash;

constexpr const char* kDir = "db";
constexpr std::size_t kTraceEvents = 2000;

struct Violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Run {
 public:
  explicit Run(const RunOptions& options)
      : options_(options),
        rng_(options.seed),
        mix_(rng_, options.seed % 3 == 0),
        writes_(rng_),
        world_(options.seed, options.plant),
        storage_(world_.storage) {
    settings_.dir = kDir;
    draw_settings(settings_, rng_);
    only_mode_ = rng_.coin() ? std::optional(draw_mode()) : std::nullopt;
  }

  void execute() {
    recover();
    while (done_ < options_.operations) step();
    recover(Trouble::no_more);
    expect_ok(db_->close(), "the last close");
  }

  RunReport report;
  [[nodiscard]] const support::SimTrace& trace() const noexcept { return world_.trace; }
  [[nodiscard]] std::uint64_t done() const noexcept { return done_; }

 private:
  void step();
  [[nodiscard]] Durability draw_mode() { return static_cast<Durability>(rng_.below(3)); }
  void do_write(Write write, const WriteOptions& options = {});
  void acknowledge(const Write& write, std::uint64_t sequence);
  void write_tickets();
  void write_in_haste();
  [[nodiscard]] Result<void> wait_durable(std::uint64_t sequence);
  void idle();
  void flush();
  void write_failed(const Write& write, const Error& error);
  void run_clients();
  [[noreturn]] void give_up(std::string_view what);
  void take_reports(std::vector<Client>& clients);
  void check_get(const std::string& key);
  void check_scan();
  void hold_iterator();
  void use_snapshot();
  void set_clock();
  void check_everything();
  void check_refusal(const Result<void>& result, std::string_view what);
  void open_second();
  void open_read_only();
  void close_and_recover();
  enum class Trouble : std::uint8_t { may_come, no_more };
  void recover(Trouble trouble = Trouble::may_come);
  void trouble_ends();
  bool try_open();
  void release_all();
  void plan_power_cut(std::uint64_t within);
  void plan_fault();
  [[nodiscard]] State read_genuine(Db& db);
  [[nodiscard]] std::int64_t wall() const noexcept { return world_.clock.wall_ms(); }
  [[nodiscard]] bool in_trouble() const noexcept { return fault_planned_ || !storage_.has_power(); }
  void check_explained(const Error& error, std::string_view what) const;
  [[noreturn]] static void violation(std::string what) { throw Violation(what); }
  static void expect(const std::string& wrong) {
    if (!wrong.empty()) violation(wrong);
  }
  static void expect_ok(const Result<void>& result, std::string_view what) {
    if (!result) violation(fmt::format("{}: {}", what, result.error().to_string()));
  }
  void note(std::string_view what, std::string_view key = {}) {
    world_.trace.add(world_.clock.now(), what, key);
  }

  const RunOptions options_;
  support::Rng rng_;
  Mix mix_;
  Writes writes_;
  World world_;
  support::SimStorage& storage_;
  db::Settings settings_;

  std::optional<Durability> only_mode_;  // of all opens, or each draws its own
  std::optional<Db> db_;
  Oracle oracle_;
  std::list<HeldIterator> iterators_;
  std::vector<HeldSnapshot> snapshots_;
  std::int64_t settled_ms_ = 0;       // wall time of the last open
  std::optional<ErrorCode> refused_;  // why this store takes no writes any more
  bool cut_planned_ = false;
  bool fault_planned_ = false;  // errors may come without a power cut
  bool names_at_risk_ = false;  // among them failing syncs of directories
  bool lost_power_ = false;     // since the store was last open
  std::uint64_t done_ = 0;
};

void Run::step() {
  ++done_;
  if (refused_ && rng_.below(30) == 0) return recover();
  switch (mix_.draw(rng_)) {
    case Action::put: return do_write(writes_.put(rng_));
    case Action::erase: return do_write(writes_.erase(rng_));
    case Action::batch: return do_write(writes_.batch(rng_));
    case Action::get: return check_get(writes_.key(rng_));
    case Action::scan: return check_scan();
    case Action::hold_iterator: return hold_iterator();
    case Action::snapshot: return use_snapshot();
    case Action::flush: return flush();
    case Action::tickets: return write_tickets();
    case Action::deadline: return write_in_haste();
    case Action::durable:
      // In trouble it may fail and show nevertheless, which nobody outside can tell.
      return do_write(writes_.put(rng_), {.durable = !in_trouble() && !cut_planned_});
    case Action::idle: return idle();
    case Action::set_clock: return set_clock();
    case Action::open_second: return open_second();
    case Action::open_read_only: return open_read_only();
    case Action::clients: return run_clients();
    case Action::reopen: note("model: close"); return close_and_recover();
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
    case Action::fault: return plan_fault();
  }
}

void Run::do_write(Write write, const WriteOptions& options) {
  note("model: write", quoted(write.front().key));
  date(write, wall());
  const auto commit = perform(*db_, write, options);
  if (!commit) return write_failed(write, commit.error());
  acknowledge(write, commit->seq);
  const bool is_durable = options.durable || settings_.durability == Durability::every_commit;
  if (is_durable && db_->durable_seq() < commit->seq) violation("a durable write is not durable");
}

void Run::acknowledge(const Write& write, std::uint64_t sequence) {
  if (refused_) violation("a write was taken after the log had failed");
  expect(oracle_.acknowledge(write, sequence));
  // A batch, of 12 operations at most, goes alone where it is larger than the bound.
  const std::uint64_t at_risk = sequence - std::min(sequence, db_->durable_seq());
  if (settings_.durability == Durability::write_back &&
      at_risk > std::max(settings_.write_buffer_ops, std::uint64_t{12})) {
    violation(fmt::format("{} operations are at risk", at_risk));
  }
  oracle_.make_durable(db_->durable_seq());
}

// A few writes that do not wait, and then the wait: all of them are durable, or from some one on
// none is known to be.
void Run::write_tickets() {
  note("model: tickets");
  std::vector<std::pair<Write, std::uint64_t>> tickets;
  for (std::uint64_t i = rng_.between(1, Oracle::kMaxUndecided - 1); i != 0; --i) {
    Write write = rng_.coin() ? writes_.put(rng_) : writes_.erase(rng_);
    date(write, wall());
    const auto commit = perform(*db_, write, {.wait = false});
    if (!commit) {
      if (tickets.empty()) return write_failed(write, commit.error());
      if (commit.error().outcome() == WriteOutcome::undecided) oracle_.leave_undecided(write);
      break;
    }
    tickets.emplace_back(std::move(write), commit->seq);
  }
  // In the weaker modes a ticket is as good as a write that waited.
  if (settings_.durability != Durability::every_commit) {
    for (const auto& [write, sequence] : tickets) acknowledge(write, sequence);
    return;
  }
  const auto durable = wait_durable(tickets.back().second);
  const std::uint64_t reached = db_->durable_seq();
  if (durable && reached < tickets.back().second) violation("wait_durable returned too early");
  for (const auto& [write, sequence] : tickets) {
    if (sequence <= reached) {
      acknowledge(write, sequence);
    } else {
      oracle_.leave_undecided(write);
    }
  }
  if (durable) return;
  check_explained(durable.error(), "wait_durable");
  refused_ = durable.error().code();
  check_everything();
}

Result<void> Run::wait_durable(std::uint64_t sequence) {
  auto waited = db_->wait_durable(sequence);
  const bool burnt = !waited && waited.error().outcome() == WriteOutcome::undecided;
  return burnt && options_.plant == Plant::trust_burnt ? Result<void>() : waited;
}

// In time or not: a pending write commits, as surely as any.
void Run::write_in_haste() {
  note("model: deadline");
  Write write = writes_.put(rng_);
  date(write, wall());
  const auto within = std::chrono::microseconds(rng_.below(50));
  const auto commit = perform(*db_, write, {.deadline = within});
  if (commit) return acknowledge(write, commit->seq);
  if (commit.error().code() != ErrorCode::timed_out) return write_failed(write, commit.error());
  if (commit.error().outcome() == WriteOutcome::not_applied) return;
  const std::uint64_t sequence = commit.error().sequence();
  if (const auto durable = wait_durable(sequence); !durable) {
    check_explained(durable.error(), "wait_durable");
    refused_ = durable.error().code();
    oracle_.leave_undecided(write);
    return check_everything();
  }
  acknowledge(write, sequence);
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
  oracle_.make_durable(durable);
}

void Run::flush() {
  const auto flushed = db_->flush();
  check_refusal(flushed, "flush");
  if (flushed && oracle_.last_sequence() > db_->durable_seq()) {
    violation("flush returned before everything was durable");
  }
  oracle_.make_durable(db_->durable_seq());
}

// The first failure leaves its write undecided and the store without writes; the others were never
// taken, and change nothing about that.
void Run::write_failed(const Write& write, const Error& error) {
  ++report.failed_writes;
  if (refused_) {
    if (error.code() != *refused_) violation("refused for another cause: " + error.to_string());
    return;
  }
  check_explained(error, "a write");
  refused_ = error.code();
  // silt-log may have met the failure before this write was taken.
  if (error.outcome() == WriteOutcome::undecided) oracle_.leave_undecided(write);
  check_everything();
  check_refusal(db_->flush(), "flush");
  // Go on for a while, with reads and refused writes; in the end the store is opened anew.
  if (rng_.coin()) recover();
}

void Run::close_and_recover() {
  oracle_.make_durable(db_->durable_seq());
  const auto closed = db_->close();
  check_refusal(closed, "close");
  if (closed) oracle_.make_durable(UINT64_MAX);
  release_all();
  db_.reset();
  recover();
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
  oracle_.make_durable(db_->durable_seq());
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

void Run::check_refusal(const Result<void>& result, std::string_view what) {
  note("model: flush or close");
  if (refused_) {
    if (result) violation(fmt::format("{} is ok after the log had failed", what));
    if (result.error().code() != *refused_) {
      violation(fmt::format("{} tells another cause: {}", what, result.error().to_string()));
    }
  } else if (!result) {
    check_explained(result.error(), what);
    refused_ = result.error().code();
  }
}

void Run::check_explained(const Error& error, std::string_view what) const {
  const bool of_the_disk = error.code() == ErrorCode::io || error.code() == ErrorCode::no_space ||
                           error.code() == ErrorCode::read_only;
  if (!in_trouble() || !of_the_disk) {
    violation(fmt::format("{} failed without need: {}", what, error.to_string()));
  }
}

void Run::check_get(const std::string& key) {
  expect(model::check_get(*db_, key, oracle_.state(), wall()));
}

void Run::check_scan() {
  expect(model::check_scan(*db_, present(oracle_.state(), wall()), writes_, rng_));
}

void Run::hold_iterator() {
  if (iterators_.size() < 4 && rng_.coin()) {
    iterators_.emplace_back(db_->iterate(), present(oracle_.state(), wall()));
    return;
  }
  if (iterators_.empty()) return;
  const auto held =
      std::next(iterators_.begin(), static_cast<std::ptrdiff_t>(rng_.below(iterators_.size())));
  expect(held->advance(rng_.below(10)));
}

void Run::use_snapshot() {
  if (snapshots_.size() < 4 && rng_.below(4) == 0) {
    auto snapshot = db_->snapshot();
    if (!snapshot) violation("a snapshot: " + snapshot.error().to_string());
    snapshots_.emplace_back(*snapshot, present(oracle_.state(), wall()));
    return;
  }
  if (snapshots_.empty()) return;
  const auto held =
      std::next(snapshots_.begin(), static_cast<std::ptrdiff_t>(rng_.below(snapshots_.size())));
  switch (rng_.below(6)) {
    case 0: return expect(held->check_all());
    case 1: snapshots_.erase(held); return;
    case 2:
      if (iterators_.size() < 4) iterators_.emplace_back(held->snapshot().iterate(), held->state());
      return;
    default: return expect(held->check_key(writes_.key(rng_)));
  }
}

// Ahead by a minute at most, or back, as far as the oracle remembers what had expired.
void Run::set_clock() {
  const std::int64_t now = wall();
  const std::int64_t earliest = std::max(settled_ms_, now - 60'000);
  const auto range = static_cast<std::uint64_t>(now + 60'000 - earliest);
  note("model: the clock is set");
  world_.clock.step_wall(earliest + static_cast<std::int64_t>(rng_.below(range)) - now);
}

State Run::read_genuine(Db& db) {
  auto found = read_all(db.iterate());
  if (!found) violation("an iteration: " + found.error().to_string());
  for (const auto& [key, cell] : *found) expect(check_genuine(key, cell.value));
  return *std::move(found);
}

void Run::check_everything() {
  const State found = read_genuine(*db_);
  const std::int64_t now = wall();
  if (!may_show(oracle_.state(), found, now, now)) {
    violation(difference(oracle_.state(), found, now));
  }
  for (std::uint64_t i = 0; i < writes_.key_count(); ++i) check_get(Writes::key_number(i));
}

void Run::open_second() {
  const auto second = db::Access::open(settings_, world_.environment());
  if (second) violation("a second writer was let in");
  if (second.error().code() != ErrorCode::busy) check_explained(second.error(), "a second open");
}

void Run::open_read_only() {
  db::Settings settings = settings_;
  settings.read_only = true;
  const std::uint64_t changes = storage_.mutations();
  auto reader = db::Access::open(settings, world_.environment());
  if (storage_.mutations() != changes) violation("a read-only open changed the disk");
  if (!reader) return check_explained(reader.error(), "a read-only open");
  const State found = read_genuine(*reader);
  const auto loss = settings_.durability == Durability::write_back ? Oracle::Loss::not_durable
                                                                   : Oracle::Loss::none;
  if (!refused_ && !oracle_.may_find(found, loss, wall())) {
    violation("read only: " + difference(oracle_.state(), found, wall()));
  }
}

void Run::release_all() {
  for (const HeldIterator& held : iterators_) expect(held.check_closed());
  for (const HeldSnapshot& held : snapshots_) expect(held.check_closed());
  iterators_.clear();
  snapshots_.clear();
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
void Run::recover(Trouble trouble) {
  const Durability closed_mode = settings_.durability;
  const bool killed = !storage_.has_power() || rng_.coin();
  if (killed && storage_.has_power() && db_) storage_.kill();
  lost_power_ = !storage_.has_power();
  if (db_) {
    oracle_.make_durable(db_->durable_seq());
    if (db_->close()) oracle_.make_durable(UINT64_MAX);
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
  const bool undecided = oracle_.has_undecided();
  settled_ms_ = wall();
  const State before = present(oracle_.state(), settled_ms_);
  const State found = read_genuine(*db_);
  const bool may_lose = lost_power_ || closed_mode == Durability::write_back;
  const auto loss = may_lose ? Oracle::Loss::not_durable : Oracle::Loss::none;
  expect(oracle_.settle(found, loss, settled_ms_));
  report.undecided_kept += undecided && found != before;
  check_everything();
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
