// A queue and a file in memory that misbehave to order: short, failed, late, reordered and invented
// completions, for the tests of what stands above the seam.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "io/storage.h"

namespace siltstone::io {

class FakeFile final : public File {
 public:
  std::string_view path() const noexcept override { return "fake"; }
  bool direct() const noexcept override { return align != Alignment{}; }
  Alignment alignment() const noexcept override { return align; }
  Result<FileInfo> info() override { return refused(); }
  Result<void> resize(std::uint64_t) override { return refused(); }
  Result<void> allocate(std::uint64_t, std::uint64_t) override { return refused(); }
  Result<void> punch(std::uint64_t, std::uint64_t) override { return refused(); }
  Result<bool> try_lock(LockKind, std::uint64_t, std::uint64_t) override { return refused(); }
  Result<void> unlock(std::uint64_t, std::uint64_t) override { return refused(); }
  Result<bool> is_locked(LockKind, std::uint64_t, std::uint64_t) override { return refused(); }

  std::string content;
  Alignment align;

 private:
  static base::ErrorBuilder refused() { return base::fail(ErrorCode::unsupported, "fake"); }
};

/// Carries requests out when they are reaped, in the order taken or the other way round. What the
/// script says applies to one request each, in the order of submission; afterwards all goes well.
class FakeQueue final : public Queue {
 public:
  /// The script of one request: an errno (nothing is moved), or at most that many bytes.
  struct Step {
    int os_error = 0;
    std::size_t at_most = SIZE_MAX;
  };
  /// What the test keeps in its hands while a channel owns the queue.
  struct Control {
    std::size_t capacity = 8;
    std::deque<Step> script;
    std::optional<Step> always;  ///< For every request the script does not name.
    bool newest_first = false;
    bool repeat_last = false;              ///< The next reap gives its last completion twice.
    Request* invented = nullptr;           ///< Given by the next reap as if it had been submitted.
    std::int64_t excess = 0;               ///< Added to every result.
    std::deque<std::int64_t> submit_says;  ///< At most that many taken, or -errno; one per call.
    std::deque<std::int64_t> reap_says;    ///< At most that many given, or -errno; one per call.
    bool takes_nothing = false;
    bool gives_nothing = false;

    std::vector<Request> seen;         ///< Every request taken, as it was submitted.
    std::vector<std::size_t> batches;  ///< How many requests each submit() was offered.
    std::size_t most_under_way = 0;
    std::size_t under_way = 0;
    bool closed = false;
  };

  explicit FakeQueue(Control& control) : control_(control) {}
  ~FakeQueue() override {
    while (!taken_.empty()) carry_out();
    control_.closed = true;
  }

  std::size_t capacity() const noexcept override { return control_.capacity; }

  std::int64_t submit(std::span<Request* const> batch) override {
    control_.batches.push_back(batch.size());
    std::size_t limit = std::min(batch.size(), control_.capacity - taken_.size());
    if (control_.takes_nothing) limit = 0;
    if (!control_.submit_says.empty()) {
      const std::int64_t said = control_.submit_says.front();
      control_.submit_says.pop_front();
      if (said < 0) return said;
      limit = std::min(limit, static_cast<std::size_t>(said));
    }
    for (Request* request : batch.first(limit)) {
      control_.seen.push_back(*request);
      Step step = control_.always.value_or(Step{});
      if (!control_.script.empty()) {
        step = control_.script.front();
        control_.script.pop_front();
      }
      taken_.push_back({request, step});
    }
    control_.under_way = taken_.size();
    control_.most_under_way = std::max(control_.most_under_way, taken_.size());
    return static_cast<std::int64_t>(limit);
  }

  std::int64_t reap(std::span<Request*> done, std::size_t wait_for) override {
    if (control_.gives_nothing) return 0;
    std::size_t limit = done.size();
    if (!control_.reap_says.empty()) {
      const std::int64_t said = control_.reap_says.front();
      control_.reap_says.pop_front();
      if (said < 0) return said;
      limit = static_cast<std::size_t>(said);
    } else if (wait_for == 0) {
      return 0;
    }
    std::size_t count = 0;
    while (count < limit && !taken_.empty()) done[count++] = carry_out();
    if (std::exchange(control_.repeat_last, false)) {
      done[count] = done[count - 1];
      ++count;
    }
    if (control_.invented != nullptr) done[count++] = std::exchange(control_.invented, nullptr);
    control_.under_way = taken_.size();
    return static_cast<std::int64_t>(count);
  }

 private:
  struct Taken {
    Request* request;
    Step step;
  };

  Request* carry_out() {
    const Taken taken = control_.newest_first ? taken_.back() : taken_.front();
    control_.newest_first ? taken_.pop_back() : taken_.pop_front();
    Request& request = *taken.request;
    auto& content = static_cast<FakeFile*>(request.file)->content;
    if (taken.step.os_error != 0) {
      request.result = -taken.step.os_error;
    } else if (request.opcode == Opcode::sync) {
      request.result = control_.excess;
    } else {
      request.result = move_bytes(request, content, taken.step.at_most) + control_.excess;
    }
    return &request;
  }

  static std::int64_t move_bytes(Request& request, std::string& content, std::size_t at_most) {
    std::size_t moved = 0;
    for (const iovec& buffer : request.buffers) {
      std::size_t length = std::min(buffer.iov_len, at_most - moved);
      const std::size_t at = request.offset + moved;
      if (request.opcode == Opcode::write) {
        content.resize(std::max(content.size(), at + length));
        std::memcpy(content.data() + at, buffer.iov_base, length);
      } else {
        length = std::min(length, content.size() - std::min(content.size(), at));
        std::memcpy(buffer.iov_base, content.data() + at, length);
      }
      moved += length;
    }
    return static_cast<std::int64_t>(moved);
  }

  Control& control_;
  std::deque<Taken> taken_;
};

}  // namespace siltstone::io
