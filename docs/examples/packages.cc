// The main job of tools/quickstart: puts a Debian package index into a store, package name to
// record, and shows what Siltstone promises while doing it.
//
//   packages STORE INDEX
//
// 1. A child process loads the records in batches; it is killed when half are acknowledged.
// 2. The store is opened again: it must hold an exact prefix of the records, all acknowledged ones
//    among them, and no half batch. The rest is loaded.
// 3. Records are looked up, a prefix is scanned, some records are deleted.
// 4. The store is closed, opened once more and compared, record by record, with the source.
//
// Exit code 0 means that everything was as it must be.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <siltstone/db.h>

namespace {

/// One paragraph of the index: the text, and the package it is about.
struct Record {
  std::string_view name;
  std::string_view text;
};

constexpr std::size_t kRecordsPerBatch = 100;

[[noreturn]] void die(const std::string& message) {
  std::fprintf(stderr, "packages: %s\n", message.c_str());
  std::exit(1);
}

/// The value of a result; ends the program where there is none.
template <typename T>
T must(siltstone::Result<T> result) {
  if (!result) die(result.error().to_string());
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

class Stopwatch {
 public:
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

void report(const char* what, std::size_t count, const Stopwatch& watch) {
  const double seconds = watch.seconds();
  std::printf("  %-28s %9zu in %7.3f s %12.0f /s\n", what, count, seconds,
              static_cast<double>(count) / std::max(seconds, 1e-9));
}

/// A bar on a terminal, nothing in a pipe.
void show_progress(std::size_t done, std::size_t total) {
  if (isatty(STDOUT_FILENO) == 0) return;
  constexpr std::size_t kWidth = 40;
  const std::size_t filled = kWidth * done / total;
  std::printf("\r  [%s%s] %zu of %zu", std::string(filled, '#').c_str(),
              std::string(kWidth - filled, '.').c_str(), done, total);
  std::fflush(stdout);
}

/// Leaves the line of the bar.
void end_progress() {
  if (isatty(STDOUT_FILENO) != 0) std::printf("\n");
}

std::string read_file(const char* path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) die(std::string("cannot read ") + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The paragraphs in the order of the index, the first one of each package.
std::vector<Record> parse(std::string_view index) {
  constexpr std::string_view kField = "Package: ";
  std::vector<Record> records;
  std::unordered_set<std::string_view> seen;
  while (!index.empty()) {
    const std::size_t end = std::min(index.find("\n\n"), index.size());
    const std::string_view text = index.substr(0, end);
    index.remove_prefix(std::min(end + 2, index.size()));
    if (!text.starts_with(kField)) continue;
    const std::string_view name = text.substr(kField.size(), text.find('\n') - kField.size());
    if (seen.insert(name).second) records.push_back({name, text});
  }
  return records;
}

siltstone::Db open_store(const char* store) { return must(siltstone::Db::builder(store).build()); }

/// Loads records[first..]; each batch is durable, as a whole, when put_batch returns. Calls
/// `acknowledged` with the number of records that are then in the store.
template <typename Callback>
void load(siltstone::Db& db, const std::vector<Record>& records, std::size_t first,
          Callback acknowledged) {
  siltstone::Batch batch;
  while (first < records.size()) {
    const std::size_t end = std::min(first + kRecordsPerBatch, records.size());
    batch.clear();
    for (; first < end; ++first) must(batch.put(records[first].name, records[first].text));
    must(db.put_batch(batch));
    acknowledged(first);
  }
}

/// Loads in a child process and kills it at half; returns how many records it had acknowledged.
std::size_t load_and_kill(const char* store, const std::vector<Record>& records) {
  std::fflush(stdout);
  int pipe_ends[2];
  if (pipe(pipe_ends) != 0) die("no pipe");
  const pid_t child = fork();
  if (child < 0) die("no process");
  if (child == 0) {
    siltstone::Db db = open_store(store);
    load(db, records, 0, [&](std::size_t count) {
      if (write(pipe_ends[1], &count, sizeof count) != sizeof count) _exit(1);
    });
    _exit(0);
  }
  close(pipe_ends[1]);
  std::size_t acknowledged = 0;
  bool killed = false;
  for (std::size_t count = 0; read(pipe_ends[0], &count, sizeof count) == sizeof count;) {
    acknowledged = count;
    if (!killed) show_progress(acknowledged, records.size());
    if (!killed && acknowledged >= records.size() / 2) killed = kill(child, SIGKILL) == 0;
  }
  close(pipe_ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (!killed) die("the loading process failed");
  return acknowledged;
}

/// The store holds exactly the first n records, for an n that this returns.
std::size_t check_prefix(siltstone::Db& db, const std::vector<Record>& records) {
  std::size_t count = 0;
  auto it = db.iterate();
  for (; it.valid(); it.next()) ++count;
  must(it.status());
  if (count > records.size()) die("there are more records than the source has");
  for (std::size_t i = 0; i < count; ++i) {
    const auto value = must(db.get(records[i].name));
    if (!value || *value != records[i].text) {
      die("a hole: " + std::string(records[i].name) + " is missing or differs");
    }
  }
  if (count != records.size() && count % kRecordsPerBatch != 0) die("half a batch was kept");
  return count;
}

void kill_and_recover(const char* store, const std::vector<Record>& records) {
  std::printf("A child process loads them, %zu in a batch; a batch is durable when it returns.\n",
              kRecordsPerBatch);
  const Stopwatch first;
  const std::size_t acknowledged = load_and_kill(store, records);
  end_progress();
  report("records loaded", acknowledged, first);
  std::printf("Killed it (kill -9). Opening the store again.\n");
  const Stopwatch opening;
  siltstone::Db db = open_store(store);
  const double seconds = opening.seconds();
  const std::size_t kept = check_prefix(db, records);
  if (kept < acknowledged) die("acknowledged records were lost");
  std::printf("  recovered in %.3f s: exactly the first %zu records, all acknowledged among them\n",
              seconds, kept);

  std::printf("Loading the rest.\n");
  const Stopwatch second;
  load(db, records, kept, [&](std::size_t count) { show_progress(count, records.size()); });
  end_progress();
  report("records loaded", records.size() - kept, second);
  must(db.close());
}

void look_up(siltstone::Db& db, const std::vector<Record>& records) {
  constexpr std::size_t kLookups = 200'000;
  std::mt19937_64 random(1);
  const Stopwatch hits;
  for (std::size_t i = 0; i < kLookups; ++i) {
    const Record& record = records[random() % records.size()];
    const auto value = must(db.get(record.name));
    if (!value || *value != record.text) die(std::string(record.name) + " differs");
  }
  report("random look-ups, found", kLookups, hits);
  const Stopwatch misses;
  for (std::size_t i = 0; i < kLookups; ++i) {
    if (must(db.get("no such package " + std::to_string(i)))) die("found what was never put");
  }
  report("random look-ups, not found", kLookups, misses);
}

void scan(siltstone::Db& db, std::string_view prefix, const std::vector<Record>& records) {
  const auto expected = std::ranges::count_if(
      records, [&](const Record& record) { return record.name.starts_with(prefix); });
  const Stopwatch watch;
  std::size_t count = 0;
  std::string previous;
  auto it = db.iterate({.prefix = prefix});
  for (; it.valid(); it.next(), ++count) {
    if (it.key() <= previous) die("keys out of order");
    previous = it.key();
  }
  must(it.status());
  if (count != static_cast<std::size_t>(expected)) die("the scan missed some records");
  report(prefix.empty() ? "scan of everything" : "scan of prefix \"lib\"", count, watch);
}

/// Erases every tenth record (at most 500), one durable write each, and drops it from `records`.
void erase_some(siltstone::Db& db, std::vector<Record>& records) {
  constexpr std::size_t kMostErases = 500;
  std::vector<Record> kept;
  std::size_t erased = 0;
  const Stopwatch watch;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (i % 10 != 0 || erased == kMostErases) {
      kept.push_back(records[i]);
      continue;
    }
    must(db.erase(records[i].name));
    if (must(db.get(records[i].name))) die("an erased record is still there");
    ++erased;
  }
  report("deletes, each durable", erased, watch);
  records = std::move(kept);
}

void compare(const char* store, std::vector<Record> records) {
  siltstone::Db db = open_store(store);
  std::ranges::sort(records, {}, &Record::name);
  const Stopwatch watch;
  auto expected = records.begin();
  auto it = db.iterate();
  for (; it.valid() && expected != records.end(); it.next(), ++expected) {
    if (it.key() != expected->name || it.value() != expected->text) {
      die("differs from the source at " + std::string(expected->name));
    }
  }
  must(it.status());
  if (it.valid() || expected != records.end()) die("the store ends where the source does not");
  report("compared with the source", records.size(), watch);
  must(db.close());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) die("usage: packages STORE INDEX");
  const char* store = argv[1];
  const std::string index = read_file(argv[2]);
  std::vector<Record> records = parse(index);
  if (records.size() < 2 * kRecordsPerBatch) die("the index has too few records to show anything");
  std::printf("%zu packages, %.1f MiB.\n", records.size(),
              static_cast<double>(index.size()) / (1 << 20));

  kill_and_recover(store, records);
  {
    siltstone::Db db = open_store(store);
    std::printf("Using it.\n");
    look_up(db, records);
    scan(db, "lib", records);
    scan(db, "", records);
    erase_some(db, records);
    must(db.close());
  }
  compare(store, std::move(records));
  std::printf("Everything is as it must be.\n");
  return 0;
}
