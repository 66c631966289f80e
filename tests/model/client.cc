// Steps of a client. An empty string says that all is well.
#include "model/client.h"

#include <utility>

#include <fmt/format.h>

#include "model/reads.h"
#include "model/value_code.h"

namespace siltstone::model {
namespace {

constexpr const char* kPair = "pair/";

State with_prefix(const State& state, std::string_view prefix) {
  State found;
  for (const auto& [key, cell] : state) {
    if (key.starts_with(prefix)) found.emplace(key, cell);
  }
  return found;
}

/// What is wrong with the pair in `it`, which walks over it alone.
std::string wrong_with_pair(Iterator it) {
  std::optional<std::uint64_t> first;
  std::uint64_t count = 0;
  for (; it.valid(); it.next(), ++count) {
    if (!is_genuine(it.key(), it.value())) return "half of a pair was never written";
    const std::uint64_t write = write_of(it.value());
    if (write != first.value_or(write)) return "the halves of a pair are of two batches";
    first = write;
  }
  return count == 0 || count == 2 ? "" : "half of a pair is missing";
}

}  // namespace

Result<Commit> perform(Db& db, const Write& write, const WriteOptions& options) {
  if (write.size() == 1) {
    const auto& [key, value, ttl, expiry] = write.front();
    WriteOptions with_ttl = options;
    with_ttl.ttl = ttl;
    return value ? db.put(key, *value, with_ttl) : db.erase(key, options);
  }
  Batch batch;
  for (const auto& [key, value, ttl, expiry] : write) {
    const auto added = value ? batch.put(key, *value, ttl) : batch.erase(key);
    if (!added) return std::unexpected(added.error());
  }
  return db.put_batch(batch, options);
}

Client::Client(std::uint64_t number, Db& db, const io::Clock& clock, const HeldSnapshot& shared,
               const State& start, const Writes& writes, support::Rng rng)
    : db_(db),
      clock_(clock),
      shared_(shared),
      prefix_(fmt::format("client{}/", number)),
      own_(with_prefix(start, prefix_)),
      writes_(writes.for_client(number)),
      rng_(rng),
      next_pair_((number << 32) + rng_.below(UINT32_MAX)) {}

void Client::run(std::uint64_t operations) {
  for (; operations != 0 && report_.violation.empty() && !report_.failure; --operations) {
    report_.violation = step();
  }
  // What failed is not seen, and what was there before still is.
  if (report_.violation.empty()) report_.violation = check_own();
}

std::string Client::step() {
  switch (rng_.below(10)) {
    case 0: return check_own();
    case 1: return check_pair();
    case 2: return check_shared();
    case 3: return take_snapshot();
    case 4: return read_snapshot();
    case 5:
    case 6: return write(draw_pair());
    case 7: return write(writes_.put(rng_));
    default: return write(draw_own());
  }
}

std::string Client::write(Write write) {
  // Exact: the call reads the clock before it does anything that lets others run.
  date(write, clock_.wall_ms());
  const auto commit = perform(db_, write);
  if (!commit) {
    report_.failure = commit.error();
    if (commit.error().outcome() == WriteOutcome::undecided) report_.undecided = write;
    return {};
  }
  const auto& done = report_.acknowledged;
  const bool grows = done.empty() || commit->seq > done.back().second;
  const bool is_own = write.front().key.starts_with(prefix_);
  if (is_own) model::apply(own_, write);
  report_.acknowledged.emplace_back(std::move(write), commit->seq);
  if (!grows) return "the sequences of a client do not grow";
  return is_own ? check_own() : std::string();
}

std::string Client::check_own() const {
  const std::int64_t earliest = clock_.wall_ms();
  const auto found = read_all(db_.iterate({.prefix = prefix_}));
  if (!found) return found.error().to_string();
  if (may_show(own_, *found, earliest, clock_.wall_ms())) return {};
  return "a client does not see its own writes: " + difference(own_, *found, earliest);
}

std::string Client::check_pair() const { return wrong_with_pair(db_.iterate({.prefix = kPair})); }

std::string Client::take_snapshot() {
  const std::int64_t earliest = clock_.wall_ms();
  auto snapshot = db_.snapshot();
  if (!snapshot) return snapshot.error().to_string();
  const std::int64_t latest = clock_.wall_ms();
  auto found = read_all(snapshot->iterate());
  if (!found) return found.error().to_string();
  if (!may_show(own_, with_prefix(*found, prefix_), earliest, latest)) {
    return "a snapshot does not show its client's writes";
  }
  held_.emplace(*std::move(snapshot), *std::move(found));
  return wrong_with_pair(held_->snapshot().iterate({.prefix = kPair}));
}

std::string Client::read_snapshot() {
  const HeldSnapshot& held = held_ && rng_.coin() ? *held_ : shared_;
  return rng_.coin() ? held.check_all() : held.check_key(writes_.key(rng_));
}

std::string Client::check_shared() {
  const std::string key = writes_.key(rng_);
  const auto found = db_.get(key);
  if (!found) return found.error().to_string();
  if (!*found || is_genuine(key, (*found)->view())) return {};
  return fmt::format("key {} has a value that was never written to it", quoted(key));
}

Write Client::draw_own() {
  Write write;
  for (std::uint64_t i = rng_.between(1, 3); i != 0; --i) {
    const std::string key = prefix_ + std::to_string(rng_.below(4));
    write.push_back(rng_.below(4) == 0 ? Operation{key, std::nullopt} : writes_.put(key, rng_));
  }
  return write;
}

Write Client::draw_pair() {
  ++next_pair_;
  Write write;
  for (const auto* half : {"pair/a", "pair/b"}) {
    write.push_back({half, make_value(half, next_pair_, rng_.between(kProofBytes, 900), rng_)});
  }
  return write;
}

}  // namespace siltstone::model
