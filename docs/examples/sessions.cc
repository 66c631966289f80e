// Sessions that end by themselves, and a report of one moment while they come and go.
#include <siltstone/db.h>

#include <chrono>
#include <cstdio>
#include <string>

using namespace std::chrono_literals;

int main() {
  auto db = siltstone::Db::builder("session-store").build();
  if (!db) return 1;
  // There for half an hour, whether the store is open until then or not.
  for (const char* user : {"ada", "grace", "jean"}) {
    if (!db->put(std::string("session/") + user, "signed in", {.ttl = 30min})) return 1;
  }
  auto then = db->snapshot();
  if (!then || !db->erase("session/grace")) return 1;  // she leaves before the report is written
  int sessions = 0;
  for (auto it = then->iterate({.prefix = "session/"}); it.valid(); it.next()) ++sessions;
  std::printf("%d sessions after write %llu\n", sessions,
              static_cast<unsigned long long>(then->seq()));
  return sessions == 3 && db->close() ? 0 : 1;
}
