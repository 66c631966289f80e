// Each read is made through the public API, as a user would make it.
#include "model/reads.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "model/value_code.h"

namespace siltstone::model {

Cell cell_of(const Iterator& it) {
  Cell cell{std::string(it.value())};
  if (const auto expiry = it.expiry()) cell.expiry = expiry->time_since_epoch().count();
  return cell;
}

Result<State> read_all(Iterator it) {
  State found;
  for (; it.valid(); it.next()) found.emplace_hint(found.end(), it.key(), cell_of(it));
  if (auto status = it.status(); !status) return std::unexpected(status.error());
  return found;
}

std::string check_genuine(std::string_view key, std::string_view value) {
  if (is_genuine(key, value)) return {};
  return fmt::format("key {} has a value that was never written to it", quoted(key));
}

std::string check_get(Db& db, const std::string& key, const State& state, std::int64_t now) {
  const auto found = db.get(key);
  if (!found) return "get: " + found.error().to_string();
  const auto expected = state.find(key);
  const bool is_there = expected != state.end() && expected->second.is_there(now);
  if (found->has_value() != is_there) {
    return fmt::format("key {} is {}", quoted(key),
                       *found ? "there, but was erased or has expired" : "missing");
  }
  if (!*found || **found == expected->second.value) return {};
  const std::string forged = check_genuine(key, (*found)->view());
  return !forged.empty() ? forged : fmt::format("key {} is stale", quoted(key));
}

std::string check_scan(Db& db, const State& state, const Writes& writes, support::Rng& rng) {
  const std::string from = writes.key(rng);
  const std::string to = writes.key(rng);
  auto it = db.iterate({.from = from, .to = to});
  auto expected = state.lower_bound(from);
  if (rng.coin()) {
    const std::string key = writes.key(rng);
    it.seek(key);
    expected = state.lower_bound(std::max(from, key));
  }
  const auto within = [&] {
    return expected != state.end() && (to.empty() || expected->first < to);
  };
  for (; it.valid() && within(); it.next(), ++expected) {
    if (it.key() != expected->first || cell_of(it) != expected->second) {
      return fmt::format("a scan shows something else than what stands at key {}",
                         quoted(expected->first));
    }
  }
  if (it.valid() || within()) return "a scan ends too late or too early";
  return it.status() ? "" : "a scan: " + it.status().error().to_string();
}

}  // namespace siltstone::model
