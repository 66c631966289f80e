// Weights and sizes. Opens cost most: each reads the whole log.
#include "model/actions.h"

#include <cerrno>
#include <iterator>
#include <utility>

#include "model/value_code.h"

namespace siltstone::model {
namespace {

constexpr struct {
  Action action;
  std::uint64_t weight;
} kWeights[] = {
    {Action::put, 400},     {Action::erase, 100},     {Action::batch, 120},
    {Action::get, 180},     {Action::scan, 60},       {Action::hold_iterator, 60},
    {Action::snapshot, 60}, {Action::set_clock, 8},   {Action::flush, 30},
    {Action::tickets, 30},  {Action::deadline, 20},   {Action::durable, 20},
    {Action::idle, 30},     {Action::open_second, 4}, {Action::open_read_only, 3},
    {Action::clients, 8},   {Action::reopen, 4},      {Action::crash, 4},
    {Action::kill, 2},      {Action::cut_power, 5},   {Action::fault, 5},
};

}  // namespace

Mix::Mix(support::Rng& rng, bool with_clients) {
  weights_.fill(0);
  for (const auto& [action, weight] : kWeights) {
    const bool left_out = action != Action::put && rng.below(5) == 0;
    if (left_out || (action == Action::clients && !with_clients)) continue;
    weights_[static_cast<std::size_t>(action)] = weight;
    total_ += weight;
  }
}

Action Mix::draw(support::Rng& rng) const {
  std::uint64_t at = rng.below(total_);
  std::size_t action = 0;
  while (at >= weights_[action]) at -= weights_[action++];
  return static_cast<Action>(action);
}

void draw_settings(db::Settings& settings, support::Rng& rng) {
  settings.compression = rng.coin() ? Compression::snappy : Compression::none;
  // Some rings are so small that they fill up, and wrap.
  settings.log_buffer_bytes = std::size_t{64} << (10 + rng.below(8));
  settings.write_buffer_ops = rng.coin() ? UINT64_MAX : rng.between(10, 200);
  // Some segments are so small that there are many of them.
  settings.segments.first_bytes = std::uint64_t{16} << (10 + rng.below(4));
  settings.segments.most_bytes = std::uint64_t{1} << 20;
}

Writes::Writes(support::Rng& rng)
    : keys_(rng.between(2, 60)),
      longest_(rng.coin() ? 200 : rng.between(100, 6000)),
      expiring_(rng.coin() ? 0 : rng.between(10, 600)) {}

std::string Writes::key_number(std::uint64_t number) {
  // The empty key, and keys that begin each other and hold zero bytes.
  if (number == 0) return {};
  return std::string(number % 3, '\0') + "k" + std::to_string(number / 3);
}

std::string Writes::key(support::Rng& rng) const { return key_number(rng.below(keys_)); }

Writes Writes::for_client(std::uint64_t number) const {
  Writes writes = *this;
  writes.written_ = (number + 1) << 40 | written_;
  return writes;
}

Operation Writes::put(std::string key, support::Rng& rng) {
  ++written_;
  Operation put;
  const std::uint64_t length =
      rng.below(100) == 0 ? rng.between(10'000, 60'000) : rng.between(kProofBytes, longest_);
  // Most of them end while the run goes on.
  if (rng.below(1000) < expiring_) {
    static constexpr std::uint64_t kLongest[] = {3, 500, 5'000, 10'000'000};
    put.ttl = std::chrono::milliseconds(rng.between(1, kLongest[rng.below(std::size(kLongest))]));
  }
  put.value = !put.ttl && rng.below(20) == 0 ? "" : make_value(key, written_, length, rng);
  put.key = std::move(key);
  return put;
}

Write Writes::put(support::Rng& rng) { return {put(key(rng), rng)}; }

Write Writes::erase(support::Rng& rng) {
  Write write;
  write.push_back({key(rng), std::nullopt});
  return write;
}

Write Writes::batch(support::Rng& rng) {
  Write write;
  for (std::uint64_t i = rng.between(1, 12); i != 0; --i) {
    Write one = rng.below(4) == 0 ? erase(rng) : put(rng);
    write.push_back(std::move(one.front()));
  }
  return write;
}

support::Fault draw_fault(support::Rng& rng) {
  using support::Op;
  static constexpr Op kCalls[] = {Op::write,  Op::sync, Op::write | Op::sync, Op::read,
                                  Op::open,   Op::list, Op::rename,           Op::populate,
                                  Op::submit, Op::reap, Op::sync_directory,   Op::any};
  static constexpr int kErrors[] = {EIO, EIO, ENOSPC, EDQUOT, EROFS, EINTR, EAGAIN};
  support::Fault fault;
  fault.on = kCalls[rng.below(std::size(kCalls))];
  fault.error = kErrors[rng.below(std::size(kErrors))];
  fault.effect = rng.below(6) == 0 ? support::Effect::cut_short : support::Effect::fail;
  if (fault.effect == support::Effect::cut_short) fault.on = Op::read | Op::write;
  fault.skip = rng.below(12);
  fault.times = rng.coin() ? 1 : rng.coin() ? rng.between(2, 5) : support::kAlways;
  fault.residue = static_cast<support::Residue>(rng.below(3));
  return fault;
}

}  // namespace siltstone::model
