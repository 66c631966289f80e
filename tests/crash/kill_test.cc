// kill -9 against a real process on real files, with an oracle.
//
//   kill_test [--rounds N] [--threads N] [--seed S] [--durability 0|1|2]
//
// Each round a child opens the store and writes, telling through a pipe what was acknowledged. The
// parent kills it at a random moment - during the open, too - opens the store and checks: of every
// writer's own list of writes exactly a prefix is there, nothing acknowledged is lost (in
// write_back, durability 2: nothing that a flush() covered), at most the one write under way was
// added, and no batch is torn. Writers draw their writes from the seed, so
// that the parent knows them without being told.
//
// Below $TMPDIR: in mode interval the log's buffer is a mapped file on ext4, and not elsewhere.
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <siltstone/db.h>

#include "support/temp_dir.h"

using namespace siltstone;
using Clock = std::chrono::steady_clock;

namespace {

struct Arguments {
  std::uint64_t rounds = 200;
  std::uint64_t threads = 1;
  std::uint64_t seed = 1;
  std::uint64_t durability = 0;  ///< As the enumerators count.

  [[nodiscard]] Builder builder(const std::string& dir) const {
    Builder builder = Db::builder(dir);
    builder.durability(static_cast<Durability>(durability));
    return builder;
  }
};

/// What a writer tells: its next write was acknowledged, or all of them were flushed. Small enough
/// for a pipe never to split it.
struct Message {
  std::uint32_t writer;
  bool is_flush;
};

using State = std::map<std::string, std::string>;

[[noreturn]] void fail(const Arguments& arguments, const std::string& what) {
  std::fprintf(stderr,
               "FAILED: %s\nagain: kill_test --rounds %llu --threads %llu --seed %llu "
               "--durability %llu\n",
               what.c_str(), static_cast<unsigned long long>(arguments.rounds),
               static_cast<unsigned long long>(arguments.threads),
               static_cast<unsigned long long>(arguments.seed),
               static_cast<unsigned long long>(arguments.durability));
  std::exit(1);
}

/// The `index`-th write of a writer: a batch over a few keys of its own, so that later writes cover
/// earlier ones, with one key that counts them.
Batch make_write(std::uint64_t seed, std::uint32_t writer, std::uint64_t index, State* applied) {
  std::mt19937_64 random(seed * 1'000'003 + writer * 8191 + index);
  const std::string mine = std::to_string(writer) + "/";
  Batch batch;
  const auto put = [&](const std::string& key, const std::string& value) {
    if (!batch.put(key, value)) std::abort();
    if (applied != nullptr) (*applied)[key] = value;
  };
  put(mine + "count", std::to_string(index));
  for (std::uint64_t i = random() % 4; i != 0; --i) {
    const std::string key = mine + std::to_string(random() % 40);
    if (random() % 4 == 0) {
      if (!batch.erase(key)) std::abort();
      if (applied != nullptr) applied->erase(key);
    } else {
      const std::size_t length = random() % 64 == 0 ? 20'000 : random() % 300;
      put(key, std::to_string(index) + std::string(length, static_cast<char>('a' + index % 26)));
    }
  }
  return batch;
}

/// What the store must hold of one writer.
struct Oracle {
  std::uint64_t acknowledged = 0;
  std::uint64_t safe = 0;  ///< Writes that surely count.
  State state;             ///< After those.
};

/// The child: writes until it is killed.
[[noreturn]] void write_until_killed(const Arguments& arguments, const std::string& dir, int pipe,
                                     const std::vector<Oracle>& oracles) {
  auto db = arguments.builder(dir).build();
  if (!db) {
    std::fprintf(stderr, "child: %s\n", db.error().to_string().c_str());
    _exit(2);
  }
  const auto tell = [&](const Message& message) {
    if (write(pipe, &message, sizeof message) != sizeof message) _exit(2);
  };
  const auto writer = [&](std::uint32_t number) {
    for (std::uint64_t index = oracles[number].acknowledged;; ++index) {
      const Batch batch = make_write(arguments.seed, number, index, nullptr);
      if (const auto commit = db->put_batch(batch); !commit) {
        std::fprintf(stderr, "child: %s\n", commit.error().to_string().c_str());
        _exit(2);
      }
      tell({number, false});
      if (arguments.durability != 2 || index % 40 != 0) continue;
      if (!db->flush()) _exit(2);
      tell({number, true});
    }
  };
  std::vector<std::thread> threads;
  for (std::uint32_t i = 1; i < arguments.threads; ++i) threads.emplace_back(writer, i);
  writer(0);
  _exit(0);
}

/// Takes acknowledgements until `deadline` or until there were so many, then kills the child, and
/// takes what is left.
void watch_and_kill(const Arguments& arguments, pid_t child, int pipe, Clock::time_point deadline,
                    std::uint64_t enough, std::vector<Oracle>& oracles) {
  const auto take_one = [&] {
    Message message{};
    const ssize_t got = read(pipe, &message, sizeof message);
    if (got == 0) return false;
    if (got != sizeof message) fail(arguments, "the pipe");
    Oracle& oracle = oracles.at(message.writer);
    if (!message.is_flush) ++oracle.acknowledged;
    if (!message.is_flush && arguments.durability == 2) return true;
    for (; oracle.safe < oracle.acknowledged; ++oracle.safe) {
      make_write(arguments.seed, message.writer, oracle.safe, &oracle.state);
    }
    return true;
  };
  for (; enough != 0; --enough) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd event{.fd = pipe, .events = POLLIN, .revents = 0};
    if (left <= 0 || poll(&event, 1, static_cast<int>(left)) == 0) break;
    if (!take_one()) break;
  }
  kill(child, SIGKILL);
  while (take_one()) {
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (!WIFSIGNALED(status)) fail(arguments, "the child ended by itself");
}

State read_all(const Arguments& arguments, Db& db, const std::string& prefix) {
  State found;
  auto it = db.iterate({.prefix = prefix});
  for (; it.valid(); it.next()) found.emplace(it.key(), it.value());
  if (!it.status()) fail(arguments, it.status().error().to_string());
  return found;
}

bool ever_written(const std::vector<Oracle>& oracles) {
  return std::ranges::any_of(oracles, [](const Oracle& o) { return o.acknowledged != 0; });
}

void check_mapped(const Arguments& arguments, const std::string& dir, const Db& db) {
  struct statfs file_system{};
  const bool is_ext4 =
      statfs(dir.c_str(), &file_system) == 0 && file_system.f_type == EXT4_SUPER_MAGIC;
  const LogStats stats = db.stats()->log;
  if (is_ext4 == stats.mapped) return;
  fail(arguments, is_ext4 ? "the ring is not mapped: " + stats.why_not_mapped->to_string()
                          : "the ring is mapped, and not on ext4");
}

/// Each writer's keys are as after the writes that are safe, or after some more of those that it
/// made, which then count.
void check(const Arguments& arguments, const std::string& dir, bool read_only,
           std::vector<Oracle>& oracles) {
  auto db = arguments.builder(dir).read_only(read_only).build();
  if (db && !read_only && arguments.durability == 1) check_mapped(arguments, dir, *db);
  if (!db && read_only && !ever_written(oracles)) return;  // killed before there was a store
  if (!db) fail(arguments, "open: " + db.error().to_string());
  for (std::uint32_t writer = 0; writer < oracles.size(); ++writer) {
    Oracle& oracle = oracles[writer];
    const State found = read_all(arguments, *db, std::to_string(writer) + "/");
    const std::uint64_t least = oracle.safe;
    for (; found != oracle.state; ++oracle.safe) {
      if (oracle.safe > oracle.acknowledged) {
        fail(arguments, "writer " + std::to_string(writer) + ": no prefix of its writes with all " +
                            std::to_string(least) + " that are safe");
      }
      make_write(arguments.seed, writer, oracle.safe, &oracle.state);
    }
    oracle.acknowledged = oracle.safe;
  }
  if (const auto closed = db->close(); !closed) fail(arguments, closed.error().to_string());
}

void run_round(const Arguments& arguments, const std::string& dir, std::mt19937_64& random,
               std::vector<Oracle>& oracles) {
  int ends[2];
  if (pipe(ends) != 0) fail(arguments, "pipe");
  // By the clock, which may hit the open; or by progress, however slow the machine is.
  const bool by_clock = random() % 2 == 0;
  const auto deadline = Clock::now() + (by_clock ? std::chrono::microseconds(random() % 20'000)
                                                 : std::chrono::microseconds(60'000'000));
  const std::uint64_t enough = by_clock ? UINT64_MAX : random() % 100;
  const pid_t child = fork();
  if (child < 0) fail(arguments, "fork");
  if (child == 0) {
    close(ends[0]);
    write_until_killed(arguments, dir, ends[1], oracles);
  }
  close(ends[1]);
  watch_and_kill(arguments, child, ends[0], deadline, enough, oracles);
  close(ends[0]);
  // Reading beside nobody, or recovering in earnest: the next round then finds a second recovery.
  check(arguments, dir, random() % 2 == 0, oracles);
}

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  const std::map<std::string_view, std::uint64_t*> known = {
      {"--rounds", &arguments.rounds},
      {"--threads", &arguments.threads},
      {"--seed", &arguments.seed},
      {"--durability", &arguments.durability}};
  for (int i = 1; i < argc; i += 2) {
    const auto found = known.find(argv[i]);
    const std::string_view value = i + 1 < argc ? argv[i + 1] : "";
    if (found == known.end() ||
        std::from_chars(value.begin(), value.end(), *found->second).ec != std::errc()) {
      std::fprintf(stderr,
                   "usage: kill_test [--rounds N] [--threads N] [--seed S] [--durability 0|1|2]\n");
      std::exit(2);
    }
  }
  return arguments;
}

}  // namespace

int main(int argc, char** argv) {
  constexpr std::uint64_t kRoundsPerStore = 25;  // the log is read whole at every open
  const Arguments arguments = parse(argc, argv);
  std::mt19937_64 random(arguments.seed);
  std::uint64_t acknowledged = 0;
  for (std::uint64_t round = 0; round < arguments.rounds;) {
    const support::TempDir tmp;
    std::vector<Oracle> oracles(arguments.threads);
    do {
      run_round(arguments, tmp / "data", random, oracles);
    } while (++round < arguments.rounds && round % kRoundsPerStore != 0);
    for (const Oracle& oracle : oracles) acknowledged += oracle.acknowledged;
  }
  std::printf("%llu rounds, %llu writes kept\n", static_cast<unsigned long long>(arguments.rounds),
              static_cast<unsigned long long>(acknowledged));
  if (acknowledged < arguments.rounds) fail(arguments, "the children hardly wrote at all");
}
