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
#pragma once

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
};
/// One write: applied in order, whole or not at all.
using Write = std::vector<Operation>;
using State = std::map<std::string, std::string>;

void apply(State& state, const Write& write);

class Oracle {
 public:
  /// At most this many writes may be undecided at once: as many as there are writers.
  static constexpr std::size_t kMaxUndecided = 5;

  /// After every acknowledged write: what reads of an open store must show.
  [[nodiscard]] const State& state() const noexcept { return state_; }

  /// `last_sequence` is that of its last operation. What is wrong with it, or empty: sequences only
  /// grow, and none lies within another write.
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
  /// True when an open, or somebody who looks beside the writer, may find this.
  [[nodiscard]] bool may_find(const State& found, Loss loss) const;
  /// A successful open found this. Settles what was undecided; what is wrong with it, or empty.
  [[nodiscard]] std::string settle(const State& found, Loss loss);

 private:
  [[nodiscard]] bool reaches(const State& from, const State& found, unsigned used) const;

  /// Acknowledged since the last one that is durable.
  struct Fresh {
    Write write;
    std::uint64_t sequence;
  };

  State state_;
  State durable_;  // without the fresh ones
  std::vector<Fresh> fresh_;
  std::vector<Write> undecided_;
  std::uint64_t last_sequence_ = 0;
};

/// A key as it may stand in a message: in quotes, without zero bytes.
[[nodiscard]] std::string quoted(std::string_view key);
/// For messages: the first difference.
[[nodiscard]] std::string difference(const State& expected, const State& found);

}  // namespace siltstone::model
