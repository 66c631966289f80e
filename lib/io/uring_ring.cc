// Ring: see uring_ring.h.
#include "io/uring_ring.h"

#include <fcntl.h>
#include <liburing.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>

#include "base/error.h"
#include "base/try.h"
#include "io/file_descriptor.h"
#include "io/posix_file.h"

namespace siltstone::io {
namespace {

constexpr unsigned kMinDepth = 8;
constexpr unsigned kSqpollIdleMs = 50;  // then the kernel's thread sleeps until it is needed

// The single-buffer operations count in 32 bits; a vectored one may be larger, and comes short.
constexpr std::size_t kMaxSingleBytes = std::size_t{1} << 30;

// A host that closed its standard descriptors gets none of our rings in their place.
int move_above_standard(io_uring& ring) noexcept {
  if (ring.ring_fd > STDERR_FILENO) return 0;
  const int moved = fcntl(ring.ring_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (moved < 0) return -errno;
  close(ring.ring_fd);
  ring.ring_fd = ring.enter_ring_fd = moved;
  return 0;
}

}  // namespace

// The kernel's thread runs the completions of a ring it serves, so such a ring is not exclusive.
Ring::Ring(const RingSetup& setup) : setup_(setup), process_(getpid()) {
  setup_.exclusive = setup.exclusive && !setup.sqpoll;
}

Result<std::unique_ptr<Ring>> Ring::open(const RingSetup& setup) {
  std::unique_ptr<Ring> ring(new Ring(setup));
  ring->ring_ = std::make_unique<io_uring>();
  int result = ring->set_up();
  while (result == -ENOMEM && ring->setup_.depth / 2 >= kMinDepth) {
    ring->setup_.depth /= 2;
    result = ring->set_up();
  }
  if (result < 0) {
    ring->ring_.reset();
    return base::fail_os(-result, "set up io_uring");
  }
  return ring;
}

// Before Linux 6.1 a ring cannot be exclusive; that costs speed, nothing else.
int Ring::set_up() noexcept {
  io_uring_params parameters{};
  parameters.flags = IORING_SETUP_CLAMP;
  if (setup_.iopoll) parameters.flags |= IORING_SETUP_IOPOLL;
  if (setup_.sqpoll) {
    parameters.flags |= IORING_SETUP_SQPOLL;
    parameters.sq_thread_idle = kSqpollIdleMs;
    if (setup_.share_with >= 0) {
      parameters.flags |= IORING_SETUP_ATTACH_WQ;
      parameters.wq_fd = static_cast<std::uint32_t>(setup_.share_with);
    }
  }
  if (setup_.exclusive) {
    parameters.flags |= IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
  }
  int result = io_uring_queue_init_params(setup_.depth, ring_.get(), &parameters);
  if (result == -EINVAL && setup_.exclusive) {
    setup_.exclusive = false;
    return set_up();
  }
  if (result < 0) return result;
  depth_ = parameters.sq_entries;
  result = move_above_standard(*ring_);
  if (result == 0) result = io_uring_ring_dontfork(ring_.get());
  if (result < 0) io_uring_queue_exit(ring_.get());
  return result;
}

Ring::~Ring() {
  if (ring_ == nullptr) return;
  if (is_parents()) {
    close(ring_->ring_fd);
  } else {
    io_uring_queue_exit(ring_.get());
  }
}

bool Ring::is_parents() const noexcept { return getpid() != process_; }

unsigned Ring::in_line() const noexcept { return io_uring_sq_ready(ring_.get()); }

unsigned Ring::kept_back() const noexcept {
  return setup_.sqpoll ? ring_->sq.sqe_tail - ring_->sq.sqe_head : in_line();
}

bool Ring::wants_enter() const noexcept {
  return setup_.exclusive || setup_.iopoll || in_line() != 0;
}

int Ring::descriptor() const noexcept { return ring_->ring_fd; }

void Ring::remember(std::span<File* const> files, std::span<const iovec> memory) noexcept {
  std::vector<int> descriptors;
  for (const File* file : files) {
    descriptors.push_back(static_cast<const PosixFile*>(file)->descriptor());
  }
  const auto file_count = static_cast<unsigned>(files.size());
  if (file_count != 0 &&
      io_uring_register_files(ring_.get(), descriptors.data(), file_count) == 0) {
    files_.assign(files.begin(), files.end());
  }
  const auto memory_count = static_cast<unsigned>(memory.size());
  if (memory_count != 0 &&
      io_uring_register_buffers(ring_.get(), memory.data(), memory_count) == 0) {
    memory_.assign(memory.begin(), memory.end());
  }
}

int Ring::file_index(const Request& request) const noexcept {
  const auto found = std::ranges::find(files_, request.file);
  return found == files_.end() ? -1 : static_cast<int>(found - files_.begin());
}

int Ring::memory_index(const iovec& buffer) const noexcept {
  const auto* const begin = static_cast<const std::byte*>(buffer.iov_base);
  for (std::size_t i = 0; i < memory_.size(); ++i) {
    const auto* const known = static_cast<const std::byte*>(memory_[i].iov_base);
    if (begin >= known && begin + buffer.iov_len <= known + memory_[i].iov_len) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

bool Ring::push(const Request& request, std::uint64_t tag) noexcept {
  io_uring_sqe* const entry = io_uring_get_sqe(ring_.get());
  if (entry == nullptr) return false;
  const int known = file_index(request);
  const int file = known >= 0 ? known : static_cast<const PosixFile*>(request.file)->descriptor();
  if (request.opcode == Opcode::sync) {
    io_uring_prep_fsync(entry, file, IORING_FSYNC_DATASYNC);
  } else {
    prepare_transfer(*entry, request, file);
  }
  if (known >= 0) entry->flags |= IOSQE_FIXED_FILE;
  entry->user_data = tag;
  return true;
}

// One buffer goes without a vector, and in memory that the kernel knows without looking it up.
void Ring::prepare_transfer(io_uring_sqe& entry, const Request& request, int file) const noexcept {
  const bool is_read = request.opcode == Opcode::read;
  const iovec& first = request.buffers.front();
  const auto count = static_cast<unsigned>(request.buffers.size());
  const bool single = count == 1 && first.iov_len <= kMaxSingleBytes;
  const int known = single ? memory_index(first) : -1;
  if (!single) {
    const int operation = is_read ? IORING_OP_READV : IORING_OP_WRITEV;
    io_uring_prep_rw(operation, &entry, file, request.buffers.data(), count, request.offset);
  } else {
    const int plain = is_read ? IORING_OP_READ : IORING_OP_WRITE;
    const int fixed = is_read ? IORING_OP_READ_FIXED : IORING_OP_WRITE_FIXED;
    io_uring_prep_rw(known >= 0 ? fixed : plain, &entry, file, first.iov_base,
                     static_cast<unsigned>(first.iov_len), request.offset);
    if (known >= 0) entry.buf_index = static_cast<std::uint16_t>(known);
  }
  if (request.durable && !is_read) entry.rw_flags = RWF_DSYNC;
}

int Ring::enter(unsigned wait_for) noexcept {
  if (wait_for != 0) return std::min(io_uring_submit_and_wait(ring_.get(), wait_for), 0);
  if (setup_.sqpoll) return std::min(io_uring_submit(ring_.get()), 0);
  return std::min(io_uring_submit_and_get_events(ring_.get()), 0);
}

void Ring::hand_over() noexcept { static_cast<void>(io_uring_submit(ring_.get())); }

std::size_t Ring::pop(std::span<RingCompletion> out) noexcept {
  unsigned head = 0;
  unsigned count = 0;
  io_uring_cqe* entry = nullptr;
  io_uring_for_each_cqe(ring_.get(), head, entry) {
    if (count == out.size()) break;
    out[count++] = {entry->user_data, entry->res};
  }
  io_uring_cq_advance(ring_.get(), count);
  return count;
}

Result<void> Ring::prove() {
  auto memory = SILT_TRY(
      FileDescriptor::own(memfd_create("silt-proof", MFD_CLOEXEC), "make a file in memory", {}));
  PosixFile file(std::move(memory), "the proof of io_uring");
  std::array<std::byte, 64> bytes{};
  const std::array<iovec, 2> halves{iovec{bytes.data(), 32}, iovec{bytes.data() + 32, 32}};
  const iovec whole{bytes.data(), 64};
  SILT_TRY(prove_one({.opcode = Opcode::write, .file = &file, .buffers = halves}, 64));
  SILT_TRY(prove_one({.opcode = Opcode::sync, .file = &file}, 0));
  SILT_TRY(prove_one({.opcode = Opcode::read, .file = &file, .buffers = halves}, 64));
  return prove_one({.opcode = Opcode::read, .file = &file, .buffers = {&whole, 1}}, 64);
}

Result<void> Ring::prove_one(const Request& request, std::int64_t expected) {
  constexpr int kMaxAttempts = 1000;
  RingCompletion completion;
  static_cast<void>(push(request, 1));
  for (int attempt = 0; pop({&completion, 1}) == 0; ++attempt) {
    const int result = enter(1);
    const bool passing = result == 0 || result == -EINTR || result == -EAGAIN || result == -EBUSY;
    if (!passing || attempt == kMaxAttempts) return base::fail_os(-result, "enter io_uring");
  }
  if (completion.result != expected) {
    return base::fail_os(std::max(0, -completion.result), "use io_uring");
  }
  return {};
}

}  // namespace siltstone::io
