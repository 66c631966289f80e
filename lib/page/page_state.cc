// Reading the state of a page file: see page_state.h.
#include "page/page_state.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/try.h"

namespace siltstone::page {
namespace {

/// A commit may come between the reads of a verification; this many in a row do not.
constexpr int kMaxVerifyAttempts = 10;

// An error of decode_catalog, whose offset counts from the catalog, as one of the file.
Error placed(const Error& error, const io::File& file, const Superblock& superblock) {
  base::ErrorBuilder builder = base::fail(error.code(), error.message());
  builder.path(file.path()).offset(byte_offset(superblock.catalog_page) + error.offset());
  if (error.has_mismatch()) builder.mismatch(error.expected(), error.actual());
  return builder;
}

std::vector<Extent> all_extents(const Superblock& superblock, const Catalog& catalog) {
  std::vector<Extent> extents = catalog.extents;
  extents.push_back(superblock.catalog_extent());
  std::ranges::sort(extents);
  return extents;
}

// What `older` has and `newest` has not; both ascending. An extent that a newer generation still
// uses is used as it is: one that overlaps without being equal contradicts the rules of reuse.
Result<std::vector<Extent>> only_in_older(const std::vector<Extent>& older,
                                          const std::vector<Extent>& newest) {
  std::vector<Extent> held;
  std::ranges::set_difference(older, newest, std::back_inserter(held));
  for (const Extent& extent : held) {
    const auto next = std::ranges::upper_bound(newest, extent.first, {}, &Extent::first);
    const bool overlaps = (next != newest.end() && next->first < extent.end()) ||
                          (next != newest.begin() && std::prev(next)->end() > extent.first);
    if (overlaps) {
      return base::fail(ErrorCode::corruption, "extents of two generations overlap")
          .offset(byte_offset(extent.first));
    }
  }
  return held;
}

Damage damaged_catalog(const Superblock& superblock, const Error& error) {
  return {superblock.catalog_page, fmt::format("catalog of generation {}: {}",
                                               superblock.generation.value(), error.message())};
}

Result<void> check_length(const io::File& file, std::uint64_t file_pages,
                          const Superblock& superblock) {
  if (file_pages >= superblock.page_count) return {};
  return base::fail(ErrorCode::corruption, "the page file is shorter than its superblock says")
      .path(file.path())
      .mismatch(std::uint64_t{superblock.page_count} * kPageBytes, file_pages * kPageBytes);
}

// The extents that the older generation keeps from being reused.
void hold_older(io::File& file, io::Channel& channel, PageState& state) {
  const Superblock& older = state.superblocks.older;
  auto loaded = load_catalog(file, channel, older);
  if (!loaded) {
    state.damage.push_back(damaged_catalog(older, loaded.error()));
    return;
  }
  auto held = only_in_older(all_extents(older, loaded->catalog),
                            all_extents(state.superblocks.newest, state.newest.catalog));
  if (held) {
    state.held = *std::move(held);
  } else {
    state.damage.push_back(damaged_catalog(older, held.error()));
  }
}

// One pass of verify().
Result<Verification> examine(io::File& file, io::Channel& channel) {
  Verification result;
  const SuperblockCopies copies = SILT_TRY(read_superblocks(file, channel));
  result.damage = damaged_copies(copies);
  const auto judged = judge(copies, file.path());
  if (!judged) {
    result.error = judged.error();
  } else if (*judged) {
    result.generation = (*judged)->newest.generation;
  }
  // Whatever the judgement: each catalog that a valid copy names, once.
  std::vector<Superblock> seen;
  for (const DecodedSuperblock& copy : copies) {
    if (copy.state != CopyState::valid) continue;
    if (std::ranges::find(seen, copy.superblock) != seen.end()) continue;
    seen.push_back(copy.superblock);
    const auto catalog = load_catalog(file, channel, copy.superblock);
    if (catalog) continue;
    // The generation before the last, in the copy that a power cut left behind, owns nothing.
    const bool stale = judged && *judged && copy.superblock != (*judged)->newest &&
                       copy.superblock != (*judged)->older;
    if (stale) continue;
    result.damage.push_back(damaged_catalog(copy.superblock, catalog.error()));
    const bool is_newest = judged && *judged && copy.superblock == (*judged)->newest;
    if (is_newest) result.error = catalog.error();
  }
  return result;
}

}  // namespace

Result<LoadedCatalog> load_catalog(io::File& file, io::Channel& channel,
                                   const Superblock& superblock) {
  // Before anything is allocated: the superblock's codec bounds the length, the file must hold it.
  const std::uint64_t file_pages = SILT_TRY(file.info()).size_bytes / kPageBytes;
  SILT_TRY(check_length(file, file_pages, superblock));
  const std::uint64_t pages = pages_for(superblock.catalog_bytes);
  LoadedCatalog loaded;
  loaded.buffer = SILT_TRY(base::AlignedBuffer::allocate(pages * kPageBytes));
  SILT_TRY(channel.read_exactly(file, byte_offset(superblock.catalog_page), loaded.buffer.bytes()));
  auto catalog = decode_catalog(superblock, loaded.buffer.bytes().first(superblock.catalog_bytes));
  if (!catalog) return std::unexpected(placed(catalog.error(), file, superblock));
  loaded.catalog = *std::move(catalog);
  return loaded;
}

Result<std::optional<PageState>> load_state(io::File& file, io::Channel& channel) {
  const SuperblockCopies copies = SILT_TRY(read_superblocks(file, channel));
  auto judged = SILT_TRY(judge(copies, file.path()));
  if (!judged) return std::nullopt;
  PageState state;
  state.damage = std::exchange(judged->damage, {});
  state.superblocks = *std::move(judged);
  state.file_pages = SILT_TRY(file.info()).size_bytes / kPageBytes;
  state.newest = SILT_TRY(load_catalog(file, channel, state.superblocks.newest));
  hold_older(file, channel, state);
  return state;
}

Result<Verification> verify(io::File& file, io::Channel& channel) {
  for (int attempt = 1;; ++attempt) {
    Verification result = SILT_TRY(examine(file, channel));
    if (result.damage.empty() && !result.error) return result;
    const auto again = judge(SILT_TRY(read_superblocks(file, channel)), file.path());
    const bool moved = again && *again && (*again)->newest.generation != result.generation;
    if (!moved || attempt == kMaxVerifyAttempts) return result;
  }
}

}  // namespace siltstone::page
