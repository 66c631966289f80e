// A file system that goes away under load, as ext4 and XFS do after an error of the device: from
// then on every access fails, and what was not synced is gone. Run by shutdown.py, which makes the
// file system and mounts it again in between.
//
//   shutdown_test write DIR DURABILITY SEED FIRST...   FIRST: of each writer, its next index
//   shutdown_test verify DIR SAFE...                   SAFE: of each writer, how many must be there
//
// `write`: writers, a reader, flushes, and write-back by the kernel go on until the file system is
// shut down. Then this process must live, every writer must be told, acknowledged values must still
// be read, and close() must fail. Prints, of each writer, how many of its writes are safe: what was
// acknowledged (every_commit, 0), or what a flush() covered.
// `verify`: of each writer exactly a prefix is there, with what is safe. Prints how long it is.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <siltstone/db.h>

using namespace siltstone;

namespace {

// EXT4_IOC_SHUTDOWN and XFS_IOC_GOINGDOWN are the same, and so are their arguments.
constexpr unsigned long kGoDown = _IOR('X', 125, std::uint32_t);
constexpr std::uint32_t kWithoutLogFlush = 2;

// Nothing leaves the memtable: enough for all that the rounds on one store write.
constexpr std::size_t kMemtableBytes = std::size_t{512} << 20;
constexpr int kWritesAtOnce = 50;

constexpr auto kPatience = std::chrono::seconds(60);

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "FAILED: %s\n", what.c_str());
  std::_Exit(1);
}

std::string key_of(std::size_t writer, std::uint64_t index) {
  char text[32];
  std::snprintf(text, sizeof text, "%zu/%010llu", writer, static_cast<unsigned long long>(index));
  return text;
}

std::string value_of(std::size_t writer, std::uint64_t index) {
  std::mt19937_64 random(index * 31 + writer);
  const std::size_t bytes = random() % 100 == 0 ? 20'000 : random() % 300;
  return std::string(bytes, static_cast<char>('a' + random() % 26));
}

/// One writer's list of writes, of which it made a prefix.
struct Writer {
  explicit Writer(std::uint64_t begin) : first(begin), acknowledged(begin), flushed(begin) {}

  const std::uint64_t first;
  std::atomic<std::uint64_t> acknowledged;
  std::atomic<std::uint64_t> flushed;
};

class Load {
 public:
  Load(Db& db, const std::vector<std::uint64_t>& first) : db_(db) {
    for (const std::uint64_t index : first) writers_.emplace_back(index);
  }

  void begin() {
    for (std::size_t i = 0; i < writers_.size(); ++i) {
      threads_.emplace_back([this, i] { write(i); });
    }
    threads_.emplace_back([this] { flush(); });
    others_.emplace_back([this] { read(); });
  }

  /// Waits until writes and flushes were refused. The reader goes on meanwhile.
  void join() {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (refused_.load() < threads_.size()) {
      if (std::chrono::steady_clock::now() > end) fail("writers are not told that the log failed");
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
    for (std::thread& thread : others_) thread.join();
    for (std::size_t i = 0; i < writers_.size(); ++i) {
      const Writer& writer = writers_[i];
      for (std::uint64_t index = writer.first; index < writer.acknowledged; ++index)
        check(i, index);
    }
  }

  [[nodiscard]] const std::deque<Writer>& writers() const { return writers_; }

 private:
  void write(std::size_t i) {
    Writer& writer = writers_[i];
    for (;; ++writer.acknowledged) {
      const std::uint64_t index = writer.acknowledged;
      const auto commit = db_.put(key_of(i, index), value_of(i, index));
      if (!commit) {
        told(commit.error());
        return;
      }
      if (index % kWritesAtOnce == 0) std::this_thread::sleep_for(std::chrono::microseconds(500));
    }
  }

  void flush() {
    std::vector<std::uint64_t> covered(writers_.size());
    for (;;) {
      for (std::size_t i = 0; i < covered.size(); ++i) covered[i] = writers_[i].acknowledged;
      if (const auto flushed = db_.flush(); !flushed) {
        told(flushed.error());
        return;
      }
      for (std::size_t i = 0; i < covered.size(); ++i) writers_[i].flushed = covered[i];
      std::this_thread::sleep_for(std::chrono::milliseconds(3));
    }
  }

  void read() {
    std::mt19937_64 random(1);
    while (!stop_) {
      const std::size_t i = random() % writers_.size();
      const Writer& writer = writers_[i];
      const std::uint64_t count = writer.acknowledged - writer.first;
      if (count != 0) check(i, writer.first + random() % count);
    }
  }

  void check(std::size_t i, std::uint64_t index) {
    const auto value = db_.get(key_of(i, index));
    if (!value) fail("a read fails: " + value.error().to_string());
    if (!*value || **value != value_of(i, index)) fail("an acknowledged write cannot be read");
  }

  void told(const Error& error) {
    if (error.os_error() == 0 || error.message().empty()) fail("why? " + error.to_string());
    if (refused_++ == 0) std::fprintf(stderr, "%s\n", error.to_string().c_str());
  }

  Db& db_;
  std::deque<Writer> writers_;
  std::vector<std::thread> threads_;
  std::vector<std::thread> others_;
  std::atomic<std::size_t> refused_{0};
  std::atomic<bool> stop_{false};
};

int write(const std::string& dir, Durability durability, std::uint64_t seed,
          const std::vector<std::uint64_t>& first) {
  const std::string parent = std::filesystem::path(dir).parent_path();
  const int root = open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  auto db = Db::builder(dir).durability(durability).memtable_bytes(kMemtableBytes).build();
  if (root < 0 || !db) fail(db ? "the directory" : db.error().to_string());
  Load load(*db, first);
  load.begin();
  std::mt19937_64 random(seed);
  std::this_thread::sleep_for(std::chrono::microseconds(random() % 100'000));
  // What the kernel has written back it maps read-only: the next store there faults.
  if (random() % 2 == 0) syncfs(root);
  if (ioctl(root, kGoDown, &kWithoutLogFlush) != 0) fail("the file system cannot be shut down");
  load.join();
  if (db->put("after", "v")) fail("a write is taken after the log failed");
  if (db->close()) fail("close() says that all is well");
  for (const Writer& writer : load.writers()) {
    const std::uint64_t safe =
        durability == Durability::every_commit ? writer.acknowledged : writer.flushed;
    std::printf("%llu\n", static_cast<unsigned long long>(safe));
  }
  return 0;
}

int verify(const std::string& dir, const std::vector<std::uint64_t>& safe) {
  auto db = Db::builder(dir).memtable_bytes(kMemtableBytes).build();
  if (!db) fail("open: " + db.error().to_string());
  for (std::size_t i = 0; i < safe.size(); ++i) {
    const std::string prefix = std::to_string(i) + "/";
    std::uint64_t count = 0;
    auto it = db->iterate({.prefix = prefix});
    for (; it.valid(); it.next(), ++count) {
      if (it.key() != key_of(i, count)) fail("a hole before " + std::string(it.key()));
      if (it.value() != value_of(i, count)) fail("another value at " + std::string(it.key()));
    }
    if (!it.status()) fail(it.status().error().to_string());
    if (count < safe[i]) fail("of " + std::to_string(safe[i]) + " only " + std::to_string(count));
    std::printf("%llu\n", static_cast<unsigned long long>(count));
  }
  if (const auto closed = db->close(); !closed) fail(closed.error().to_string());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  const auto numbers = [&](std::size_t from) {
    std::vector<std::uint64_t> all;
    for (std::size_t i = from; i < words.size(); ++i) all.push_back(std::stoull(words[i]));
    return all;
  };
  if (words.size() > 4 && words[0] == "write") {
    const auto durability = static_cast<Durability>(std::stoi(words[2]));
    return write(words[1], durability, std::stoull(words[3]), numbers(4));
  }
  if (words.size() > 2 && words[0] == "verify") return verify(words[1], numbers(2));
  std::fprintf(stderr,
               "usage: shutdown_test write DIR DURABILITY SEED FIRST...\n"
               "       shutdown_test verify DIR SAFE...\n");
  return 2;
}
