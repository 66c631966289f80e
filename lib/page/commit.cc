// The steps of a commit: see commit.h.
#include "page/commit.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/error.h"
#include "base/try.h"

namespace siltstone::page {
namespace {

std::uint32_t used_end(const Draft& draft) {
  std::uint32_t end = draft.catalog.end().value();
  if (!draft.extents.empty()) end = std::max(end, draft.extents.back().end().value());
  return end;
}

}  // namespace

Result<std::unique_ptr<Commit>> Commit::begin(PageFile& file, io::Channel& channel, Edit edit,
                                              base::Bytes payload) {
  std::unique_ptr<Commit> commit(new Commit(file, channel));
  commit->draft_ = SILT_TRY(file.ledger().begin_commit(std::move(edit)));
  commit->stage_ = Stage::laying_out;
  const auto laid_out = commit->lay_out(payload);
  if (!laid_out) {
    commit->finish(std::unexpected(laid_out.error()), CommitOutcome::abandoned);
    return std::unexpected(laid_out.error());
  }
  commit->stage_ = Stage::catalog;
  commit->start_write(byte_offset(commit->draft_.catalog.first), commit->catalog_.bytes());
  return commit;
}

Commit::~Commit() {
  // Out of memory while laying out: nothing was started.
  if (stage_ == Stage::laying_out) {
    finish(std::unexpected(Error(ErrorCode::out_of_memory, "")), CommitOutcome::abandoned);
  }
  wait();
}

// Finds room for the catalog and fills the buffers of steps 1 and 3.
Result<void> Commit::lay_out(base::Bytes payload) {
  superblock_ = file_.superblock();
  superblock_.generation = draft_.generation;
  superblock_.catalog_bytes = catalog_bytes(draft_.extents.size(), payload.size());
  if (superblock_.catalog_bytes > kMaxCatalogBytes) {
    return base::fail(ErrorCode::invalid_argument, "the catalog would exceed 64 MiB");
  }
  const std::uint64_t pages = pages_for(superblock_.catalog_bytes);
  catalog_ = SILT_TRY(base::AlignedBuffer::allocate(pages * kPageBytes));
  copies_ = SILT_TRY(base::AlignedBuffer::allocate(kCopies * kPageBytes));
  draft_.catalog = SILT_TRY(file_.allocate(static_cast<std::uint32_t>(pages), Claim::reserved));
  superblock_.catalog_page = draft_.catalog.first;
  superblock_.catalog_checksum =
      encode_catalog(superblock_.store, draft_.generation, draft_.extents, payload,
                     catalog_.bytes().first(superblock_.catalog_bytes));
  superblock_.page_count = used_end(draft_);
  for (std::size_t copy = 0; copy < kCopies; ++copy) {
    std::ranges::copy(encode_superblock(superblock_, superblock_page(draft_.slot, copy)),
                      copies_.bytes().subspan(copy * kPageBytes).begin());
  }
  // Pages behind the catalog's end belong to its extent and are never read: not written either.
  (void)file_.ledger().write_started(draft_.catalog.first, static_cast<std::uint32_t>(pages));
  return {};
}

bool Commit::poll() {
  channel_.poll();
  while (!done() && transfer_.done()) {
    advance();
    channel_.poll();
  }
  return done();
}

void Commit::wait() {
  while (!done()) {
    channel_.wait(transfer_);
    advance();
  }
}

void Commit::start_write(std::uint64_t offset, base::MutableBytes bytes) {
  started_ = file_.meter().started();
  channel_.write(transfer_, file_.file(), offset, bytes);
}

void Commit::start_sync() {
  epoch_ = file_.begin_sync();
  started_ = file_.meter().started();
  channel_.sync(transfer_, file_.file());
}

// The result of the transfer that has ended, counted.
Result<void> Commit::take_result() {
  const auto& outcome = transfer_.outcome();
  const bool is_sync = stage_ == Stage::data_sync || stage_ == Stage::superblock_sync;
  file_.meter().ended(is_sync ? Operation::sync : Operation::write, started_, outcome.has_value(),
                      outcome.value_or(0), 1);
  if (is_sync) file_.end_sync(epoch_, outcome.has_value());
  if (!outcome) return std::unexpected(outcome.error());
  return {};
}

void Commit::advance() {
  const auto result = take_result();
  switch (stage_) {
    case Stage::catalog: return leave_catalog(result);
    case Stage::data_sync: return leave_data_sync(result);
    case Stage::superblock:
      // Even one that failed may have reached the disk.
      if (!result) return finish(std::unexpected(result.error()), CommitOutcome::unknown);
      stage_ = Stage::superblock_sync;
      return start_sync();
    case Stage::superblock_sync:
      if (!result) return finish(std::unexpected(result.error()), CommitOutcome::unknown);
      return finish(draft_.generation, CommitOutcome::durable);
    case Stage::laying_out:
    case Stage::done: SILT_ASSERT(false);
  }
}

void Commit::leave_catalog(const Result<void>& result) {
  file_.ledger().write_ended(draft_.catalog, result ? WriteOutcome::done : WriteOutcome::failed);
  if (!result) return finish(std::unexpected(result.error()), CommitOutcome::abandoned);
  stage_ = Stage::data_sync;
  start_sync();
}

void Commit::leave_data_sync(const Result<void>& result) {
  if (!result) return finish(std::unexpected(result.error()), CommitOutcome::abandoned);
  const auto written = file_.ledger().check_written(draft_);
  if (!written) return finish(std::unexpected(written.error()), CommitOutcome::abandoned);
  stage_ = Stage::superblock;
  start_write(byte_offset(superblock_page(draft_.slot, 0)), copies_.bytes());
}

void Commit::finish(Result<base::Generation> outcome, CommitOutcome kind) {
  stage_ = Stage::done;
  known_ = kind != CommitOutcome::unknown;
  outcome_ = std::move(outcome);
  file_.ledger().end_commit(draft_, superblock_, kind, file_.now());
}

}  // namespace siltstone::page
