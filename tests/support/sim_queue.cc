// Submission, completion in any order, and what reads, writes and syncs do.
#include "support/sim_queue.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace siltstone::support {

namespace {

constexpr std::uint64_t kSector = 512;

std::uint64_t total(std::span<const iovec> buffers) noexcept {
  std::uint64_t bytes = 0;
  for (const iovec& buffer : buffers) bytes += buffer.iov_len;
  return bytes;
}

Bytes gather(std::span<const iovec> buffers) {
  Bytes bytes(total(buffers));
  std::size_t at = 0;
  for (const iovec& buffer : buffers) {
    if (buffer.iov_len != 0) std::memcpy(bytes.data() + at, buffer.iov_base, buffer.iov_len);
    at += buffer.iov_len;
  }
  return bytes;
}

void scatter(std::span<const std::byte> bytes, std::span<const iovec> buffers) noexcept {
  for (const iovec& buffer : buffers) {
    const std::size_t n = std::min(buffer.iov_len, bytes.size());
    if (n != 0) std::memcpy(buffer.iov_base, bytes.data(), n);
    bytes = bytes.subspan(n);
  }
}

Op op_of(io::Opcode opcode) noexcept {
  switch (opcode) {
    case io::Opcode::read: return Op::read;
    case io::Opcode::write: return Op::write;
    case io::Opcode::sync: break;
  }
  return Op::sync;
}

bool is_passing(int error) noexcept { return error == EAGAIN || error == EBUSY || error == EINTR; }

}  // namespace

SimQueue::SimQueue(SimMachine& machine, std::size_t depth)
    : machine_(machine), depth_(depth), boot_(machine.boots) {
  machine.queues.push_back(this);
}

SimQueue::~SimQueue() {
  const Quiet quiet;
  const std::lock_guard lock(machine_.mutex);
  while (!flights_.empty()) complete(machine_.rng.below(flights_.size()));
  std::erase(machine_.queues, this);
}

std::int64_t SimQueue::submit(std::span<io::Request* const> batch) {
  for (const io::Request* request : batch) {
    if (request->opcode == io::Opcode::write) kernel_reads(request->buffers);
  }
  const SwitchPoint before("submit");
  const Quiet quiet;
  const std::lock_guard lock(machine_.mutex);
  return submit_locked(batch);
}

/// True when the call itself fails, or does nothing now.
bool SimQueue::answer_error(std::int64_t* result, Op op) {
  if (broken_ == 0) {
    const SimMachine::Verdict verdict = machine_.gate(op, "", boot_, false, 0, 0);
    // Without power there is nobody to complain: requests are taken, and fail one by one.
    if (!machine_.power || boot_ != machine_.boots || verdict.error == 0) return false;
    if (!is_passing(verdict.error)) broken_ = verdict.error;
  }
  *result = -broken_;
  machine_.trace.add(machine_.clock.now(), to_string(op), "", 0, 0, *result);
  return true;
}

std::int64_t SimQueue::submit_locked(std::span<io::Request* const> batch) {
  std::int64_t result = 0;
  if (answer_error(&result, Op::submit)) return result;
  std::size_t room = std::min(batch.size(), depth_ - flights_.size());
  if (machine_.rng.chance(machine_.options.refused_submit_probability)) {
    room = machine_.rng.below(room + 1);
  }
  for (io::Request* request : batch.first(room)) take(*request);
  return static_cast<std::int64_t>(room);
}

void SimQueue::take(io::Request& request) {
  for (const Flight& flight : flights_) {
    if (flight.request == &request) machine_.misuse("a request is submitted twice");
  }
  if (request.file == nullptr || request.buffers.size() > io::kMaxBuffersPerRequest) {
    machine_.misuse("a request without file or with too many buffers");
  }
  auto& file = static_cast<SimFile&>(*request.file);
  const Op op = op_of(request.opcode);
  const bool mutates = op != Op::read;
  Flight flight{.request = &request, .file = &file, .due = machine_.clock.now()};
  if (op != Op::sync) flight.length = total(request.buffers);
  if (op == Op::write) flight.data = std::make_shared<const Bytes>(gather(request.buffers));
  if (op == Op::sync) machine_.take_stores(machine_.disk);
  flight.submitted = machine_.disk.now();
  const bool slow = op == Op::sync || request.durable;
  const auto time = slow ? machine_.options.sync_time : machine_.options.transfer_time;
  flight.due += io::Duration(machine_.rng.below(static_cast<std::uint64_t>(2 * time.count()) + 1));
  ++file.in_flight_;
  flights_.push_back(std::move(flight));
  // It is in flight already when the power goes at this very request.
  flights_.back().verdict = machine_.gate(op, file.path(), dead_ ? 0 : file.boot_, mutates,
                                          request.offset, flights_.back().length);
}

int SimQueue::check(const io::Request& request, std::uint64_t length) const {
  const auto& file = static_cast<const SimFile&>(*request.file);
  if (request.opcode == io::Opcode::sync) return 0;
  const bool writes = request.opcode == io::Opcode::write;
  if (writes && file.access_ != io::Access::read_write) return EBADF;
  const std::uint64_t limit = machine_.options.max_file_bytes;
  if (request.offset > limit || (writes && length > limit - request.offset)) {
    return writes ? EFBIG : EINVAL;
  }
  if (!file.direct_) return 0;
  const std::uint64_t unit = machine_.options.alignment_bytes;
  bool aligned = request.offset % unit == 0;
  for (const iovec& buffer : request.buffers) {
    aligned &= buffer.iov_len % unit == 0;
    aligned &= reinterpret_cast<std::uintptr_t>(buffer.iov_base) % unit == 0;
  }
  return aligned ? 0 : EINVAL;
}

std::int64_t SimQueue::reap(std::span<io::Request*> done, std::size_t wait_for) {
  std::size_t count = 0;
  {
    const SwitchPoint before("reap");
    const Quiet quiet;
    std::unique_lock lock(machine_.mutex);
    std::int64_t result = 0;
    if (answer_error(&result, Op::reap)) return result;
    wait_for = std::min({wait_for, flights_.size(), done.size()});
    if (machine_.rng.chance(machine_.options.interrupted_reap_probability)) {
      wait_for = machine_.rng.below(wait_for + 1);
    }
    const io::Time due = due_time(wait_for);
    if (due > machine_.clock.now()) {
      lock.unlock();
      machine_.sleep_until(due);
      lock.lock();
    }
    while (count < done.size()) {
      const std::size_t index = choose_ready();
      if (index == flights_.size()) break;
      // Whoever only polls may find nothing, although something is ready.
      if (count >= wait_for && machine_.rng.coin()) break;
      done[count++] = complete(index);
    }
  }
  for (const io::Request* request : done.first(count)) {
    if (request->opcode == io::Opcode::read && request->result > 0) kernel_writes(request->buffers);
  }
  return static_cast<std::int64_t>(count);
}

/// When this many of the requests under way are due.
io::Time SimQueue::due_time(std::size_t count) const {
  if (count == 0) return io::Time::min();
  std::vector<io::Time> times;
  for (const Flight& flight : flights_) times.push_back(flight.due);
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(count - 1),
                   times.end());
  return times[count - 1];
}

/// One of the requests that are due; flights_.size() when none is.
std::size_t SimQueue::choose_ready() {
  const io::Time now = machine_.clock.now();
  std::vector<std::size_t> ready;
  for (std::size_t i = 0; i < flights_.size(); ++i) {
    if (flights_[i].due <= now || !machine_.power) ready.push_back(i);
  }
  if (ready.empty()) return flights_.size();
  return ready[machine_.options.reorder ? machine_.rng.below(ready.size()) : 0];
}

io::Request* SimQueue::complete(std::size_t index) {
  const Flight flight = std::move(flights_[index]);
  flights_.erase(flights_.begin() + static_cast<std::ptrdiff_t>(index));
  io::Request* request = flight.request;
  if (flight.data != nullptr && gather(request->buffers) != *flight.data) {
    machine_.misuse("a buffer was changed while its write was under way");
  }
  --flight.file->in_flight_;
  request->result = run(flight);
  machine_.trace.add(machine_.clock.now(), to_string(op_of(request->opcode)), flight.file->path(),
                     request->offset, flight.length, request->result);
  return request;
}

std::int64_t SimQueue::run(const Flight& flight) {
  if (dead_ || !machine_.power || flight.file->boot_ != machine_.boots || machine_.shut_down) {
    return -EIO;
  }
  const int error = check(*flight.request, flight.length);
  if (error != 0) return -error;
  switch (flight.request->opcode) {
    case io::Opcode::read: return run_read(flight);
    case io::Opcode::write: return run_write(flight);
    case io::Opcode::sync: return run_sync(flight);
  }
  return -EINVAL;
}

/// How many bytes are moved: all of them, or fewer by a fault or by chance. Direct transfers end at
/// a sector, and none moves nothing.
std::uint64_t SimQueue::shorten(const Flight& flight, std::uint64_t length) {
  const SimMachine::Verdict& verdict = flight.verdict;
  std::uint64_t bytes = length;
  if (verdict.has_fault && verdict.fault.effect == Effect::cut_short) {
    bytes = std::min(bytes, verdict.fault.bytes);
  } else if (machine_.rng.chance(machine_.options.short_transfer_probability)) {
    bytes = machine_.rng.between(std::min<std::uint64_t>(1, length), length);
  }
  if (bytes == length || !flight.file->direct_) return bytes;
  const std::uint64_t unit = machine_.options.alignment_bytes;
  return std::min(length, std::max(unit, bytes - bytes % unit));
}

void SimQueue::spoil(Bytes& bytes, Effect effect) {
  if (bytes.empty()) return;
  const std::uint64_t at = machine_.rng.below(bytes.size());
  if (effect == Effect::flip_bit) {
    bytes[at] ^= static_cast<std::byte>(1U << machine_.rng.below(8));
  } else if (effect == Effect::zero_sector) {
    const std::uint64_t begin = at - at % kSector;
    const std::uint64_t end = std::min<std::uint64_t>(begin + kSector, bytes.size());
    std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(begin),
              bytes.begin() + static_cast<std::ptrdiff_t>(end), std::byte{0});
  }
}

std::int64_t SimQueue::run_read(const Flight& flight) {
  const SimMachine::Verdict& verdict = flight.verdict;
  if (verdict.error != 0) return -verdict.error;
  machine_.take_stores(machine_.disk);
  const FileNode& node = machine_.disk.file(flight.file->inode_);
  const bool stale = verdict.has_fault && verdict.fault.effect == Effect::stale;
  const Image& image = stale ? node.durable() : flight.file->direct_ ? node.media() : node.cache();
  const std::uint64_t size = node.cache().size_bytes();
  const std::uint64_t offset = flight.request->offset;
  const std::uint64_t length = std::min(flight.length, size - std::min(size, offset));
  Bytes bytes(shorten(flight, length));
  image.read(offset, bytes);
  if (verdict.has_fault) spoil(bytes, verdict.fault.effect);
  scatter(bytes, flight.request->buffers);
  return static_cast<std::int64_t>(bytes.size());
}

std::int64_t SimQueue::run_write(const Flight& flight) {
  const Inode inode = flight.file->inode_;
  const SimMachine::Verdict& verdict = flight.verdict;
  FileChange change{.ticket = machine_.disk.next_ticket(),
                    .offset = flight.request->offset,
                    .length = flight.length,
                    .data = flight.data};
  if (verdict.error != 0) return fail_write(flight, std::move(change), verdict.error);
  if (machine_.read_only) return -EROFS;
  if (flight.length == 0) return 0;
  change.length = machine_.room_for(inode, change.offset, shorten(flight, flight.length));
  if (change.length == 0) return -ENOSPC;
  const auto moved = static_cast<std::int64_t>(change.length);
  FileNode& node = machine_.disk.edit_file(inode);
  const Effect effect = verdict.has_fault ? verdict.fault.effect : Effect::fail;
  if (change.length != flight.length || effect != Effect::fail) {
    Bytes bytes(flight.data->begin(), flight.data->begin() + moved);
    spoil(bytes, effect);
    change.data = std::make_shared<const Bytes>(std::move(bytes));
  }
  if (effect == Effect::lose) {
    node.write_to_cache_only(change);
    if (flight.file->direct_) node.drop_cache(change.offset, change.length);
    return moved;
  }
  if (effect == Effect::misdirect) {
    const std::uint64_t blocks = node.media().size_bytes() / Image::kBlockBytes + 1;
    change.offset = machine_.rng.below(blocks) * Image::kBlockBytes + change.offset % kSector;
  }
  if (flight.request->durable) {
    if (node.needs_metadata(change.offset, change.length)) {
      machine_.disk.commit_journal(change.ticket);
    }
    node.write_durably(change);
  } else {
    node.change(change);
  }
  if (flight.file->direct_) node.drop_cache(change.offset, change.length);
  return moved;
}

/// A residue of a failed write is volatile like any write. A durable write through the cache fails
/// as a sync does: the cache has it, the disk does not.
std::int64_t SimQueue::fail_write(const Flight& flight, FileChange change, int error) {
  const Residue residue = flight.verdict.fault.residue;
  FileNode& node = machine_.disk.edit_file(flight.file->inode_);
  const bool failed_write_back = flight.request->durable && !flight.file->direct_;
  if (failed_write_back && flight.length != 0) node.write_to_cache_only(change);
  if (residue == Residue::some && flight.length != 0) {
    const std::uint64_t sectors = (flight.length + kSector - 1) / kSector;
    const std::uint64_t first = machine_.rng.below(sectors);
    const std::uint64_t end = machine_.rng.between(first, sectors) * kSector;
    const std::uint64_t stop = std::min(end, flight.length);
    change.data = std::make_shared<const Bytes>(
        flight.data->begin() + static_cast<std::ptrdiff_t>(first * kSector),
        flight.data->begin() + static_cast<std::ptrdiff_t>(std::max(first * kSector, stop)));
    change.offset += first * kSector;
    change.length = change.data->size();
  }
  if (residue != Residue::none && change.length != 0) node.change(std::move(change));
  if (failed_write_back) machine_.fail_sync(flight.file->inode_, 0, Residue::all);
  return -error;
}

std::int64_t SimQueue::run_sync(const Flight& flight) {
  const SimMachine::Verdict& verdict = flight.verdict;
  const Inode inode = flight.file->inode_;
  if (verdict.error == 0) {
    machine_.sync_file(inode, flight.submitted);
  } else {
    machine_.fail_sync(inode, flight.submitted, verdict.fault.residue);
  }
  return -verdict.error;
}

void SimQueue::power_went() { leave_in_flight(machine_.disk); }

void SimQueue::leave_in_flight(Disk& disk) const {
  for (const Flight& flight : flights_) {
    const bool writes = flight.request->opcode == io::Opcode::write && flight.length != 0;
    if (!writes || dead_ || flight.file->boot_ != machine_.boots || flight.verdict.error != 0 ||
        check(*flight.request, flight.length) != 0) {
      continue;
    }
    const Ticket ticket = disk.next_ticket();
    disk.edit_file(flight.file->inode_)
        .leave_in_flight({.ticket = ticket,
                          .offset = flight.request->offset,
                          .length = flight.length,
                          .data = flight.data});
  }
}

void SimQueue::finish_some() {
  for (const Flight& flight : flights_) {
    if (machine_.rng.coin()) run(flight);
  }
  dead_ = true;
}

}  // namespace siltstone::support
