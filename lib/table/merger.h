// One sorted walk over many sorted sources: a tree of losers over key codes (key_code.h).
//
// Each inner node of the tree keeps the source that lost there; the winner of all stands beside it.
// A step moves the winner's source, then plays it up the path from its leaf: one comparison a level
// without a branch that depends on its outcome, as nobody can predict that.
//
// Invariants:
// 1. The code of the loser at a node is that of its key after the key of the source that beat it.
//    On the path of the winner of all, therefore, all codes are after the winner's key, and they
//    compare with the code of that source's next key after the same one.
// 2. Entries come in the order (key, sequence descending, source); backward exactly reversed. So
//    the source named first wins where two have the same key and sequence.
// 3. All sources stand on their first entry behind the one that was put out last, in the direction
//    of the walk; a turn steps all of them back over it.
//
// A merger knows no epoch, no input and no error: a source that fails becomes invalid, which looks
// like its end, and whoever gave the sources asks them when the merger is not valid any more.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/ids.h"
#include "table/key_code.h"

namespace siltstone::table {

/// A sorted sequence of entries with a place in it, or behind one of its ends. A key holds until
/// the source moves. Beyond its last (before its first) entry a source is not valid(), and is moved
/// again only by seek_last() (seek_first()). None of the calls throws.
template <typename S>
concept MergeSource = requires(S& source, const S& at) {
  { at.valid() } -> std::same_as<bool>;
  { at.key() } -> std::convertible_to<std::string_view>;
  { at.sequence() } -> std::same_as<base::Sequence>;
  source.next();
  source.previous();
  source.seek_first();
  source.seek_last();
};

/// Thread-bound. Borrows its sources, newest first, which nobody else moves between start() and the
/// last step.
template <MergeSource Source>
class Merger {
 public:
  /// Of up to 2^16 sources, with keys of at most `max_key_bytes`. Throws std::bad_alloc only.
  Merger(std::span<Source> sources, std::size_t max_key_bytes)
      : sources_(sources),
        losers_(sources.size()),
        last_key_(std::make_unique_for_overwrite<char[]>(max_key_bytes + sizeof(std::uint64_t))),
        max_key_bytes_(max_key_bytes) {
    SILT_ASSERT(sources.size() <= 1U << 16);
  }

  /// Begins a walk where the sources stand: each on its first entry of the walk, or at its end when
  /// it has none. Costs a comparison of keys for each source.
  void start(Direction direction) noexcept {
    direction_ = direction;
    coder_ = KeyCoder(direction);
    live_ = 0;
    repeats_ = false;
    winner_ = sources_.empty() ? Player{} : play(1);
  }

  [[nodiscard]] bool valid() const noexcept { return live_ != 0; }
  [[nodiscard]] Direction direction() const noexcept { return direction_; }
  // Require valid().
  /// The source that the walk stands on, and its number.
  [[nodiscard]] Source& top() const noexcept { return sources_[winner_.source]; }
  [[nodiscard]] std::size_t top_index() const noexcept { return winner_.source; }
  [[nodiscard]] std::string_view key() const noexcept { return top().key(); }
  /// Whether the step that led here came from an entry with the same key: another version. False
  /// behind start() and behind a turn.
  [[nodiscard]] bool repeats_key() const noexcept { return repeats_; }

  /// To the next entry in the order, the previous one. Require valid().
  void next() noexcept { move(Direction::forward); }
  void previous() noexcept { move(Direction::backward); }

 private:
  struct Player {
    KeyCode code = kNoKey;
    std::uint32_t source = 0;
  };

  void move(Direction direction) noexcept {
    if (direction_ != direction) [[unlikely]]
      return turn();
    Source& source = sources_[winner_.source];
    if (live_ == 1) return move_only(source);
    const std::string_view last = keep(source.key());
    step(source);
    if (source.valid()) [[likely]] {
      winner_.code = coder_.after(last, source.key());
    } else {
      winner_.code = kNoKey;
      --live_;
    }
    replay();
    repeats_ = winner_.code == kSameWords && key().size() == last.size();
  }

  // With one source left there is nobody to play against.
  void move_only(Source& source) noexcept {
    if constexpr (requires {
                    { source.repeats_key() } -> std::same_as<bool>;
                  }) {
      step(source);
      live_ = source.valid() ? 1 : 0;
      repeats_ = live_ != 0 && source.repeats_key();
    } else {
      const std::string_view last = keep(source.key());
      step(source);
      live_ = source.valid() ? 1 : 0;
      repeats_ = live_ != 0 && source.key() == last;
    }
  }

  void step(Source& source) noexcept {
    direction_ == Direction::forward ? source.next() : source.previous();
  }

  // All sources stand behind the current entry, or on it; on the other side of it is where a walk
  // the other way goes on.
  void turn() noexcept {
    const Direction direction =
        direction_ == Direction::forward ? Direction::backward : Direction::forward;
    for (Source& source : sources_) {
      if (direction == Direction::forward) {
        source.valid() ? source.next() : source.seek_first();
      } else {
        source.valid() ? source.previous() : source.seek_last();
      }
    }
    start(direction);
  }

  // The source moves its key's memory along with it. By whole words, zeros behind the end: as they
  // are read again soon, and a load waits for a store that it matches in part only.
  std::string_view keep(std::string_view key) noexcept {
    SILT_ASSERT(key.size() <= max_key_bytes_);
    for (std::size_t at = 0; at < key.size(); at += sizeof(std::uint64_t)) {
      const std::uint64_t word = __builtin_bswap64(key_bytes(key, at));
      std::memcpy(last_key_.get() + at, &word, sizeof word);
    }
    return {last_key_.get(), key.size()};
  }

  // Plays all matches below a node, and returns the winner. Leaf i is node size() + i.
  Player play(std::size_t node) noexcept {
    if (node >= sources_.size()) {
      const auto source = static_cast<std::uint32_t>(node - sources_.size());
      if (!sources_[source].valid()) return {kNoKey, source};
      ++live_;
      return {coder_.first(sources_[source].key()), source};
    }
    Player winner = play(2 * node);
    losers_[node] = play(2 * node + 1);
    meet(winner, losers_[node]);
    return winner;
  }

  void replay() noexcept {
    for (std::size_t node = (winner_.source + sources_.size()) / 2; node != 0; node /= 2) {
      meet(winner_, losers_[node]);
    }
  }

  // Exchanges the two when the loser comes first.
  void meet(Player& winner, Player& loser) noexcept {
    if (winner.code == loser.code) [[unlikely]]
      return meet_equal(winner, loser);
    const bool exchange = loser.code < winner.code;
    const std::uint64_t mask = std::uint64_t{0} - static_cast<std::uint64_t>(exchange);
    const KeyCode codes = (winner.code ^ loser.code) & mask;
    const std::uint32_t both = (winner.source ^ loser.source) & static_cast<std::uint32_t>(mask);
    winner.code ^= codes;
    loser.code ^= codes;
    winner.source ^= both;
    loser.source ^= both;
  }

  // The keys agree up to the word of their codes.
  [[gnu::noinline]] void meet_equal(Player& winner, Player& loser) noexcept {
    if (winner.code == kNoKey) return;
    const std::string_view a = sources_[winner.source].key();
    const std::string_view b = sources_[loser.source].key();
    const std::size_t word = winner.code == kSameWords
                                 ? SIZE_MAX
                                 : first_difference(a, b, KeyCoder::word_of(winner.code) + 1);
    const bool exchange =
        word == SIZE_MAX ? same_words_precede(loser, winner, b, a) : coder_.precedes(b, a, word);
    if (exchange) std::swap(winner, loser);
    loser.code = coder_.code(exchange ? a : b, word);
  }

  // Whether entry `a` comes before `b`, whose keys differ in length at most.
  bool same_words_precede(const Player& a, const Player& b, std::string_view a_key,
                          std::string_view b_key) const noexcept {
    const bool forward = direction_ == Direction::forward;
    if (a_key.size() != b_key.size()) return (a_key.size() < b_key.size()) == forward;
    const base::Sequence a_sequence = sources_[a.source].sequence();
    const base::Sequence b_sequence = sources_[b.source].sequence();
    if (a_sequence != b_sequence) return (a_sequence > b_sequence) == forward;
    return (a.source < b.source) == forward;
  }

  const std::span<Source> sources_;
  std::vector<Player> losers_;  // from 1, the final; 0 is not used
  Player winner_;
  std::size_t live_ = 0;  // sources that are not at their end
  Direction direction_ = Direction::forward;
  KeyCoder coder_{Direction::forward};
  bool repeats_ = false;
  std::unique_ptr<char[]> last_key_;
  const std::size_t max_key_bytes_;
};

}  // namespace siltstone::table
