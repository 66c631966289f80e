// Steps of a client. An empty string says that all is well.
#include "model/client.h"

#include <fmt/format.h>

#include "model/value_code.h"

namespace siltstone::model {
namespace {

constexpr const char* kPair = "pair/";

State with_prefix(const State& state, std::string_view prefix) {
  State found;
  for (const auto& [key, value] : state) {
    if (key.starts_with(prefix)) found.emplace(key, value);
  }
  return found;
}

}  // namespace

Result<Commit> perform(Db& db, const Write& write, const WriteOptions& options) {
  if (write.size() == 1) {
    const auto& [key, value] = write.front();
    return value ? db.put(key, *value, options) : db.erase(key, options);
  }
  Batch batch;
  for (const auto& [key, value] : write) {
    const auto added = value ? batch.put(key, *value) : batch.erase(key);
    if (!added) return std::unexpected(added.error());
  }
  return db.put_batch(batch, options);
}

Client::Client(std::uint64_t number, Db& db, const State& start, const Writes& writes,
               support::Rng rng)
    : db_(db),
      prefix_(fmt::format("client{}/", number)),
      own_(with_prefix(start, prefix_)),
      writes_(writes),
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
  switch (rng_.below(8)) {
    case 0: return check_own();
    case 1: return check_pair();
    case 2: return check_shared();
    case 3:
    case 4: return write(draw_pair());
    case 5: return write(writes_.put(rng_));
    default: return write(draw_own());
  }
}

std::string Client::write(const Write& write) {
  const auto commit = perform(db_, write);
  if (!commit) {
    report_.failure = commit.error();
    if (commit.error().outcome() == WriteOutcome::undecided) report_.undecided = write;
    return {};
  }
  const auto& done = report_.acknowledged;
  const bool grows = done.empty() || commit->seq > done.back().second;
  report_.acknowledged.emplace_back(write, commit->seq);
  if (!grows) return "the sequences of a client do not grow";
  if (!write.front().key.starts_with(prefix_)) return {};
  apply(own_, write);
  return check_own();
}

std::string Client::check_own() const {
  State found;
  auto it = db_.iterate({.prefix = prefix_});
  for (; it.valid(); it.next()) found.emplace(it.key(), it.value());
  if (!it.status()) return it.status().error().to_string();
  if (found == own_) return {};
  return "a client does not see its own writes: " + difference(own_, found);
}

std::string Client::check_pair() const {
  std::optional<std::uint64_t> first;
  std::uint64_t count = 0;
  auto it = db_.iterate({.prefix = kPair});
  for (; it.valid(); it.next(), ++count) {
    if (!is_genuine(it.key(), it.value())) return "half of a pair was never written";
    const std::uint64_t write = write_of(it.value());
    if (write != first.value_or(write)) return "the halves of a pair are of two batches";
    first = write;
  }
  return count == 0 || count == 2 ? "" : "half of a pair is missing";
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
    std::optional<std::string> value;
    if (rng_.below(4) != 0) value = writes_.value(key, rng_);
    write.push_back({key, std::move(value)});
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
