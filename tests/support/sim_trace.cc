// The trace: a ring of events and their hash.
#include "support/sim_trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace siltstone::support {

void SimTrace::mix(std::string_view text) noexcept {
  mix(text.size());
  std::uint64_t word = 0;
  for (; text.size() > sizeof word; text.remove_prefix(sizeof word)) {
    std::memcpy(&word, text.data(), sizeof word);
    mix(word);
  }
  word = 0;
  if (!text.empty()) std::memcpy(&word, text.data(), text.size());
  mix(word);
}

void SimTrace::add(io::Time time, std::string_view what, std::string_view subject,
                   std::uint64_t offset, std::uint64_t length, std::int64_t result) {
  mix(static_cast<std::uint64_t>(time.time_since_epoch().count()));
  mix(current_actor);
  mix(what);
  mix(subject);
  mix(offset ^ Rng::mix(length));
  mix(static_cast<std::uint64_t>(result));
  if (ring_.size() < kKept) ring_.emplace_back();
  Event& event = ring_[count_++ % kKept];
  event.time = time;
  event.actor = current_actor;
  event.what = what;
  event.subject = subject;
  event.offset = offset;
  event.length = length;
  event.result = result;
}

std::string SimTrace::to_string(std::size_t last) const {
  std::string text;
  const std::uint64_t shown = std::min<std::uint64_t>(last, ring_.size());
  for (std::uint64_t i = count_ - shown; i < count_; ++i) {
    const Event& event = ring_[i % kKept];
    const auto micros = static_cast<double>(event.time.time_since_epoch().count()) / 1000;
    text += fmt::format("{:>8} {:>13.3f} us  {:<10} {:<16} {}", i, micros, event.actor, event.what,
                        event.subject);
    if (event.length != 0 || event.offset != 0) {
      text += fmt::format(" [{}, +{}]", event.offset, event.length);
    }
    if (event.result < 0) {
      const char* name = strerrorname_np(static_cast<int>(-event.result));
      text += fmt::format(" -> {}", name != nullptr ? name : "?");
    } else if (event.result != 0) {
      text += fmt::format(" -> {}", event.result);
    }
    text += '\n';
  }
  return text;
}

}  // namespace siltstone::support
