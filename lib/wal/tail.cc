// Writes at the ring's places; reads from one place on.
#include "wal/tail.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/place_error.h"
#include "base/try.h"

namespace siltstone::wal {
namespace {

constexpr std::string_view kTailName = "tail";
// Eight times the largest ring that is made: a larger file is not ours to load.
constexpr std::uint64_t kMaxTailBytes = std::uint64_t{64} << 20;

constexpr std::size_t kReadAheadBytes = std::size_t{256} << 10;
constexpr std::size_t kPageBytes = 4096;

std::size_t next_capacity(std::uint64_t size, std::size_t most, base::RingPosition before) {
  if (size != 0 && before.value() >= size) return most;
  const std::uint64_t pages = size - size % kPageBytes;  // of a file that somebody has cut
  return static_cast<std::size_t>(
      std::clamp<std::uint64_t>(pages, std::min(kFirstTailBytes, most), most));
}

/// The bytes of a ring's file from one position on, round to that position again.
class RingFile {
 public:
  RingFile(io::File& file, io::Channel& channel, std::uint64_t size, base::RingPosition begin)
      : file_(&file), channel_(&channel), size_(size), begin_(begin) {}
  /// Of an image, which must not be empty.
  RingFile(base::Bytes image, base::RingPosition begin)
      : size_(image.size()), begin_(begin), at_end_(true) {
    const base::Bytes behind = image.subspan(static_cast<std::size_t>(begin.value() % size_));
    bytes_.reserve(image.size());
    bytes_.assign(behind.begin(), behind.end());
    bytes_.insert(bytes_.end(), image.begin(), image.end() - std::ssize(behind));
  }

  /// The next `length` bytes behind the first `offset`; none when the file has no more.
  [[nodiscard]] Result<base::Bytes> at(std::size_t offset, std::uint64_t length) {
    while (!at_end_ && bytes_.size() - offset < length) SILT_TRY(read_on());
    const base::Bytes rest = base::Bytes(bytes_).subspan(offset);
    return length <= rest.size() ? rest.first(static_cast<std::size_t>(length)) : base::Bytes();
  }
  /// The first `length` bytes; the last call.
  [[nodiscard]] std::vector<std::byte> take(std::size_t length) {
    bytes_.resize(length);
    return std::move(bytes_);
  }

 private:
  Result<void> read_on() {
    const std::size_t before = bytes_.size();
    const std::uint64_t place = (begin_ + before).value() % size_;
    const auto length = static_cast<std::size_t>(
        std::min<std::uint64_t>({kReadAheadBytes, size_ - before, size_ - place}));
    bytes_.resize(before + length);
    const auto space = base::MutableBytes(bytes_).subspan(before);
    const std::size_t got = SILT_TRY(channel_->read_to_end(*file_, place, space));
    bytes_.resize(before + got);
    at_end_ = got != length || bytes_.size() == size_;
    return {};
  }

  io::File* const file_ = nullptr;
  io::Channel* const channel_ = nullptr;
  const std::uint64_t size_;
  const base::RingPosition begin_;
  std::vector<std::byte> bytes_;
  bool at_end_ = false;
};

/// The record at `offset`, or nothing where the bytes are not one that belongs there.
Result<std::optional<Record>> record_at(RingFile& ring, std::size_t offset, RingPlace place) {
  const base::Bytes header = SILT_TRY(ring.at(offset, kRecordHeaderBytes));
  if (header.empty()) return std::nullopt;
  const auto decoded = decode_record_header(header.first<kRecordHeaderBytes>());
  if (!decoded) return std::nullopt;
  const base::Bytes bytes = SILT_TRY(ring.at(offset, kRecordHeaderBytes + decoded->length));
  const auto record = decode_record(bytes, place);
  if (!record) return std::nullopt;
  return *record;
}

Result<void> check(const Record& record, std::size_t length, base::Sequence next) noexcept {
  if (length > kMaxRawBytes) {
    return base::fail(ErrorCode::corruption, "a record is too large for the log ring")
        .mismatch(kMaxRawBytes, length);
  }
  if (record.first < next) {
    return base::fail(ErrorCode::corruption, "the log ring's sequences run backwards")
        .mismatch(next.value(), record.first.value());
  }
  return check_entries(record);
}

/// Takes the records that belong there, from the place where `tail` ends.
Result<TailRecords> collect(RingFile& ring, std::string_view path, std::uint64_t size,
                            TailRecords tail) {
  std::size_t end = 0;
  while (const auto record = SILT_TRY(record_at(ring, end, tail.end))) {
    // It is as it was written: what is wrong with it now, no crash has done.
    const std::size_t length = kRecordHeaderBytes + record->entries.size();
    if (auto checked = check(*record, length, tail.next); !checked) {
      return std::unexpected(
          base::at_place(checked.error(), path, tail.end.position.value() % size));
    }
    end += length;
    tail.end.position += length;
    tail.next = record->last() + 1;
    tail.records += 1;
    tail.operations += record->count;
  }
  tail.bytes = ring.take(end);
  return tail;
}

struct FoundTail {
  std::unique_ptr<io::File> file;
  std::uint64_t size = 0;  // 0 also where its size was never made durable
};

/// Opens the file, through the page cache, which may have what the disk has not: that is what it is
/// for. Null when it is not there.
Result<FoundTail> open_tail(io::Directory& dir) {
  auto file = dir.open(kTailName, {});
  if (!file && io::is_not_found(file.error())) return FoundTail{};
  if (!file) return std::unexpected(std::move(file).error());
  const std::uint64_t size = SILT_TRY((*file)->info()).size_bytes;
  if (size > kMaxTailBytes) {
    return base::fail(ErrorCode::corruption, "the file of the log ring is too large to be one")
        .path((*file)->path())
        .mismatch(kMaxTailBytes, size);
  }
  return FoundTail{*std::move(file), size};
}

}  // namespace

Result<std::unique_ptr<TailWriter>> TailWriter::open(io::Storage& storage, io::Directory& dir,
                                                     std::size_t most_bytes,
                                                     base::RingPosition before) {
  auto channel = std::make_unique<io::Channel>(SILT_TRY(storage.make_queue(1)));
  auto file = SILT_TRY(dir.open(kTailName, {.access = io::Access::read_write, .create = true}));
  const std::uint64_t size = SILT_TRY(file->info()).size_bytes;
  const std::size_t capacity = next_capacity(size, most_bytes, before);
  if (size != capacity) SILT_TRY(file->resize(capacity));
  return std::make_unique<TailWriter>(std::move(channel), std::move(file), capacity);
}

TailWriter::TailWriter(std::unique_ptr<io::Channel> channel, std::unique_ptr<io::File> file,
                       std::size_t capacity_bytes) noexcept
    : channel_(std::move(channel)), file_(std::move(file)), capacity_(capacity_bytes) {}

// In writes of a page, which the cache keeps as pages: out of larger ones it makes larger folios,
// and a store into one byte then costs the writing of a folio.
Result<std::unique_ptr<io::Mapping>> TailWriter::map() {
  auto mapping = SILT_TRY(file_->map(capacity_));
  if (SILT_TRY(file_->info()).allocated_bytes >= capacity_) return mapping;
  static constexpr std::array<std::byte, kPageBytes> kZeros{};
  for (std::uint64_t at = 0; at < capacity_; at += kZeros.size()) {
    SILT_TRY(channel_->write_all(*file_, at, kZeros));
  }
  return mapping;
}

Result<void> TailWriter::write(const RecordRange& records, base::RingPosition begin) noexcept {
  const std::uint64_t at = begin.value() % capacity_;
  SILT_TRY(channel_->write_all(*file_, at, records.first));
  if (records.second.empty()) return {};
  return channel_->write_all(*file_, 0, records.second);
}

TailRecords no_tail(RingPlace place, base::Sequence next) {
  TailRecords tail;
  tail.begin = tail.end = place;
  tail.first = tail.next = next;
  return tail;
}

Result<Record> next_record(base::Bytes& rest, RingPlace& place) noexcept {
  const std::uint64_t size =
      rest.size() < kRecordHeaderBytes ? 0 : record_size(rest.first<kRecordHeaderBytes>());
  if (size > rest.size()) return base::fail(ErrorCode::corruption, "a record is cut off");
  const auto record = decode_record(rest.first(static_cast<std::size_t>(size)), place);
  if (!record) return record;
  place.position += size;
  rest = rest.subspan(static_cast<std::size_t>(size));
  return record;
}

Result<TailRecords> read_tail(io::Directory& dir, io::Channel& channel, RingPlace place,
                              base::Sequence next) {
  const FoundTail found = SILT_TRY(open_tail(dir));
  if (found.size == 0) return no_tail(place, next);
  RingFile ring(*found.file, channel, found.size, place.position);
  return collect(ring, found.file->path(), found.size, no_tail(place, next));
}

Result<TailImage> load_tail(io::Directory& dir, io::Channel& channel) {
  const FoundTail found = SILT_TRY(open_tail(dir));
  TailImage image;
  if (found.size == 0) return image;
  image.path = found.file->path();
  image.bytes.resize(static_cast<std::size_t>(found.size));
  image.bytes.resize(SILT_TRY(channel.read_to_end(*found.file, 0, image.bytes)));
  return image;
}

Result<TailRecords> read_tail(const TailImage& image, RingPlace place, base::Sequence next) {
  if (image.bytes.empty()) return no_tail(place, next);
  RingFile ring(image.bytes, place.position);
  return collect(ring, image.path, image.bytes.size(), no_tail(place, next));
}

}  // namespace siltstone::wal
