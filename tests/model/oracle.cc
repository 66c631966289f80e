// Settling searches the orders of the undecided writes, depth first.
#include "model/oracle.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

namespace siltstone::model {

void date(Write& write, std::int64_t now) {
  for (Operation& operation : write) {
    if (operation.ttl) operation.expiry = now + operation.ttl->count();
  }
}

void apply(State& state, const Write& write) {
  for (const auto& [key, value, ttl, expiry] : write) {
    if (value) {
      state[key] = {*value, expiry};
    } else {
      state.erase(key);
    }
  }
}

State present(const State& state, std::int64_t now) {
  State there;
  for (const auto& [key, cell] : state) {
    if (cell.is_there(now)) there.emplace_hint(there.end(), key, cell);
  }
  return there;
}

bool may_show(const State& state, const State& found, std::int64_t earliest, std::int64_t latest) {
  auto at = found.begin();
  for (const auto& [key, cell] : state) {
    const bool is_found = at != found.end() && at->first == key;
    if (is_found ? !cell.is_there(earliest) : cell.is_there(latest)) return false;
    if (is_found && at++->second != cell) return false;
  }
  return at == found.end();
}

std::string Oracle::acknowledge(const Write& write, std::uint64_t last_sequence) {
  const std::uint64_t least = last_sequence_ + write.size();
  apply(state_, write);
  fresh_.push_back({write, last_sequence});
  if (last_sequence < least) {
    return fmt::format("a write of {} operations ends at sequence {}, after one that ends at {}",
                       write.size(), last_sequence, last_sequence_);
  }
  last_sequence_ = last_sequence;
  return {};
}

void Oracle::make_durable(std::uint64_t sequence) {
  const auto first_fresh =
      std::ranges::find_if(fresh_, [&](const Fresh& fresh) { return fresh.sequence > sequence; });
  for (auto at = fresh_.begin(); at != first_fresh; ++at) model::apply(durable_, at->write);
  fresh_.erase(fresh_.begin(), first_fresh);
  durable_sequence_ = std::max(durable_sequence_, std::min(sequence, last_sequence_));
}

void Oracle::leave_undecided(Write write) {
  undecided_.push_back(std::move(write));
  if (undecided_.size() > kMaxUndecided) throw std::logic_error("too many undecided writes");
}

bool Oracle::may_find(const State& found, Loss loss, std::int64_t now) const {
  if (loss == Loss::not_durable) {
    State state = durable_;
    for (const Fresh& fresh : fresh_) {
      if (may_show(state, found, now, now)) return true;
      apply(state, fresh.write);
    }
  }
  return reaches(state_, found, now, 0);
}

std::string Oracle::settle(const State& found, Loss loss, std::int64_t now) {
  if (!may_find(found, loss, now)) {
    return fmt::format(
        "no prefix of the writes: {} acknowledged that were not durable, {} undecided: {}",
        fresh_.size(), undecided_.size(), difference(state_, found, now));
  }
  state_ = durable_ = found;
  fresh_.clear();
  undecided_.clear();
  if (loss == Loss::not_durable) last_sequence_ = durable_sequence_;
  durable_sequence_ = last_sequence_;
  return {};
}

// `used`: a bit for each undecided write that is in `from`.
bool Oracle::reaches(const State& from, const State& found, std::int64_t now, unsigned used) const {
  if (may_show(from, found, now, now)) return true;
  for (std::size_t i = 0; i < undecided_.size(); ++i) {
    if ((used & (1U << i)) != 0) continue;
    State next = from;
    apply(next, undecided_[i]);
    if (reaches(next, found, now, used | (1U << i))) return true;
  }
  return false;
}

std::string quoted(std::string_view key) {
  std::string text = "'";
  for (const char c : key) text += c == '\0' ? std::string("\\0") : std::string(1, c);
  return text + "'";
}

std::string difference(const State& state, const State& found, std::int64_t now) {
  const State expected = present(state, now);
  const auto [e, f] = std::ranges::mismatch(expected, found);
  if (e == expected.end() && f == found.end()) return "no difference";
  if (e != expected.end() && f != found.end() && e->first == f->first) {
    const bool same_value = e->second.value == f->second.value;
    return fmt::format("key {} has another {} than the expected one of {} bytes", quoted(e->first),
                       same_value ? "expiry" : "value", e->second.value.size());
  }
  if (f == found.end() || (e != expected.end() && e->first < f->first)) {
    return fmt::format("key {} is missing", quoted(e->first));
  }
  return fmt::format("key {} should not be there", quoted(f->first));
}

}  // namespace siltstone::model
