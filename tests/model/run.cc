// The runner: Run owns the simulated world, the store, and the oracle. A broken promise is thrown
// as a Violation and ends the run.
#include "model/run.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <siltstone/db.h>

#include "db/access.h"
#include "model/actions.h"
#include "model/oracle.h"
#include "model/value_code.h"
#include "support/sim_storage.h"

namespace siltstone::model {
namespace {

using support::Crash;
using support::Fault;
using support::Op;

constexpr const char* kDir = "db";
constexpr std::size_t kTraceEvents = 2000;

struct Violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class SimEntropy final : public io::Entropy {
 public:
  explicit SimEntropy(std::uint64_t seed) : rng_(seed) {}
  void fill(std::span<std::byte> out) noexcept override {
    for (std::byte& byte : out) byte = static_cast<std::byte>(rng_.next());
  }

 private:
  support::Rng rng_;
};

/// An iterator, and what it must go on to show.
struct HeldIterator {
  Iterator iterator;
  State state;
  State::const_iterator at;
};

class Run {
 public:
  explicit Run(const RunOptions& options)
      : options_(options),
        rng_(options.seed),
        mix_(rng_, false),
        writes_(rng_),
        storage_(options.seed, support::SimStorageOptions::nasty(options.seed)),
        lying_(make_lying_storage(storage_, options.plant)),
        entropy_(options.seed) {
    settings_.dir = kDir;
    settings_.compression = rng_.coin() ? Compression::snappy : Compression::none;
  }

  void execute() {
    recover();
    while (done_ < options_.operations) step();
    recover(Trouble::no_more);
    expect_ok(db_->close(), "the last close");
  }

  RunReport report;
  support::SimStorage& storage() noexcept { return storage_; }
  [[nodiscard]] std::uint64_t done() const noexcept { return done_; }

 private:
  void step();
  void do_write(const Write& write);
  void write_failed(const Write& write, const Error& error);
  void check_get(const std::string& key);
  void check_scan();
  void hold_iterator();
  void check_everything();
  void check_refusal(const Result<void>& result, std::string_view what);
  void open_second();
  void open_read_only();
  enum class Trouble : std::uint8_t { may_come, no_more };
  void recover(Trouble trouble = Trouble::may_come);
  void trouble_ends();
  bool try_open();
  void release_iterators();
  void plan_power_cut(std::uint64_t within);
  void plan_fault();
  [[nodiscard]] State read_all(Db& db);
  [[nodiscard]] bool in_trouble() const noexcept { return fault_planned_ || !storage_.has_power(); }
  void check_explained(const Error& error, std::string_view what) const;
  [[noreturn]] static void violation(std::string what) { throw Violation(what); }
  static void expect_ok(const Result<void>& result, std::string_view what) {
    if (!result) violation(fmt::format("{}: {}", what, result.error().to_string()));
  }
  void note(std::string_view what, std::string_view key = {}) {
    storage_.trace().add(storage_.clock().now(), what, key);
  }
  [[nodiscard]] io::Environment environment() noexcept {
    return {.storage = lying_.get(),
            .clock = &storage_.clock(),
            .executor = &io::system_executor(),
            .parker = &io::system_parker(),
            .entropy = &entropy_};
  }

  const RunOptions options_;
  support::Rng rng_;
  Mix mix_;
  Writes writes_;
  support::SimStorage storage_;
  const std::unique_ptr<io::Storage> lying_;
  SimEntropy entropy_;
  db::Settings settings_;

  std::optional<Db> db_;
  Oracle oracle_;
  std::deque<HeldIterator> held_;
  std::optional<ErrorCode> refused_;  // why this store takes no writes any more
  bool fault_planned_ = false;        // errors may come without a power cut
  bool names_at_risk_ = false;        // among them failing syncs of directories
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
    case Action::flush: return check_refusal(db_->flush(), "flush");
    case Action::open_second: return open_second();
    case Action::open_read_only: return open_read_only();
    case Action::clients: return;
    case Action::reopen:
      note("model: close");
      check_refusal(db_->close(), "close");
      return recover();
    case Action::crash:
      note("model: crash");
      storage_.cut_power();
      return recover();
    case Action::kill:
      note("model: kill");
      storage_.kill();
      return recover();
    case Action::cut_power: return plan_power_cut(40);
    case Action::fault: return plan_fault();
  }
}

void Run::do_write(const Write& write) {
  note("model: write", quoted(write.front().key));
  Result<Commit> commit = [&] {
    if (write.size() == 1) {
      const auto& [key, value] = write.front();
      return value ? db_->put(key, *value) : db_->erase(key);
    }
    Batch batch;
    for (const auto& [key, value] : write) {
      expect_ok(value ? batch.put(key, *value) : batch.erase(key), "adding to a batch");
    }
    return db_->put_batch(batch);
  }();
  if (!commit) return write_failed(write, commit.error());
  if (refused_) violation("a write was taken after the log had failed");
  if (const auto wrong = oracle_.acknowledge(write, commit->seq); !wrong.empty()) violation(wrong);
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
  oracle_.leave_undecided(write);
  check_everything();
  check_refusal(db_->flush(), "flush");
  // Go on for a while, with reads and refused writes; in the end the store is opened anew.
  if (rng_.coin()) recover();
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
  const auto found = db_->get(key);
  if (!found) violation("get: " + found.error().to_string());
  const auto expected = oracle_.state().find(key);
  if (*found && !is_genuine(key, (*found)->view())) {
    violation(fmt::format("key {} has a value that was never written to it", quoted(key)));
  }
  if (found->has_value() != (expected != oracle_.state().end())) {
    violation(
        fmt::format("key {} is {}", quoted(key), *found ? "there, but was erased" : "missing"));
  }
  if (*found && **found != expected->second) violation(fmt::format("key {} is stale", quoted(key)));
}

void Run::check_scan() {
  const std::string from = writes_.key(rng_);
  const std::string to = writes_.key(rng_);
  auto it = db_->iterate({.from = from, .to = to});
  auto expected = oracle_.state().lower_bound(from);
  if (rng_.coin()) {
    const std::string key = writes_.key(rng_);
    it.seek(key);
    expected = oracle_.state().lower_bound(std::max(from, key));
  }
  const auto within = [&] {
    return expected != oracle_.state().end() && (to.empty() || expected->first < to);
  };
  for (; it.valid() && within(); it.next(), ++expected) {
    if (it.key() != expected->first || it.value() != expected->second) {
      violation(fmt::format("a scan shows key {} instead of {}", quoted(it.key()),
                            quoted(expected->first)));
    }
  }
  if (it.valid() || within()) violation("a scan ends too late or too early");
  expect_ok(it.status(), "a scan");
}

void Run::hold_iterator() {
  if (held_.size() < 4 && rng_.coin()) {
    held_.push_back({db_->iterate(), oracle_.state(), {}});
    held_.back().at = held_.back().state.begin();
    return;
  }
  if (held_.empty()) return;
  HeldIterator& held = held_[rng_.below(held_.size())];
  for (std::uint64_t i = rng_.below(10); i != 0; --i) {
    if (held.iterator.valid() != (held.at != held.state.end())) {
      violation("an iterator ends too late or too early");
    }
    if (!held.iterator.valid()) break;
    if (held.iterator.key() != held.at->first || held.iterator.value() != held.at->second) {
      violation(
          fmt::format("an iterator changed beside writes, at key {}", quoted(held.at->first)));
    }
    held.iterator.next();
    ++held.at;
  }
}

State Run::read_all(Db& db) {
  State found;
  auto it = db.iterate();
  for (; it.valid(); it.next()) {
    if (!is_genuine(it.key(), it.value())) {
      violation(fmt::format("key {} has a value that was never written to it", quoted(it.key())));
    }
    found.emplace(it.key(), it.value());
  }
  expect_ok(it.status(), "an iteration");
  return found;
}

void Run::check_everything() {
  const State found = read_all(*db_);
  if (found != oracle_.state()) violation(difference(oracle_.state(), found));
  for (std::uint64_t i = 0; i < writes_.key_count(); ++i) check_get(Writes::key_number(i));
}

void Run::open_second() {
  const auto second = db::Access::open(settings_, environment());
  if (second) violation("a second writer was let in");
  if (second.error().code() != ErrorCode::busy) check_explained(second.error(), "a second open");
}

void Run::open_read_only() {
  db::Settings settings = settings_;
  settings.read_only = true;
  const std::uint64_t changes = storage_.mutations();
  auto reader = db::Access::open(settings, environment());
  if (storage_.mutations() != changes) violation("a read-only open changed the disk");
  if (!reader) return check_explained(reader.error(), "a read-only open");
  const State found = read_all(*reader);
  if (!refused_ && found != oracle_.state()) {
    violation("read only: " + difference(oracle_.state(), found));
  }
}

void Run::release_iterators() {
  for (HeldIterator& held : held_) {
    if (held.iterator.valid()) violation("an iterator goes on after its store was closed");
    const auto status = held.iterator.status();
    if (status || status.error().code() != ErrorCode::closed) {
      violation("an iterator does not say that its store was closed");
    }
  }
  held_.clear();
}

void Run::plan_power_cut(std::uint64_t within) {
  note("model: power cut planned");
  storage_.cut_power_at_mutation(storage_.mutations() + rng_.between(1, within));
}

void Run::plan_fault() {
  static constexpr Op kCalls[] = {Op::write,  Op::sync, Op::write | Op::sync, Op::read,
                                  Op::open,   Op::list, Op::rename,           Op::allocate,
                                  Op::submit, Op::reap, Op::sync_directory,   Op::any};
  static constexpr int kErrors[] = {EIO, EIO, ENOSPC, EDQUOT, EROFS, EINTR, EAGAIN};
  Fault fault;
  fault.on = kCalls[rng_.below(std::size(kCalls))];
  fault.error = kErrors[rng_.below(std::size(kErrors))];
  fault.effect = rng_.below(6) == 0 ? support::Effect::cut_short : support::Effect::fail;
  if (fault.effect == support::Effect::cut_short) fault.on = Op::read | Op::write;
  fault.skip = rng_.below(12);
  fault.times = rng_.coin() ? 1 : rng_.coin() ? rng_.between(2, 5) : support::kAlways;
  fault.residue = static_cast<support::Residue>(rng_.below(3));
  note("model: fault planned", to_string(fault.on));
  storage_.faults().add(fault);
  fault_planned_ = true;
  names_at_risk_ |= fault.on & Op::sync_directory;
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
    const Crash crash = Crash::from_seed(rng_.next());
    note("model: boot", crash.to_string());
    storage_.crash(crash);
    if (options_.plant == Plant::accept_torn_frame) bless_torn_frames(storage_, kDir);
  }
  fault_planned_ = false;
  names_at_risk_ = false;
}

/// Drops the store as it is, and opens it until that succeeds: the first attempts may meet the
/// trouble at hand, or new one. Then everything must be there.
void Run::recover(Trouble trouble) {
  const bool killed = !storage_.has_power() || rng_.coin();
  if (killed && storage_.has_power() && db_) storage_.kill();
  if (db_) static_cast<void>(db_->close());
  release_iterators();
  db_.reset();
  refused_.reset();
  for (std::uint64_t attempt = 0;; ++attempt) {
    const bool last = attempt == 4 || trouble == Trouble::no_more;
    if (last || !in_trouble() || rng_.coin()) trouble_ends();
    if (!last && rng_.below(3) == 0) {
      rng_.coin() ? plan_power_cut(20) : plan_fault();
    }
    if (try_open()) break;
  }
  const bool undecided = oracle_.has_undecided();
  const State before = oracle_.state();
  const State found = read_all(*db_);
  if (const auto wrong = oracle_.settle(found); !wrong.empty()) violation(wrong);
  report.undecided_kept += undecided && found != before;
  check_everything();
}

bool Run::try_open() {
  auto opened = db::Access::open(settings_, environment());
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
  the_run.report.trace_hash = the_run.storage().trace().hash();
  if (with_trace) the_run.report.trace = the_run.storage().trace().to_string(kTraceEvents);
  return the_run.report;
}

}  // namespace siltstone::model
