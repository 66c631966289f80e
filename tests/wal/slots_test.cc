// Looks at wal/ while a writer renames what is in it: an unused slot gets another name before the
// writer goes on in it.
#include "wal/slots.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "wal/forge.h"
#include "wal/log_world.h"

using namespace siltstone;
using namespace siltstone::wal;

namespace {

/// A directory in which slot `from` becomes `to` when somebody is about to open it, and back again,
/// so many times.
class Restless final : public io::Directory {
 public:
  Restless(std::unique_ptr<io::Directory> inner, std::string from, std::string to, int times)
      : inner_(std::move(inner)), from_(std::move(from)), to_(std::move(to)), times_(times) {}

  std::string_view path() const noexcept override { return inner_->path(); }
  Result<io::FileId> id() override { return inner_->id(); }
  Result<std::unique_ptr<io::File>> open(std::string_view name, io::OpenOptions options) override {
    if (name == from_ && times_ != 0) {
      --times_;
      REQUIRE(inner_->rename(from_, to_));
      std::swap(from_, to_);
    }
    return inner_->open(name, options);
  }
  Result<std::unique_ptr<io::Directory>> open_directory(std::string_view name) override {
    return inner_->open_directory(name);
  }
  Result<void> make_directory(std::string_view name) override {
    return inner_->make_directory(name);
  }
  Result<void> rename(std::string_view from, std::string_view to) override {
    return inner_->rename(from, to);
  }
  Result<void> remove(std::string_view name) override { return inner_->remove(name); }
  Result<std::vector<std::string>> list() override { return inner_->list(); }
  Result<void> sync() override { return inner_->sync(); }
  Result<void> sync_own_name() override { return inner_->sync_own_name(); }

 private:
  const std::unique_ptr<io::Directory> inner_;
  std::string from_;
  std::string to_;
  int times_;
};

/// A segment in slot 0, and slot 1 unused, for now.
struct RestlessLog {
  explicit RestlessLog(int times) {
    Forge(test_header(1)).commit(make_commit(0)).plant(world, 0);
    world.storage.plant(slot_path(1), std::vector<std::byte>(3 * kBlockBytes));
    wal =
        std::make_unique<Restless>(world.storage.open_directory("db/wal").value(), "1", "2", times);
    channel = std::make_unique<io::Channel>(world.storage.make_queue(4).value());
  }

  LogWorld world;
  std::unique_ptr<Restless> wal;
  std::unique_ptr<io::Channel> channel;
};

}  // namespace

TEST_CASE("slots: one that is renamed under a look is found by its new name, and once") {
  for (const int times : {1, 2, 7}) {
    RestlessLog log(times);
    const auto found = read_slots(*log.wal, *log.channel, /*read_only=*/true);
    REQUIRE_MESSAGE(found, found.error().to_string());
    std::vector<std::string> names;
    for (const Slot& slot : found->slots) names.push_back(slot.name);
    std::ranges::sort(names);
    CHECK(names == std::vector<std::string>{"0", times % 2 == 1 ? "2" : "1"});
    for (const Slot& slot : found->slots) CHECK(slot.is_unused() == (slot.name != "0"));
  }
}

TEST_CASE("slots: when names never hold still the store is busy, and not damaged") {
  RestlessLog log(1000);
  const auto found = read_slots(*log.wal, *log.channel, /*read_only=*/true);
  REQUIRE(!found);
  CHECK(found.error().code() == ErrorCode::busy);
}
