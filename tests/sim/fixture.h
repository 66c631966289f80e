// A storage with a directory and a queue, and transfers of one request, for the tests of the
// simulation itself: they look at single requests, which the code above the seam never does.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include "support/sim_storage.h"

namespace siltstone::support {

inline Bytes bytes_of(char c, std::size_t n) { return Bytes(n, static_cast<std::byte>(c)); }

/// 'A' when all bytes are, '?' when they differ, 0 when there are none.
inline char letter(std::span<const std::byte> bytes) {
  if (bytes.empty()) return 0;
  for (const std::byte byte : bytes) {
    if (byte != bytes[0]) return '?';
  }
  return static_cast<char>(bytes[0]);
}

struct Bench {
  explicit Bench(std::uint64_t seed = 1, SimStorageOptions options = {}) : storage(seed, options) {
    REQUIRE(storage.make_directory("db"));
    open();
  }

  /// Directory and queue, again after a crash.
  void open() {
    directory = storage.open_directory("db").value();
    queue = storage.make_queue(16).value();
  }
  void crash(const Crash& how) {
    storage.crash(how);
    queue.reset();
    open();
  }

  std::unique_ptr<io::File> file(std::string_view name, bool direct = false) {
    auto opened =
        directory->open(name, {.access = io::Access::read_write, .create = true, .direct = direct});
    REQUIRE(opened);
    return std::move(*opened);
  }

  std::int64_t run(io::Request request) {
    io::Request* pointer = &request;
    while (queue->submit({&pointer, 1}) == 0) {
    }
    io::Request* done = nullptr;
    while (queue->reap({&done, 1}, 1) == 0) {
    }
    REQUIRE(done == pointer);
    return request.result;
  }

  std::int64_t write(io::File& file, std::uint64_t offset, std::span<const std::byte> data,
                     bool durable = false) {
    alignas(512) static std::byte aligned[1 << 20];
    REQUIRE(data.size() <= sizeof aligned);
    std::memcpy(aligned, data.data(), data.size());
    const iovec buffer{aligned, data.size()};
    return run({.opcode = io::Opcode::write,
                .durable = durable,
                .file = &file,
                .offset = offset,
                .buffers = {&buffer, 1}});
  }

  /// What came in; the errno as a negative result in `result`.
  Bytes read(io::File& file, std::uint64_t offset, std::size_t length,
             std::int64_t* result = nullptr) {
    alignas(512) static std::byte aligned[1 << 20];
    const iovec buffer{aligned, length};
    const std::int64_t n =
        run({.opcode = io::Opcode::read, .file = &file, .offset = offset, .buffers = {&buffer, 1}});
    if (result != nullptr) *result = n;
    return n > 0 ? Bytes(aligned, aligned + n) : Bytes{};
  }

  std::int64_t sync(io::File& file) { return run({.opcode = io::Opcode::sync, .file = &file}); }

  SimStorage storage;
  std::unique_ptr<io::Directory> directory;
  std::unique_ptr<io::Queue> queue;
};

}  // namespace siltstone::support
