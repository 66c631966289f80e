// Settling searches the orders of the undecided writes, depth first.
#include "model/oracle.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

namespace siltstone::model {

void apply(State& state, const Write& write) {
  for (const auto& [key, value] : write) {
    if (value) {
      state[key] = *value;
    } else {
      state.erase(key);
    }
  }
}

std::string Oracle::acknowledge(const Write& write, std::uint64_t last_sequence) {
  const std::uint64_t least = last_sequence_ + write.size();
  apply(state_, write);
  if (last_sequence < least) {
    return fmt::format("a write of {} operations ends at sequence {}, after one that ends at {}",
                       write.size(), last_sequence, last_sequence_);
  }
  last_sequence_ = last_sequence;
  return {};
}

void Oracle::leave_undecided(Write write) {
  undecided_.push_back(std::move(write));
  if (undecided_.size() > kMaxUndecided) throw std::logic_error("too many undecided writes");
}

std::string Oracle::settle(const State& found) {
  if (!reaches(state_, found, 0)) {
    return fmt::format("not the acknowledged state with any prefix of {} undecided writes: {}",
                       undecided_.size(), difference(state_, found));
  }
  state_ = found;
  undecided_.clear();
  return {};
}

// `used`: a bit for each undecided write that is in `from`.
bool Oracle::reaches(const State& from, const State& found, unsigned used) const {
  if (from == found) return true;
  for (std::size_t i = 0; i < undecided_.size(); ++i) {
    if ((used & (1U << i)) != 0) continue;
    State next = from;
    apply(next, undecided_[i]);
    if (reaches(next, found, used | (1U << i))) return true;
  }
  return false;
}

std::string quoted(std::string_view key) {
  std::string text = "'";
  for (const char c : key) text += c == '\0' ? std::string("\\0") : std::string(1, c);
  return text + "'";
}

std::string difference(const State& expected, const State& found) {
  const auto [e, f] = std::ranges::mismatch(expected, found);
  if (e == expected.end() && f == found.end()) return "no difference";
  if (e != expected.end() && f != found.end() && e->first == f->first) {
    return fmt::format("key {} has another value than the expected one of {} bytes",
                       quoted(e->first), e->second.size());
  }
  if (f == found.end() || (e != expected.end() && e->first < f->first)) {
    return fmt::format("key {} is missing", quoted(e->first));
  }
  return fmt::format("key {} should not be there", quoted(f->first));
}

}  // namespace siltstone::model
