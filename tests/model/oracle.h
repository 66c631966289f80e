// What a store must hold, kept beside it in an ordered map.
//
// Every write is one of four things. Durable: it counts for ever. Acknowledged, but not durable (in
// the weaker modes): a crash may take it back, with all that follow. Undecided: it failed, or was
// under way when the power went; it is invisible in that process, and the next successful open says
// whether it counts, which is final. Refused: it was never taken, and never shows.
//
// Undecided writes all come after every acknowledged one in the commit order, so what an open finds
// must be the state after some prefix of the acknowledged writes, with all that may not be lost; or
// after all of them and a prefix of the undecided ones in some order: with several writers the
// order of those under way is not known outside, so every order is tried.
//
// Values with an expiry stay in the map when it has passed: what they hid stays hidden, and they
// come back when the clock is set back. But what an open does not show is forgotten, so from then
// on the clock may not be set back before that open.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace siltstone::model {

/// One operation: without a value it erases.
struct Operation {
  std::string key;
  std::optional<std::string> value;
  std::optional<std::chrono::milliseconds> ttl = {};
  std::optional<std::int64_t> expiry = {};  ///< With a ttl, once it is written: see date().
};
/// One write: applied in order, whole or not at all.
using Write = std::vector<Operation>;

struct Cell {
  std::string value;
  std::optional<std::int64_t> expiry = {};  ///< Milliseconds of wall clock since 1970.

  [[nodiscard]] bool is_there(std::int64_t now) const noexcept { return !expiry || now < *expiry; }
  friend bool operator==(const Cell&, const Cell&) = default;
};
using State = std::map<std::string, Cell>;

/// Gives the values with a time to live their expiries, for a write that begins `now`.
void date(Write& write, std::int64_t now);
void apply(State& state, const Write& write);
/// What a reader at `now` is shown of `state`.
[[nodiscard]] State present(const State& state, std::int64_t now);
/// True when somebody who looked between two moments may have found this.
[[nodiscard]] bool may_show(const State& state, const State& found, std::int64_t earliest,
                            std::int64_t latest);

class Oracle {
 public:
  /// At most this many writes may be undecided at once: as many as there are writers.
  static constexpr std::size_t kMaxUndecided = 5;

  /// After every acknowledged write: reads of an open store must show what is present in it.
  [[nodiscard]] const State& state() const noexcept { return state_; }

  /// `last_sequence` is that of its last operation. What is wrong with it, or empty: sequences only
  /// grow, over opens too, and none lies within another write.
  [[nodiscard]] std::string acknowledge(const Write& write, std::uint64_t last_sequence);
  /// Everything up to this sequence is on stable storage, says the store.
  void make_durable(std::uint64_t sequence);
  /// The newest sequence that was acknowledged; 0 when a crash has decided since.
  [[nodiscard]] std::uint64_t last_sequence() const noexcept {
    return fresh_.empty() ? 0 : fresh_.back().sequence;
  }
  void leave_undecided(Write write);
  [[nodiscard]] bool has_undecided() const noexcept { return !undecided_.empty(); }

  enum class Loss : std::uint8_t {
    none,         ///< What was acknowledged is there.
    not_durable,  ///< What was not durable may be gone.
  };
  /// True when an open, or somebody who looks beside the writer, may find this, looking `now`.
  [[nodiscard]] bool may_find(const State& found, Loss loss, std::int64_t now) const;
  /// A successful open found this. Settles what was undecided; what is wrong with it, or empty.
  [[nodiscard]] std::string settle(const State& found, Loss loss, std::int64_t now);

 private:
  [[nodiscard]] bool reaches(const State& from, const State& found, std::int64_t now,
                             unsigned used) const;

  /// Acknowledged since the last one that is durable.
  struct Fresh {
    Write write;
    std::uint64_t sequence;
  };

  State state_;
  State durable_;  // without the fresh ones
  std::vector<Fresh> fresh_;
  std::vector<Write> undecided_;
  std::uint64_t last_sequence_ = 0;     // given to a write that counts
  std::uint64_t durable_sequence_ = 0;  // the same, of what no crash takes back
};

/// A key as it may stand in a message: in quotes, without zero bytes.
[[nodiscard]] std::string quoted(std::string_view key);
/// For messages: the first difference between what should be shown `now` and what is.
[[nodiscard]] std::string difference(const State& state, const State& found, std::int64_t now);

}  // namespace siltstone::model
