// A store's log on a simulated disk, with commits that can be told apart.
//
// Commit number n (from 0) has entries, count and size that follow from n alone, so that whatever a
// scan returns can be compared with what should be there.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "support/rng.h"
#include "support/sim_storage.h"
#include "wal/log.h"

namespace siltstone::wal {

inline constexpr std::string_view kStore = "db";

/// Random bytes from a seed.
class TestEntropy final : public io::Entropy {
 public:
  explicit TestEntropy(std::uint64_t seed) noexcept : rng_(seed) {}
  void fill(std::span<std::byte> out) noexcept override {
    for (auto& byte : out) byte = static_cast<std::byte>(rng_.next());
  }

 private:
  support::Rng rng_;
};

/// A commit as the test knows it.
struct Commit {
  std::uint32_t count = 1;
  std::string entries;

  friend bool operator==(const Commit&, const Commit&) = default;
};

/// `bytes`: roughly the size of its entries.
inline Commit make_commit(std::uint64_t n, std::size_t bytes = 40) {
  Commit commit;
  const std::string key = "key" + std::to_string(n);
  std::string value = "value" + std::to_string(n) + ";";
  while (value.size() < bytes) value += value.substr(0, bytes - value.size());
  append_entry(commit.entries, EntryKind::value, key, value);
  for (commit.count = 1; commit.count <= n % 3; ++commit.count) {
    append_entry(commit.entries, EntryKind::erase, key + std::to_string(commit.count), {});
  }
  return commit;
}

/// As make_commit(), but hardly compressible.
inline Commit make_noise_commit(std::uint64_t n, std::size_t bytes) {
  support::Rng rng(n);
  std::string value(bytes, '\0');
  for (char& c : value) c = static_cast<char>(rng.next());
  Commit commit;
  append_entry(commit.entries, EntryKind::value, "noise" + std::to_string(n), value);
  return commit;
}

/// Keeps what a scan finds.
class Collector final : public LogSink {
 public:
  Result<void> record(const Record& record) override {
    sequences.push_back(record.first.value());
    commits.push_back({record.count, std::string(record.entries)});
    verdicts_before.push_back(verdicts.size());
    return {};
  }
  void lost(const Record& record) override {
    lost_commits.push_back({record.count, std::string(record.entries)});
  }
  void verdict(const Verdict& verdict) override {
    verdicts.push_back(verdict);
    names.push_back(std::make_unique<std::string>(verdict.slot));
    verdicts.back().slot = *names.back();
    names.push_back(std::make_unique<std::string>(verdict.why));
    verdicts.back().why = *names.back();
  }
  [[nodiscard]] std::size_t count(PieceState state) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(verdicts, [&](const Verdict& v) { return v.state == state; }));
  }
  [[nodiscard]] const Verdict* find(PieceState state) const {
    const auto found =
        std::ranges::find_if(verdicts, [&](const Verdict& v) { return v.state == state; });
    return found == verdicts.end() ? nullptr : &*found;
  }

  std::vector<std::uint64_t> sequences;
  std::vector<Commit> commits;
  std::vector<Commit> lost_commits;
  std::vector<std::size_t> verdicts_before;  ///< How many there were when each commit came.
  std::vector<Verdict> verdicts;
  std::vector<std::unique_ptr<std::string>> names;
};

/// A log that was opened for writing, and what was in it.
struct TestLog {
  OpenedLog log;
  std::unique_ptr<Collector> found = std::make_unique<Collector>();

  /// One drain of these commits.
  Result<void> drain(std::span<const Commit> commits) {
    RingPlace place = log.writer->ring();
    base::Sequence next = log.writer->next();
    std::vector<std::byte> records;
    for (const Commit& commit : commits) {
      const auto record = encode_record(place, next, commit.count, commit.entries);
      const auto entries = base::as_bytes(record.entries);
      records.insert(records.end(), record.header.begin(), record.header.end());
      records.insert(records.end(), entries.begin(), entries.end());
      place.position += record.size();
      next += commit.count;
    }
    // In two parts, cut anywhere: a ring may wrap within a record, and within its header.
    const std::size_t cut = records.empty() ? 0 : (next.value() * 7919) % records.size();
    const base::Bytes bytes(records);
    return log.writer->drain({bytes.first(cut), bytes.subspan(cut)});
  }
  Result<void> drain(const Commit& commit) { return drain(std::span(&commit, 1)); }
};

/// One machine with one store.
struct LogWorld {
  explicit LogWorld(std::uint64_t seed = 1, support::SimStorageOptions options = {})
      : storage(seed, options), entropy(seed) {
    REQUIRE(storage.make_directory(kStore));
  }
  LogWorld(support::Disk disk, std::uint64_t seed, support::SimStorageOptions options = {})
      : storage(std::move(disk), seed, options), entropy(seed) {}

  [[nodiscard]] Result<TestLog> open(const LogOptions& options = {}) {
    auto dir = storage.open_directory(kStore);
    if (!dir) return std::unexpected(dir.error());
    TestLog result;
    io::Environment environment;
    environment.storage = &storage;
    environment.entropy = &entropy;
    auto log = open_log(environment, **dir, options, *result.found);
    if (!log) return std::unexpected(log.error());
    result.log = *std::move(log);
    return result;
  }
  struct Reading {
    Result<LogState> state = LogState{};
    std::unique_ptr<Collector> found = std::make_unique<Collector>();
  };
  [[nodiscard]] Reading read(RecoveryMode mode = RecoveryMode::strict) {
    Reading result;
    auto dir = storage.open_directory(kStore);
    REQUIRE(dir);
    result.state = read_log(storage, **dir, mode, *result.found);
    return result;
  }

  support::SimStorage storage;
  TestEntropy entropy;
};

[[nodiscard]] inline std::string slot_path(std::uint64_t number) {
  return std::string(kStore) + "/wal/" + std::to_string(number);
}

}  // namespace siltstone::wal
