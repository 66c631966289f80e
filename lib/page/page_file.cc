// Creating, opening, growing and shrinking the page file: see page_file.h.
#include "page/page_file.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <utility>

#include "base/aligned_buffer.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/try.h"

namespace siltstone::page {
namespace {

static_assert(kCreatedBytes % (kUnitPages * kPageBytes) == 0);

// Reserves blocks and extends the file, or only extends it where blocks cannot be reserved.
Result<void> extend(io::File& file, std::uint64_t offset, std::uint64_t length) {
  const auto allocated = file.allocate(offset, length);
  if (allocated || allocated.error().code() != ErrorCode::unsupported) return allocated;
  const std::uint64_t size = SILT_TRY(file.info()).size_bytes;
  if (size >= offset + length) return {};
  return file.resize(offset + length);
}

// A page with one superblock copy.
void fill_copy(base::MutableBytes page, const Superblock& superblock, base::PageNumber number) {
  std::ranges::copy(encode_superblock(superblock, number), page.begin());
}

// The first two generations: the same payload, each with a catalog of its own.
struct FirstGenerations {
  base::AlignedBuffer catalogs;
  base::AlignedBuffer superblocks;
};

Result<FirstGenerations> make_first_generations(const Identity& identity, base::Bytes payload) {
  FirstGenerations made;
  Superblock superblock;
  superblock.store = identity.store;
  superblock.hash_seed = identity.hash_seed;
  superblock.catalog_bytes = catalog_bytes(0, payload.size());
  const std::uint32_t pages = superblock.catalog_extent().pages;
  if (kHeaderPages + 2 * pages > kCreatedBytes / kPageBytes) {
    return base::fail(ErrorCode::invalid_argument, "the first catalog is too large");
  }
  superblock.page_count = kHeaderPages + 2 * pages;
  made.catalogs = SILT_TRY(base::AlignedBuffer::allocate(std::size_t{2} * pages * kPageBytes));
  made.superblocks = SILT_TRY(base::AlignedBuffer::allocate(2 * kCopies * kPageBytes));
  for (const Slot slot : {Slot::a, Slot::b}) {
    const auto index = static_cast<std::uint32_t>(slot);
    superblock.generation = base::Generation(index + 1);
    superblock.catalog_page = base::PageNumber(kHeaderPages + index * pages);
    const base::MutableBytes catalog = made.catalogs.bytes().subspan(
        std::size_t{index} * pages * kPageBytes, superblock.catalog_bytes);
    superblock.catalog_checksum =
        encode_catalog(identity.store, superblock.generation, {}, payload, catalog);
    for (std::size_t copy = 0; copy < kCopies; ++copy) {
      const base::PageNumber page = superblock_page(slot, copy);
      fill_copy(made.superblocks.bytes().subspan(byte_offset(page), kPageBytes), superblock, page);
    }
  }
  return made;
}

// Only nothing, or what an unfinished creation left, may be replaced.
Result<void> check_vacant(io::Directory& directory, std::string_view name, io::Channel& channel,
                          const PageFileOptions& options) {
  const auto file = directory.open(name, {.direct = options.direct});
  if (!file && io::is_not_found(file.error())) return {};
  if (!file) return std::unexpected(file.error());
  if (!SILT_TRY(load_state(**file, channel))) return {};
  return base::fail(ErrorCode::invalid_argument, "there is a page file already")
      .path((*file)->path());
}

// Fills an empty file and makes it durable; its name is another matter.
Result<void> fill_new(io::File& file, io::Channel& channel, const FirstGenerations& made) {
  SILT_TRY(file.resize(0));
  SILT_TRY(extend(file, 0, kCreatedBytes));
  SILT_TRY(channel.write_all(file, kHeaderPages * kPageBytes, made.catalogs.bytes()));
  SILT_TRY(channel.sync(file));
  SILT_TRY(channel.write_all(file, 0, made.superblocks.bytes()));
  return channel.sync(file);
}

}  // namespace

Result<PageFile::Opened> PageFile::create(io::Directory& directory, std::string_view name,
                                          io::Channel& channel, io::Clock& clock,
                                          const Identity& identity, base::Bytes payload,
                                          PageFileOptions options) {
  SILT_TRY(check_vacant(directory, name, channel, options));
  // Under another name until it is durable: before that, a power cut may leave anything in it.
  const std::string unfinished = std::string(name) + ".new";
  {
    const auto made = SILT_TRY(make_first_generations(identity, payload));
    const auto file = SILT_TRY(directory.open(
        unfinished, {.access = io::Access::read_write, .create = true, .direct = options.direct}));
    SILT_TRY(fill_new(*file, channel, made));
  }
  SILT_TRY(directory.rename(unfinished, name));
  SILT_TRY(directory.sync());
  auto opened = SILT_TRY(open(directory, name, channel, clock, options));
  SILT_CHECK(opened.has_value());
  return *std::move(opened);
}

Result<std::optional<PageFile::Opened>> PageFile::open(io::Directory& directory,
                                                       std::string_view name, io::Channel& channel,
                                                       io::Clock& clock, PageFileOptions options) {
  const io::Access access = options.read_only ? io::Access::read : io::Access::read_write;
  auto handle = SILT_TRY(directory.open(name, {.access = access, .direct = options.direct}));
  std::unique_ptr<PageFile> opened(new PageFile(std::move(handle), clock));
  io::File& file = *opened->file_;
  auto state = SILT_TRY(load_state(file, channel));
  if (!state) return std::nullopt;
  if (!options.read_only) SILT_TRY(opened->make_durable(*state, channel));

  const io::FileInfo info = SILT_TRY(file.info());
  const bool has_holes = info.allocated_bytes < info.size_bytes;
  SILT_TRY(
      opened->ledger_.open(*state, has_holes ? Backing::unknown : Backing::backed, clock.now()));
  opened->set_reserve(kMinReserveBytes);
  return Opened{std::move(opened), std::move(state->newest), std::move(state->damage)};
}

// Before anything is built on the newest generation: whole in both copies, and on stable storage.
Result<void> PageFile::make_durable(const PageState& state, io::Channel& channel) {
  const Judgement& found = state.superblocks;
  const std::uint64_t unknown = found.newest.compatible_features & ~kKnownCompatibleFeatures;
  if (unknown != 0) {
    return base::fail(ErrorCode::unsupported,
                      "the page file has features that only a newer version may write")
        .path(file_->path());
  }
  // Through the page cache even a good copy proves nothing: after a failed sync the cache shows, as
  // clean, what the disk never got. Writing the same bytes again makes the sync cover them; what
  // they name was synced before they were first written.
  const bool proven = file_->direct();
  const auto buffer = SILT_TRY(base::AlignedBuffer::allocate(kPageBytes));
  for (std::size_t copy = 0; copy < kCopies; ++copy) {
    if (proven && !found.weak[copy]) continue;
    const base::PageNumber page = superblock_page(found.slot, copy);
    fill_copy(buffer.bytes(), found.newest, page);
    SILT_TRY(channel.write_all(*file_, byte_offset(page), buffer.bytes()));
  }
  return channel.sync(*file_);
}

Result<Extent> PageFile::allocate(std::uint32_t pages, Claim claim) {
  if (pages == 0 || pages > kMaxExtentPages) {
    return base::fail(ErrorCode::invalid_argument, "an extent has 1 page to 64 MiB");
  }
  if (const auto extent = ledger_.allocate(pages, claim)) return *extent;
  return allocate_by_growing(pages, claim);
}

Result<Extent> PageFile::allocate_by_growing(std::uint32_t pages, Claim claim) {
  const base::MutexLock lock(blocks_mutex_);
  // Each turn backs a place that was free, or the end; others may take it before us.
  constexpr int kMaxTurns = 8;
  for (int turn = 0; turn < kMaxTurns; ++turn) {
    if (const auto extent = ledger_.allocate(pages, claim)) return *extent;
    const auto growth = ledger_.plan_growth(pages, claim, true);
    auto grown = growth ? back(*growth) : base::fail(ErrorCode::no_space, "the page file is full");
    if (!grown && grown.error().code() == ErrorCode::no_space && growth) {
      const auto least = ledger_.plan_growth(pages, claim, false);
      if (least && *least != *growth) grown = back(*least);
    }
    if (!grown) return std::unexpected(grown.error());
  }
  return base::fail(ErrorCode::no_space, "no room in the page file").path(file_->path());
}

// Gives a stretch blocks and the map the stretch.
Result<void> PageFile::back(const Growth& growth) {
  const std::uint64_t length = std::uint64_t{growth.pages} * kPageBytes;
  SILT_TRY(extend(*file_, byte_offset(growth.first), length));
  ledger_.add(growth, now());
  return {};
}

void PageFile::release(Extent extent) { ledger_.release(extent, now()); }

Extent PageFile::trim(Extent extent, std::uint32_t pages) {
  return ledger_.trim(extent, pages, now());
}

void PageFile::set_reserve(std::uint64_t bytes) {
  const std::uint64_t pages =
      std::min(pages_for(std::max(bytes, kMinReserveBytes)), std::uint64_t{kMaxFilePages});
  ledger_.set_reserve(whole_units(static_cast<std::uint32_t>(pages)));
}

Result<bool> PageFile::grow_reserve() {
  const base::MutexLock lock(blocks_mutex_);
  const auto growth = ledger_.plan_reserve();
  if (!growth) return false;
  SILT_TRY(back(*growth));
  return ledger_.plan_reserve().has_value();
}

Result<bool> PageFile::give_back() {
  const base::MutexLock lock(blocks_mutex_);
  // Out of the map first: what is being cut or punched must not be given out meanwhile.
  if (const auto end = ledger_.take_for_cut(now())) {
    const auto cut = file_->resize(byte_offset(end->first));
    if (cut) return true;
    ledger_.add(*end, now());
    return std::unexpected(cut.error());
  }
  if (const auto extent = ledger_.take_for_punch(now())) {
    const auto punched = file_->punch(byte_offset(extent->first), extent->bytes());
    if (punched) return true;
    // Kept for reuse; it is young again, so that this is not tried all the time.
    ledger_.add({extent->first, extent->pages}, now());
    if (punched.error().code() != ErrorCode::unsupported) return std::unexpected(punched.error());
  }
  return false;
}

void PageFile::set_oldest_needed(base::Generation generation) {
  ledger_.set_oldest_needed(generation, now());
}

}  // namespace siltstone::page
