// Makes the stores that the tests of kvdump look at.
//
//   make_store DIR COMMAND...
//
// Commands, in order: `fixed` writes the same few entries in the same commits every time; `many`
// 20,000 entries in one batch; `large` a value of 5 MiB; `interval` opens in mode interval, of an
// hour, so that all stays in the ring's file; `expiring` writes a value that stays for an hour and
// one that is gone at once; `hold` says "ready" and waits for the end of stdin; `kill` ends the
// process without closing. Without it the store is closed at the end. Nothing is compressed, so
// that the files depend on no optional library.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <siltstone/db.h>

namespace {

using siltstone::Batch;
using siltstone::Db;
using siltstone::Result;

/// The value, or the end of the program with the error.
template <typename T>
T need(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "make_store: %s\n", result.error().to_string().c_str());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

void write_fixed(Db& db) {
  using namespace std::string_view_literals;
  need(db.put("apple", "red"));
  need(db.put("bin\0ary\xff\\"sv, "tab\there"));
  need(db.put("empty", ""));
  Batch batch;
  for (int user = 1; user <= 5; ++user) {
    need(batch.put(fmt::format("user/{}", user), fmt::format("name {}", user)));
  }
  need(db.put_batch(batch));
  need(db.erase("user/3"));
  need(db.put("long", std::string(5000, 'x')));
  need(db.put("apple", "green"));
}

void write_many(Db& db) {
  Batch batch;
  for (int i = 0; i < 20'000; ++i) {
    need(batch.put(fmt::format("many/{:05}", i), fmt::format("value {}", i)));
  }
  need(db.put_batch(batch));
}

void write_expiring(Db& db) {
  need(db.put("hour", "v", {.ttl = std::chrono::hours(1)}));
  need(db.put("gone", "v", {.ttl = std::chrono::milliseconds(1)}));
}

void hold() {
  std::puts("ready");
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  auto builder = Db::builder(argv[1]).compression(siltstone::Compression::none);
  for (int i = 2; i < argc; ++i) {
    if (std::string_view(argv[i]) == "interval") builder.sync_interval(std::chrono::hours(1));
  }
  auto db = need(builder.build());
  for (int i = 2; i < argc; ++i) {
    const std::string_view command = argv[i];
    if (command == "fixed") write_fixed(db);
    if (command == "many") write_many(db);
    if (command == "large") need(db.put("large", std::string(5 << 20, 'y')));
    if (command == "expiring") write_expiring(db);
    if (command == "hold") hold();
    if (command == "kill") _exit(0);
  }
  need(db.close());
}
