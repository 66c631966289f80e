// The canonical workload of the crash test: writes, commits, frees, failed syncs, reopens, drawn
// from a seed, on a machine whose power may go at any moment. It knows which states a power cut may
// leave.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/random.h"
#include "page/bench.h"

namespace siltstone::page {

/// An extent in use, and the tag of its pages.
struct Content {
  Extent extent;
  std::uint64_t tag = 0;
};

/// The payload: what the state is, in words, so that a state tells whether its extents are right.
inline std::string describe(const std::vector<Content>& contents) {
  std::string text = fmt::format("{}:", contents.size());
  for (const Content& c : contents) {
    text += fmt::format(" {} {} {}", c.extent.first.value(), c.extent.pages, c.tag);
  }
  return text;
}

class Workload {
 public:
  struct State {
    std::string payload;
    std::vector<Content> contents;
  };

  Workload(Bench& bench, std::uint64_t seed) : bench_(bench), random_(seed) {}

  /// Runs until the end, or until the power goes. False for a result that must not be.
  bool run() {
    for (int round = 0; round < 7 && alive(); ++round) {
      if (round == 4) reopen();
      if (alive()) job();
      if (round % 3 == 2) rest();
    }
    return sound_;
  }

  /// What may be on the disk: the last acknowledged state, and those in doubt since.
  [[nodiscard]] const std::vector<State>& possible() const { return possible_; }
  void start_from(State state) { possible_ = {std::move(state)}; }

 private:
  bool alive() const { return bench_.storage.has_power() && bench_.file != nullptr; }
  const std::vector<Content>& current() const { return possible_.front().contents; }

  void reopen() {
    auto opened = bench_.try_open();
    if (!opened) {
      // Some file systems take no more changes after a failed sync, until the next boot.
      sound_ = sound_ && (failed_sync_ || !bench_.storage.has_power());
      return;
    }
    sound_ = sound_ && opened->has_value();
    if (!*opened) return;
    // Without a power cut a process finds the newest state that reached the kernel.
    const std::string payload = text_of((*opened)->catalog.catalog.payload);
    const auto found = std::ranges::find(possible_, payload, &State::payload);
    sound_ = sound_ && found != possible_.end();
    if (found != possible_.end()) possible_ = {State(*found)};
    bench_.file = std::move((*opened)->file);
  }

  // Some new extents, some old ones freed, one commit; sometimes with a failing sync.
  void job() {
    auto writer = ExtentWriter::make(*bench_.file, *bench_.channel).value();
    State next = possible_.front();
    Edit edit;
    for (std::uint64_t i = random_.between(1, 3); i > 0; --i) {
      const std::optional<Content> content = write(*writer);
      if (!content) continue;
      edit.added.push_back(content->extent);
      next.contents.push_back(*content);
    }
    while (next.contents.size() > 4 || (next.contents.size() > 1 && random_.one_in(3))) {
      const std::size_t at = random_.below(next.contents.size());
      const Extent extent = next.contents[at].extent;
      next.contents.erase(next.contents.begin() + static_cast<std::ptrdiff_t>(at));
      if (std::erase(edit.added, extent) > 0) {
        writer->discard(extent);
        bench_.file->release(extent);
      } else {
        edit.freed.push_back(extent);
      }
    }
    next.payload = describe(next.contents);
    if (!writer->flush()) {
      for (const Extent& extent : edit.added) writer->discard(extent);
    }
    commit(edit, next);
  }

  std::optional<Content> write(ExtentWriter& writer) {
    const auto pages = static_cast<std::uint32_t>(random_.between(1, 40));
    const auto extent = bench_.file->allocate(pages, Claim::reserved);
    if (!extent) return std::nullopt;
    const Content content{*extent, ++last_tag_};
    (void)writer.write(extent->first, make_pages(extent->first, extent->pages, content.tag));
    if (random_.one_in(3)) (void)writer.flush();
    return content;
  }

  void commit(const Edit& edit, const State& next) {
    if (random_.one_in(4)) {
      failed_sync_ = true;
      bench_.fail({.on = support::Op::sync,
                   .path = "*/pages",
                   .skip = random_.below(2),
                   .residue = static_cast<support::Residue>(random_.below(3))});
    }
    const auto outcome = bench_.commit(next.payload, edit);
    bench_.storage.faults().clear();
    if (outcome) {
      possible_ = {next};
      return;
    }
    const bool cut = !bench_.storage.has_power();
    if (cut || !bench_.known) possible_.push_back(next);
    if (cut) return;
    for (const Extent& extent : edit.added) bench_.file->release(extent);
  }

  void rest() {
    if (!alive()) return;
    bench_.storage.clock().advance(std::chrono::seconds(61));
    while (bench_.file->give_back().value_or(false)) {
    }
  }

  Bench& bench_;
  base::Random random_;
  std::vector<State> possible_;
  std::uint64_t last_tag_ = 100;
  bool failed_sync_ = false;
  bool sound_ = true;
};

}  // namespace siltstone::page
