// The seam through which all I/O goes. In production it is the kernel (posix_storage, and the
// ring); in tests a simulated disk with power cuts and errors. Nothing outside lib/io makes a
// system call for I/O.
//
// The shape is a ring's: requests are submitted in batches and complete in any order, short or
// failed. complete.h, one helper above this seam, turns that into transfers that are whole or an
// error; everything else uses complete.h.
//
// Invariants every implementation keeps:
// 1. A request that submit() took completes exactly once, through reap() of the same queue.
// 2. Request and buffers belong to the queue from submit() until that completion.
// 3. A write that completed is durable only if it was `durable`, or after a later sync of the same
//    file that returned 0; with direct I/O the completion itself must also be checked, since the
//    sync after a failed direct write succeeds.
// 4. Creating, renaming or removing a name is durable only after sync() of its directory.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <siltstone/error.h>

namespace siltstone::io {

/// Identity of a file or directory, whatever path led to it.
struct FileId {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;

  friend bool operator==(const FileId&, const FileId&) = default;
};

struct FileInfo {
  FileId id;
  std::uint64_t size_bytes = 0;
  std::uint64_t allocated_bytes = 0;
};

/// What direct transfers must be multiples of. 1 and 1 when the file is buffered.
struct Alignment {
  std::uint32_t memory_bytes = 1;
  std::uint32_t offset_bytes = 1;

  friend bool operator==(const Alignment&, const Alignment&) = default;
};

enum class Access : std::uint8_t { read, read_write };

struct OpenOptions {
  Access access = Access::read;
  bool create = false;     ///< Make the file, 0600, if it is missing.
  bool exclusive = false;  ///< With create: fail with EEXIST if it is there.
  bool direct = false;     ///< Bypass the page cache where the file system can; see File::direct().
};

enum class LockKind : std::uint8_t { shared, exclusive };

/// The beginning of a file in memory: what is stored there is in the file, and stays when the
/// process is killed; a power cut leaves any mix of old and new pages. May outlive its File. Not
/// there in a child of a fork. Thread-safe, but for destruction and for stores to the same bytes.
class Mapping {
 public:
  Mapping() = default;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  virtual ~Mapping() = default;

  [[nodiscard]] virtual std::span<std::byte> bytes() const noexcept = 0;
  /// Has memory and disk space at hand for all pages of the range, so that storing into it cannot
  /// fail for now; without that, a store may end the process (SIGBUS). "For now" is about a second:
  /// whenever the kernel has written a page back, storing into it asks the file system again.
  /// After an error nothing may be stored into the range. `offset` is a multiple of 4 KiB.
  [[nodiscard]] virtual Result<void> populate(std::size_t offset, std::size_t length) noexcept = 0;
};

/// An open regular file. Thread-safe, but for destruction. Closing never reports anything: what
/// must last was synced before.
class File {
 public:
  File() = default;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  virtual ~File() = default;

  /// The path it was opened by, for messages only.
  [[nodiscard]] virtual std::string_view path() const noexcept = 0;
  /// True when transfers bypass the page cache: false although asked for where the file system
  /// refuses O_DIRECT or names no alignment for it, since reads there prove nothing about the disk.
  [[nodiscard]] virtual bool direct() const noexcept = 0;
  [[nodiscard]] virtual Alignment alignment() const noexcept = 0;

  [[nodiscard]] virtual Result<FileInfo> info() = 0;
  /// Cuts or extends (with zeros) to this size.
  [[nodiscard]] virtual Result<void> resize(std::uint64_t size_bytes) = 0;
  /// Reserves disk space and extends the file over the range. `unsupported` where the file system
  /// cannot; after another failure the size is what it was and the blocks beyond it are given back.
  /// Nobody else may change the size meanwhile.
  [[nodiscard]] virtual Result<void> allocate(std::uint64_t offset, std::uint64_t length) = 0;
  /// Gives the range back to the file system; it reads as zeros. `unsupported` where it cannot.
  [[nodiscard]] virtual Result<void> punch(std::uint64_t offset, std::uint64_t length) = 0;
  /// Maps the first `length` bytes, which the file must have, for reading and storing.
  /// `unsupported` where populate() may not keep its word: on other file systems, older kernels.
  [[nodiscard]] virtual Result<std::unique_ptr<Mapping>> map(std::size_t length);
  /// Takes an open-file-description lock on a byte range (length 0: to infinity) without waiting.
  /// False when somebody else holds a conflicting one; released when the File goes.
  [[nodiscard]] virtual Result<bool> try_lock(LockKind kind, std::uint64_t offset,
                                              std::uint64_t length) = 0;
  [[nodiscard]] virtual Result<void> unlock(std::uint64_t offset, std::uint64_t length) = 0;
  /// True when try_lock(kind, ...) would find a conflict. Takes nothing.
  [[nodiscard]] virtual Result<bool> is_locked(LockKind kind, std::uint64_t offset,
                                               std::uint64_t length) = 0;
};

/// An open directory. All names are relative to it, so that renaming it or changing the working
/// directory does no harm; a name is one component. Links are never followed, and anything but a
/// regular file or directory is refused. Thread-safe, but for destruction.
class Directory {
 public:
  Directory() = default;
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  virtual ~Directory() = default;

  [[nodiscard]] virtual std::string_view path() const noexcept = 0;
  [[nodiscard]] virtual Result<FileId> id() = 0;
  /// ENOENT when it is missing and `create` is not set: see is_not_found().
  [[nodiscard]] virtual Result<std::unique_ptr<File>> open(std::string_view name,
                                                           OpenOptions options) = 0;
  [[nodiscard]] virtual Result<std::unique_ptr<Directory>> open_directory(
      std::string_view name) = 0;
  /// 0700. EEXIST when the name is taken.
  [[nodiscard]] virtual Result<void> make_directory(std::string_view name) = 0;
  /// Replaces `to` if it exists.
  [[nodiscard]] virtual Result<void> rename(std::string_view from, std::string_view to) = 0;
  [[nodiscard]] virtual Result<void> remove(std::string_view name) = 0;
  /// Names in no order, without "." and "..".
  [[nodiscard]] virtual Result<std::vector<std::string>> list() = 0;
  /// Makes creations, renames and removals of names in it durable.
  [[nodiscard]] virtual Result<void> sync() = 0;
  /// Makes its own name in its parent durable. Does nothing where the parent may not be read, or is
  /// on another file system: make_directory() could not have made it there.
  [[nodiscard]] virtual Result<void> sync_own_name() = 0;
};

enum class Opcode : std::uint8_t { read, write, sync };

/// At most this many buffers in one request: half of the smallest IOV_MAX found, and as many as one
/// merged write of neighbouring pages uses.
inline constexpr std::size_t kMaxBuffersPerRequest = 64;

/// One operation of a batch. Plain data: reused freely by its owner between completions.
struct Request {
  Opcode opcode = Opcode::read;
  bool durable = false;  ///< write: on stable storage at completion (RWF_DSYNC).
  File* file = nullptr;
  std::uint64_t offset = 0;
  std::span<const iovec> buffers{};  ///< Not for sync. At most kMaxBuffersPerRequest.
  void* owner = nullptr;             ///< The submitter's; never touched.
  std::int64_t result = 0;           ///< At completion: bytes moved (0: end of file), or -errno.
};

/// Where requests go in and completions come out. Thread-bound: one owner, who both submits and
/// reaps. Destroying it waits for what is under way.
class Queue {
 public:
  Queue() = default;
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;
  virtual ~Queue() = default;

  /// How many requests may be under way at once.
  [[nodiscard]] virtual std::size_t capacity() const noexcept = 0;
  /// Takes requests from the front of the batch and says how many. Fewer than given (0 too) when
  /// the queue is full or the kernel is short of something: reap, then submit the rest. A negative
  /// result, -errno, is for good: nothing was taken, and the queue takes nothing any more.
  [[nodiscard]] virtual std::int64_t submit(std::span<Request* const> batch) = 0;
  /// Puts completed requests into `done` and says how many; waits for at least `wait_for` of them
  /// (at most as many as are under way). May return fewer, when interrupted. A negative result,
  /// -errno, is for good, but everything under way has still completed, or will at destruction.
  [[nodiscard]] virtual std::int64_t reap(std::span<Request*> done, std::size_t wait_for) = 0;
  /// Hints, before the first submit(): this file, or this memory, outlives the queue and is used
  /// for many transfers. They may save the kernel a look-up each time, and change nothing else.
  virtual void remember(File&) {}
  virtual void remember(std::span<std::byte>) {}
};

class Storage {
 public:
  Storage() = default;
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;
  virtual ~Storage() = default;

  /// Opens a directory by a path; its last component may not be a link. ENOENT when it is missing.
  [[nodiscard]] virtual Result<std::unique_ptr<Directory>> open_directory(
      std::string_view path) = 0;
  /// Makes a directory, 0700, and its entry in the parent durable. EEXIST when the name is taken.
  [[nodiscard]] virtual Result<void> make_directory(std::string_view path) = 0;
  /// A queue for one owner, of at least `depth` requests if that can be had.
  [[nodiscard]] virtual Result<std::unique_ptr<Queue>> make_queue(std::size_t depth) = 0;
};

/// True for the error of a name that is not there (ENOENT), and for no other: only this one may
/// ever lead to creating something.
[[nodiscard]] bool is_not_found(const Error& error) noexcept;

}  // namespace siltstone::io
