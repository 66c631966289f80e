// Files of numbered pages, and a queue to move them, on any storage of the kernel.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <string>

#include <doctest/doctest.h>

#include "io/complete.h"
#include "io/scratch.h"
#include "io/storage.h"

namespace siltstone::io {

inline constexpr std::size_t kPage = 4096;

/// A page whose every byte tells its number.
struct alignas(kPage) Page {
  std::array<std::byte, kPage> bytes{};

  void fill(std::size_t number) { bytes.fill(static_cast<std::byte>(number % 251 + 1)); }
  [[nodiscard]] bool holds(std::size_t number) const {
    return std::ranges::all_of(
        bytes, [&](std::byte b) { return b == static_cast<std::byte>(number % 251 + 1); });
  }
};

struct QueueFixture {
  explicit QueueFixture(Storage& on) : storage(on) {}

  Scratch scratch;
  Storage& storage;
  std::unique_ptr<Directory> directory = storage.open_directory(scratch.path()).value();
  std::unique_ptr<Queue> queue = storage.make_queue(16).value();
  std::unique_ptr<File> file = open(false);

  std::unique_ptr<File> open(bool direct, const std::string& name = "file") {
    return directory->open(name, {.access = Access::read_write, .create = true, .direct = direct})
        .value();
  }

  void fill_file(std::size_t pages) {
    Channel channel(storage.make_queue(1).value());
    for (std::size_t i = 0; i < pages; ++i) {
      Page page;
      page.fill(i);
      REQUIRE(channel.write_all(*file, i * kPage, page.bytes));
    }
    REQUIRE(channel.sync(*file));
  }

  std::int64_t run(Request& request) {
    std::array<Request*, 1> batch{&request};
    REQUIRE(queue->submit(batch) == 1);
    std::array<Request*, 4> done{};
    std::int64_t count = 0;
    while (count == 0) count = queue->reap(done, 1);
    REQUIRE(count == 1);
    REQUIRE(done[0] == &request);
    return request.result;
  }
};

}  // namespace siltstone::io
