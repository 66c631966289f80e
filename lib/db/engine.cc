// Order of the end: no more calls, the mark of a clean end, the files, and last the lock.
#include "db/engine.h"

#include <utility>

#include "base/error.h"
#include "db/guard.h"

namespace siltstone::db {

Engine::Engine(Parts parts) noexcept : parts_(std::move(parts)) {}

Engine::~Engine() {
  if (parts_.reads->is_forked()) {
    // The log's threads are not here, and its end is the parent's business: nothing is touched.
    static_cast<void>(parts_.commits.release());
    static_cast<void>(parts_.lock.release());
    return;
  }
  // Nobody is left to hear of it; whoever wants to know calls close().
  static_cast<void>(guarded([this] { return close(); }));
}

Result<CommitPath*> Engine::commits() noexcept {
  if (parts_.reads->is_closed()) return std::unexpected(closed_error());
  if (parts_.commits == nullptr) {
    return base::fail(ErrorCode::read_only, "the store was opened to be read only");
  }
  return parts_.commits.get();
}

Result<Stats> Engine::stats() const noexcept {
  if (parts_.reads->is_closed()) return std::unexpected(closed_error());
  Stats stats;
  if (parts_.commits != nullptr) stats.log = parts_.commits->stats();
  if (parts_.rings == nullptr) return stats;
  const io::UringReport report = parts_.rings->report();
  stats.io_backend = report.why_no_ring ? IoBackend::posix : IoBackend::uring;
  stats.why_no_ring = report.why_no_ring;
  stats.ring_depth = report.depth;
  stats.sqpoll = report.sqpoll;
  stats.iopoll = report.iopoll;
  stats.why_no_sqpoll = report.why_no_sqpoll;
  stats.why_no_iopoll = report.why_no_iopoll;
  stats.ring_completions = parts_.rings->statistics().completions;
  return stats;
}

Result<void> Engine::close() {
  if (parts_.reads->is_closed()) return {};
  parts_.reads->close();
  Result<void> ended;
  if (parts_.commits != nullptr) ended = parts_.commits->close();
  parts_.commits.reset();
  parts_.lock.reset();
  parts_.rings.reset();
  return ended;
}

}  // namespace siltstone::db
