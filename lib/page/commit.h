// One commit: the steps that make a new generation durable, as a machine that never waits by
// itself.
//
//   1. the catalog into fresh pages
//   2. sync: covers the catalog and the extents that the edit adds
//   3. both copies of the superblock slot that does not hold the durable generation
//   4. sync
//
// What fails in 1 or 2 leaves no trace: the extents that a failed sync covered are tainted, and the
// commit is simply not there. From 3 on a failure leaves the outcome unknown: nothing is freed,
// what the generation has stays as it is, and the next commit writes the same slot again.
//
// Thread-bound: it belongs to the thread of its Channel. At most one exists per PageFile.
#pragma once

#include <cstdint>
#include <memory>

#include <siltstone/error.h>

#include "base/aligned_buffer.h"
#include "io/complete.h"
#include "page/page_file.h"

namespace siltstone::page {

class Commit {
 public:
  /// Begins a generation: checks the edit, allocates the catalog's pages (from the reserve, if need
  /// be; growing the file is the one thing here that may take a while) and lays it out. Payload and
  /// edit are not needed afterwards. Errors: those of Ledger::begin_commit() and
  /// PageFile::allocate(), `invalid_argument` when the catalog would exceed kMaxCatalogBytes;
  /// nothing was written then.
  [[nodiscard]] static Result<std::unique_ptr<Commit>> begin(PageFile& file, io::Channel& channel,
                                                             Edit edit, base::Bytes payload);

  Commit(const Commit&) = delete;
  Commit& operator=(const Commit&) = delete;
  /// One that is not done is waited for, and ends with unknown outcome at worst.
  ~Commit();

  /// Goes on as far as it can without waiting for the device. True when done.
  bool poll();
  /// Goes on until it is done.
  void wait();

  [[nodiscard]] bool done() const noexcept { return stage_ == Stage::done; }
  /// Once done: the generation that is durable now, or why none is. After an error from step 1 or 2
  /// outcome_known() is true: the generation does not exist.
  [[nodiscard]] const Result<base::Generation>& outcome() const noexcept { return outcome_; }
  [[nodiscard]] bool outcome_known() const noexcept { return known_; }

 private:
  enum class Stage : std::uint8_t {
    laying_out,
    catalog,
    data_sync,
    superblock,
    superblock_sync,
    done,
  };

  Commit(PageFile& file, io::Channel& channel) : file_(file), channel_(channel) {}

  [[nodiscard]] Result<void> lay_out(base::Bytes payload);
  void start_write(std::uint64_t offset, base::MutableBytes bytes);
  void start_sync();
  void advance();
  void leave_catalog(const Result<void>& result);
  void leave_data_sync(const Result<void>& result);
  void finish(Result<base::Generation> outcome, CommitOutcome kind);
  [[nodiscard]] Result<void> take_result();

  PageFile& file_;        // outlives this
  io::Channel& channel_;  // outlives this
  Draft draft_;
  Superblock superblock_;
  base::AlignedBuffer catalog_;
  base::AlignedBuffer copies_;
  Stage stage_ = Stage::done;
  Epoch epoch_ = 0;
  io::Time started_{};
  bool known_ = true;
  Result<base::Generation> outcome_ = base::Generation();
  io::Transfer transfer_;  // last: waits, when it goes, for what uses the buffers
};

}  // namespace siltstone::page
