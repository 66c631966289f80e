// The smallest program: opens a store, writes (durably, when put returns), reads, walks.
#include <siltstone/db.h>

#include <cstdio>

int main() {
  auto db = siltstone::Db::builder("hello-store").build();
  if (!db || !db->put("user/1", "Ada") || !db->put("user/2", "Grace")) return 1;
  if (auto value = db->get("user/1"); value && *value) {
    std::printf("user/1 is %s\n", (*value)->to_string().c_str());
  }
  for (auto it = db->iterate({.prefix = "user/"}); it.valid(); it.next()) {
    std::printf("%s has %zu bytes\n", std::string(it.key()).c_str(), it.value().size());
  }
  return db->close() ? 0 : 1;
}
