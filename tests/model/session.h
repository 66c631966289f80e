// A store that does what a seed says, and the oracle beside it: all that needs no more of the
// machine beneath than that it is there. What the machine is, and how it dies, derives from this:
// run.cc has a simulated one, killed_run.cc real processes.
//
// Every change of the oracle is an Event, so that another process can follow. A broken promise is
// thrown as a Violation.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <siltstone/db.h>

#include "db/settings.h"
#include "io/environment.h"
#include "model/actions.h"
#include "model/held.h"
#include "model/oracle.h"
#include "model/run.h"
#include "support/rng.h"

namespace siltstone::model {

struct Violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Event {
  enum class Kind : std::uint8_t {
    begun,         ///< `write` is under way, the last of those that are.
    not_applied,   ///< The first of those under way was never taken.
    undecided,     ///< Of the same the store does not know.
    acknowledged,  ///< The same ended at the sequence `number`.
    durable,       ///< All up to the sequence `number` is.
    settled,       ///< An open at the wall time `number` found what `write` puts.
  };
  Kind kind = Kind::begun;
  std::uint64_t number = 0;
  Write write = {};
};

class Session {
 public:
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  RunReport report;
  [[nodiscard]] std::uint64_t done() const noexcept { return done_; }

 protected:
  /// Draws the mix of actions and what the store is opened with; `dir` is where.
  Session(std::uint64_t seed, std::string dir, bool with_clients);
  virtual ~Session() = default;

  // What the machine is.
  [[nodiscard]] virtual io::Environment environment() noexcept = 0;
  /// True while calls may fail.
  [[nodiscard]] virtual bool in_trouble() const noexcept = 0;
  virtual void step_wall(std::int64_t by_ms) = 0;
  /// Drops the store as it is, opens it anew, and calls settle().
  virtual void recover() = 0;
  /// The actions durable, idle, clients, crash, kill, cut_power and fault.
  virtual void act_on_machine(Action action) = 0;
  [[nodiscard]] virtual Result<void> wait_durable(std::uint64_t sequence) {
    return db_->wait_durable(sequence);
  }
  virtual void note(std::string_view /*what*/, std::string_view /*key*/ = {}) {}
  /// Takes note of what happened.
  virtual void learn(Event event);

  // What is done with it.
  void step();
  virtual void open_read_only();
  void do_write(Write write, const WriteOptions& options = {});
  void learn_durable() { learn({Event::Kind::durable, db_->durable_seq()}); }
  /// The store was just opened: what it holds settles what was undecided.
  void settle();
  void check_everything();
  void release_all();
  void check_explained(const Error& error, std::string_view what) const;
  [[nodiscard]] Durability draw_mode() { return static_cast<Durability>(rng_.below(3)); }
  [[nodiscard]] std::int64_t wall() noexcept { return environment().clock->wall_ms(); }
  [[noreturn]] static void violation(const std::string& what) { throw Violation(what); }
  static void expect(const std::string& wrong) {
    if (!wrong.empty()) violation(wrong);
  }
  static void expect_ok(const Result<void>& result, std::string_view what);

  support::Rng rng_;
  Mix mix_;
  Writes writes_;
  db::Settings settings_;
  std::optional<Durability> only_mode_;  // of all opens, or each draws its own
  std::optional<Db> db_;
  Oracle oracle_;
  std::deque<Write> under_way_;
  Oracle::Loss loss_ = Oracle::Loss::none;  // that the next open may find
  std::optional<ErrorCode> refused_;        // why this store takes no writes any more
  std::uint64_t burnt_ = 0;                 // a sequence that failed in this one; 0: none is known
  std::uint64_t done_ = 0;

 private:
  void act(Action action);
  void check_burnt();
  [[nodiscard]] Result<Commit> perform(Write& write, const WriteOptions& options);
  void acknowledge(std::uint64_t sequence);
  void write_tickets();
  void write_in_haste();
  void flush();
  void write_failed(const Error& error);
  void check_get(const std::string& key);
  void check_scan();
  void hold_iterator();
  void use_snapshot();
  void set_clock();
  void check_refusal(const Result<void>& result, std::string_view what);
  void open_second();
  void close_and_recover();
  [[nodiscard]] static State read_genuine(Db& db);

  std::list<HeldIterator> iterators_;
  std::vector<HeldSnapshot> snapshots_;
  std::int64_t settled_ms_ = 0;  // wall time of the last open
};

}  // namespace siltstone::model
