// The actions, and what must be true after each.
#include "model/session.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "db/access.h"
#include "model/client.h"
#include "model/reads.h"

namespace siltstone::model {
namespace {

/// What a write came to that failed so.
Event end_of(const Error& error) {
  const bool may_be = error.outcome() == WriteOutcome::undecided;
  return {may_be ? Event::Kind::undecided : Event::Kind::not_applied};
}

}  // namespace

Session::Session(std::uint64_t seed, std::string dir, bool with_clients)
    : rng_(seed), mix_(rng_, with_clients), writes_(rng_) {
  settings_.dir = std::move(dir);
  draw_settings(settings_, rng_);
  only_mode_ = rng_.coin() ? std::optional(draw_mode()) : std::nullopt;
}

void Session::expect_ok(const Result<void>& result, std::string_view what) {
  if (!result) violation(fmt::format("{}: {}", what, result.error().to_string()));
}

void Session::step() {
  ++done_;
  if (refused_ && rng_.below(30) == 0) return recover();
  act(mix_.draw(rng_));
  check_burnt();
}

// However long the store goes on, and whatever is durable by then.
void Session::check_burnt() {
  if (burnt_ != 0 && wait_durable(burnt_)) violation("wait_durable is ok for a burnt sequence");
}

void Session::act(Action action) {
  switch (action) {
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
    case Action::set_clock: return set_clock();
    case Action::open_second: return open_second();
    case Action::open_read_only: return open_read_only();
    case Action::reopen: return close_and_recover();
    default: return act_on_machine(action);
  }
}

void Session::learn(Event event) {
  using Kind = Event::Kind;
  const auto first_under_way = [&] {
    Write first = std::move(under_way_.front());
    under_way_.pop_front();
    return first;
  };
  switch (event.kind) {
    case Kind::begun: under_way_.push_back(std::move(event.write)); return;
    case Kind::not_applied: under_way_.pop_front(); return;
    case Kind::undecided: return oracle_.leave_undecided(first_under_way());
    case Kind::acknowledged: return expect(oracle_.acknowledge(first_under_way(), event.number));
    case Kind::durable: return oracle_.make_durable(event.number);
    case Kind::settled: break;
  }
  settled_ms_ = static_cast<std::int64_t>(event.number);
  burnt_ = 0;
  State found;
  model::apply(found, event.write);
  report.undecided_kept +=
      oracle_.has_undecided() && found != present(oracle_.state(), settled_ms_);
  expect(oracle_.settle(found, loss_, settled_ms_));
  const bool may_lose = settings_.durability == Durability::write_back;
  loss_ = may_lose ? Oracle::Loss::not_durable : Oracle::Loss::none;
}

void Session::settle() {
  Event event{Event::Kind::settled, static_cast<std::uint64_t>(wall())};
  for (auto& [key, cell] : read_genuine(*db_)) {
    event.write.push_back({key, std::move(cell.value), std::nullopt, cell.expiry});
  }
  learn(std::move(event));
  check_everything();
}

Result<Commit> Session::perform(Write& write, const WriteOptions& options) {
  date(write, wall());
  learn({Event::Kind::begun, 0, write});
  return model::perform(*db_, write, options);
}

void Session::do_write(Write write, const WriteOptions& options) {
  note("model: write", quoted(write.front().key));
  const auto commit = perform(write, options);
  if (!commit) return write_failed(commit.error());
  acknowledge(commit->seq);
  const bool is_durable = options.durable || settings_.durability == Durability::every_commit;
  if (is_durable && db_->durable_seq() < commit->seq) violation("a durable write is not durable");
}

void Session::acknowledge(std::uint64_t sequence) {
  if (refused_) violation("a write was taken after the log had failed");
  learn({Event::Kind::acknowledged, sequence});
  // A batch, of 12 operations at most, goes alone where it is larger than the bound.
  const std::uint64_t at_risk = sequence - std::min(sequence, db_->durable_seq());
  if (settings_.durability == Durability::write_back &&
      at_risk > std::max(settings_.write_buffer_ops, std::uint64_t{12})) {
    violation(fmt::format("{} operations are at risk", at_risk));
  }
  learn_durable();
}

// A few writes that do not wait, and then the wait: all of them are durable, or from some one on
// none is known to be.
void Session::write_tickets() {
  note("model: tickets");
  std::vector<std::uint64_t> tickets;
  std::optional<Error> failure;
  for (std::uint64_t i = rng_.between(1, Oracle::kMaxUndecided - 1); i != 0 && !failure; --i) {
    Write write = rng_.coin() ? writes_.put(rng_) : writes_.erase(rng_);
    const auto commit = perform(write, {.wait = false});
    if (commit) {
      tickets.push_back(commit->seq);
    } else if (tickets.empty()) {
      return write_failed(commit.error());
    } else {
      failure = commit.error();
    }
  }
  // In the weaker modes a ticket is as good as a write that waited.
  const bool is_slow = settings_.durability == Durability::every_commit;
  const auto durable = is_slow ? wait_durable(tickets.back()) : Result<void>();
  const std::uint64_t reached = is_slow ? db_->durable_seq() : UINT64_MAX;
  if (durable && reached < tickets.back()) violation("wait_durable returned too early");
  for (const std::uint64_t sequence : tickets) {
    sequence <= reached ? acknowledge(sequence) : learn({Event::Kind::undecided});
  }
  if (failure) learn(end_of(*failure));
  if (durable) return;
  check_explained(durable.error(), "wait_durable");
  refused_ = durable.error().code();
  burnt_ = tickets.back();
  check_everything();
}

// In time or not: a pending write commits, as surely as any.
void Session::write_in_haste() {
  note("model: deadline");
  Write write = writes_.put(rng_);
  const auto within = std::chrono::microseconds(rng_.below(50));
  const auto commit = perform(write, {.deadline = within});
  if (commit) return acknowledge(commit->seq);
  const Error& error = commit.error();
  if (error.code() != ErrorCode::timed_out) return write_failed(error);
  if (error.outcome() == WriteOutcome::not_applied) return learn(end_of(error));
  const auto durable = wait_durable(error.sequence());
  if (durable) return acknowledge(error.sequence());
  check_explained(durable.error(), "wait_durable");
  refused_ = durable.error().code();
  burnt_ = error.sequence();
  learn({Event::Kind::undecided});
  check_everything();
}

void Session::flush() {
  const auto flushed = db_->flush();
  check_refusal(flushed, "flush");
  if (flushed && oracle_.last_sequence() > db_->durable_seq()) {
    violation("flush returned before everything was durable");
  }
  learn_durable();
}

// The first failure leaves its write undecided and the store without writes; the others were never
// taken, and change nothing about that.
void Session::write_failed(const Error& error) {
  ++report.failed_writes;
  if (refused_) {
    learn({Event::Kind::not_applied});
    if (error.code() != *refused_) violation("refused for another cause: " + error.to_string());
    return;
  }
  check_explained(error, "a write");
  refused_ = error.code();
  // silt-log may have met the failure before this write was taken.
  learn(end_of(error));
  check_everything();
  check_refusal(db_->flush(), "flush");
  // Go on for a while, with reads and refused writes; in the end the store is opened anew.
  if (rng_.coin()) recover();
}

void Session::close_and_recover() {
  note("model: close");
  learn_durable();
  const auto closed = db_->close();
  check_refusal(closed, "close");
  if (closed) learn({Event::Kind::durable, UINT64_MAX});
  release_all();
  db_.reset();
  recover();
}

void Session::check_refusal(const Result<void>& result, std::string_view what) {
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

void Session::check_explained(const Error& error, std::string_view what) const {
  const bool of_the_disk = error.code() == ErrorCode::io || error.code() == ErrorCode::no_space ||
                           error.code() == ErrorCode::read_only;
  if (!in_trouble() || !of_the_disk) {
    violation(fmt::format("{} failed without need: {}", what, error.to_string()));
  }
}

void Session::check_get(const std::string& key) {
  expect(model::check_get(*db_, key, oracle_.state(), wall()));
}

void Session::check_scan() {
  expect(model::check_scan(*db_, present(oracle_.state(), wall()), writes_, rng_));
}

void Session::hold_iterator() {
  if (iterators_.size() < 4 && rng_.coin()) {
    iterators_.emplace_back(db_->iterate(), present(oracle_.state(), wall()));
    return;
  }
  if (iterators_.empty()) return;
  const auto held =
      std::next(iterators_.begin(), static_cast<std::ptrdiff_t>(rng_.below(iterators_.size())));
  expect(held->advance(rng_.below(10)));
}

void Session::use_snapshot() {
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
void Session::set_clock() {
  const std::int64_t now = wall();
  const std::int64_t earliest = std::max(settled_ms_, now - 60'000);
  const auto range = static_cast<std::uint64_t>(now + 60'000 - earliest);
  note("model: the clock is set");
  step_wall(earliest + static_cast<std::int64_t>(rng_.below(range)) - now);
}

State Session::read_genuine(Db& db) {
  auto found = read_all(db.iterate());
  if (!found) violation("an iteration: " + found.error().to_string());
  for (const auto& [key, cell] : *found) expect(check_genuine(key, cell.value));
  return *std::move(found);
}

void Session::check_everything() {
  const State found = read_genuine(*db_);
  const std::int64_t now = wall();
  if (!may_show(oracle_.state(), found, now, now)) {
    violation(difference(oracle_.state(), found, now));
  }
  for (std::uint64_t i = 0; i < writes_.key_count(); ++i) check_get(Writes::key_number(i));
}

void Session::open_second() {
  const auto second = db::Access::open(settings_, environment());
  if (second) violation("a second writer was let in");
  if (second.error().code() != ErrorCode::busy) check_explained(second.error(), "a second open");
}

void Session::open_read_only() {
  db::Settings settings = settings_;
  settings.read_only = true;
  auto reader = db::Access::open(settings, environment());
  if (!reader) return check_explained(reader.error(), "a read-only open");
  const State found = read_genuine(*reader);
  if (!refused_ && !oracle_.may_find(found, loss_, wall())) {
    violation("read only: " + difference(oracle_.state(), found, wall()));
  }
}

void Session::release_all() {
  for (const HeldIterator& held : iterators_) expect(held.check_closed());
  for (const HeldSnapshot& held : snapshots_) expect(held.check_closed());
  iterators_.clear();
  snapshots_.clear();
}

}  // namespace siltstone::model
