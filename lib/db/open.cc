// The steps of open.h, one function each.
#include "db/open.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "base/arena.h"
#include "base/error.h"
#include "base/try.h"
#include "db/recovery.h"
#include "wal/log.h"

namespace siltstone::db {
namespace {

/// What a directory holds, by its names alone.
enum class Content : std::uint8_t {
  store,    ///< Log segments: what they are worth, the log tells.
  room,     ///< Nothing, or what an unfinished creation left.
  foreign,  ///< Something else.
};

bool is_number(std::string_view name) noexcept {
  return !name.empty() && std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; });
}

bool is_unfinished_slot(std::string_view name) noexcept {
  return name.ends_with(".new") && is_number(name.substr(0, name.size() - 4));
}

Result<Content> survey(io::Directory& dir) {
  const auto names = SILT_TRY(dir.list());
  const bool only_ours = std::ranges::all_of(
      names, [](std::string_view n) { return n == kLockName || n == "wal" || n == "tail"; });
  if (std::ranges::find(names, "wal") == names.end()) {
    return only_ours ? Content::room : Content::foreign;
  }
  const auto wal = SILT_TRY(dir.open_directory("wal"));
  const auto slots = SILT_TRY(wal->list());
  if (std::ranges::any_of(slots, is_number)) return Content::store;
  return only_ours && std::ranges::all_of(slots, is_unfinished_slot) ? Content::room
                                                                     : Content::foreign;
}

Result<std::unique_ptr<io::Directory>> open_directory(const Settings& settings,
                                                      io::Storage& storage) {
  auto dir = storage.open_directory(settings.dir);
  if (!dir && io::is_not_found(dir.error()) && settings.create_if_missing && !settings.read_only) {
    // Somebody else may be quicker to make it: what counts is that it is there.
    const auto made = storage.make_directory(settings.dir);
    if (!made && made.error().os_error() != EEXIST) return std::unexpected(made.error());
    dir = storage.open_directory(settings.dir);
  }
  if (!dir && dir.error().os_error() == ENOTDIR) {
    return base::ErrorBuilder(ErrorCode::invalid_argument,
                              "the path of a store must be a directory", ENOTDIR)
        .path(settings.dir);
  }
  return dir;
}

Result<void> check_content(Content content, const Settings& settings) {
  if (content == Content::foreign) {
    return base::fail(ErrorCode::invalid_argument, "the directory is not empty, and holds no store")
        .path(settings.dir);
  }
  if (content == Content::room && (settings.read_only || !settings.create_if_missing)) {
    return base::fail(ErrorCode::invalid_argument, "the directory holds no store")
        .path(settings.dir);
  }
  return {};
}

Parts begin(const Settings& settings) {
  Parts parts;
  if (settings.io_backend != IoBackend::posix) {
    parts.rings = std::make_unique<io::UringStorage>(settings.ring);
  }
  return parts;
}

/// Where the queues of the log come from. It is the thread of a call that drains it, one request
/// after the other: through a ring that takes longer, so only who insists gets it.
io::Storage& log_storage(const Settings& settings, const Parts& parts, io::Storage& plain) {
  return settings.io_backend == IoBackend::uring ? *parts.rings : plain;
}

// Nothing of the seed is stored: tags live as long as their memtable.
Result<std::shared_ptr<ReadPath>> make_reads(const Settings& settings,
                                             const io::Environment& environment) {
  std::uint64_t hash_seed = 0;
  environment.entropy->fill(std::as_writable_bytes(std::span(&hash_seed, 1)));
  auto pool = std::make_shared<base::ArenaPool>(settings.memtable_bytes, 1);
  return std::make_shared<ReadPath>(
      SILT_TRY(memtable::Memtable::create(std::move(pool), hash_seed)), *environment.clock);
}

Result<Parts> open_to_read(const Settings& settings, const io::Environment& environment,
                           io::Directory& dir) {
  Parts parts = begin(settings);
  io::Storage& storage = log_storage(settings, parts, *environment.storage);
  parts.reads = SILT_TRY(make_reads(settings, environment));
  MemtableSink sink(*parts.reads);
  parts.recovered = SILT_TRY(wal::read_log(storage, dir, settings.recovery, sink));
  return parts;
}

Result<Parts> open_to_write(const Settings& settings, io::Environment environment,
                            io::Directory& dir, bool create) {
  Parts parts = begin(settings);
  // The directory may be what a killed creation left, which nobody made durable.
  if (create) SILT_TRY(dir.sync_own_name());
  parts.lock = SILT_TRY(StoreLock::take(*environment.storage, dir));
  parts.reads = SILT_TRY(make_reads(settings, environment));
  MemtableSink sink(*parts.reads);
  const wal::LogOptions options{
      .compression = settings.compression, .recovery = settings.recovery, .create = create};
  io::Storage& plain = *environment.storage;
  environment.storage = &log_storage(settings, parts, plain);
  auto log = SILT_TRY(wal::open_log(environment, dir, options, sink));
  // Sequences that were given up with a damaged end are never used again.
  parts.reads->publish(base::Sequence(log.writer->next().value() - 1));
  parts.recovered = std::move(log.recovered);
  CommitOptions commit{.durability = settings.durability,
                       .sync_interval = settings.sync_interval,
                       .ring_bytes = settings.log_buffer_bytes,
                       .max_operations = settings.write_buffer_ops};
  LogFiles files{.log = std::move(log.writer), .ahead = {}, .tail = {}};
  // Both are plain calls: buffered writes a ring would hand to a thread of the kernel, and zeros
  // are written one step after the other.
  files.ahead = SILT_TRY(wal::SegmentAhead::make(plain, *environment.entropy, std::move(log.wal),
                                                 settings.segments, parts.recovered.unused));
  files.segment_bytes = settings.segments.of(parts.recovered.chain.size());
  files.writes_zeros =
      settings.durability == Durability::every_commit && files.log->file().direct();
  if (settings.durability == Durability::interval) {
    files.tail = SILT_TRY(
        wal::TailWriter::open(plain, dir, commit.ring_bytes, parts.recovered.ring.position));
    commit.ring_bytes = files.tail->capacity();
    auto mapping = files.tail->map();
    if (mapping) files.mapping = std::move(*mapping);
    if (!mapping) files.why_not_mapped = std::move(mapping).error();
  }
  parts.commits = SILT_TRY(CommitPath::start(std::move(files), *parts.reads, environment, commit));
  return parts;
}

}  // namespace

Result<Parts> open(const Settings& settings, const io::Environment& environment) {
  const auto dir = SILT_TRY(open_directory(settings, *environment.storage));
  const Content content = SILT_TRY(survey(*dir));
  SILT_TRY(check_content(content, settings));
  if (settings.read_only) return open_to_read(settings, environment, *dir);
  return open_to_write(settings, environment, *dir, content == Content::room);
}

}  // namespace siltstone::db
