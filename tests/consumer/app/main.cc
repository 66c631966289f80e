// What a user writes: opens a store, puts, gets.
#include <cstdio>

#include <siltstone/db.h>
#include <siltstone/version.h>

int main(int, char** argv) {
  auto db = siltstone::Db::builder(argv[1]).build();
  if (!db || !db->put("k", "v")) return 1;
  auto value = db->get("k");
  if (!value || !*value || **value != "v") return 1;
  return std::puts(siltstone::version()) < 0;
}
