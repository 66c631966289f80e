// The lying storage wraps queues and directories, and files where the lie is about them.
#include "model/plants.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "memtable/cursor.h"

namespace siltstone::model {
namespace {

constexpr std::pair<std::string_view, Plant> kNames[] = {
    {"none", Plant::none},
    {"skip_sync", Plant::skip_sync},
    {"skip_durable_write", Plant::skip_durable_write},
    {"skip_directory_sync", Plant::skip_directory_sync},
    {"ignore_write_error", Plant::ignore_write_error},
    {"accept_torn_frame", Plant::accept_torn_frame},
    {"retry_failed_sync", Plant::retry_failed_sync},
    {"acknowledge_early", Plant::acknowledge_early},
    {"skip_timers", Plant::skip_timers},
    {"lose_wakes", Plant::lose_wakes},
    {"accept_stale_frame", Plant::accept_stale_frame},
    {"append_after_open", Plant::append_after_open},
    {"reuse_session", Plant::reuse_session},
    {"publish_early", Plant::publish_early},
    {"show_burnt", Plant::show_burnt},
    {"trust_burnt", Plant::trust_burnt},
    {"reuse_burnt", Plant::reuse_burnt},
    {"drop_expiries", Plant::drop_expiries},
};

/// Says that its reads come from the disk, so that an open needs no other proof of what it read.
class LyingFile final : public io::File {
 public:
  explicit LyingFile(std::unique_ptr<io::File> inner) : inner_(std::move(inner)) {}

  [[nodiscard]] io::File& inner() const noexcept { return *inner_; }
  [[nodiscard]] std::string_view path() const noexcept override { return inner_->path(); }
  [[nodiscard]] bool direct() const noexcept override { return true; }
  [[nodiscard]] io::Alignment alignment() const noexcept override { return inner_->alignment(); }
  [[nodiscard]] Result<io::FileInfo> info() override { return inner_->info(); }
  [[nodiscard]] Result<void> resize(std::uint64_t size) override { return inner_->resize(size); }
  [[nodiscard]] Result<void> allocate(std::uint64_t offset, std::uint64_t length) override {
    return inner_->allocate(offset, length);
  }
  [[nodiscard]] Result<void> punch(std::uint64_t offset, std::uint64_t length) override {
    return inner_->punch(offset, length);
  }
  [[nodiscard]] Result<bool> try_lock(io::LockKind kind, std::uint64_t offset,
                                      std::uint64_t length) override {
    return inner_->try_lock(kind, offset, length);
  }
  [[nodiscard]] Result<void> unlock(std::uint64_t offset, std::uint64_t length) override {
    return inner_->unlock(offset, length);
  }
  [[nodiscard]] Result<bool> is_locked(io::LockKind kind, std::uint64_t offset,
                                       std::uint64_t length) override {
    return inner_->is_locked(kind, offset, length);
  }

 private:
  const std::unique_ptr<io::File> inner_;
};

class LyingQueue final : public io::Queue {
 public:
  LyingQueue(std::unique_ptr<io::Queue> inner, Plant plant, const Exposure& exposure)
      : inner_(std::move(inner)), plant_(plant), exposure_(exposure) {}

  [[nodiscard]] std::size_t capacity() const noexcept override { return inner_->capacity(); }

  [[nodiscard]] std::int64_t submit(std::span<io::Request* const> batch) override {
    for (io::Request* request : batch) {
      if (auto* const file = dynamic_cast<LyingFile*>(request->file))
        request->file = &file->inner();
    }
    if (plant_ == Plant::skip_durable_write) {
      for (io::Request* request : batch) request->durable = false;
    }
    if (plant_ == Plant::publish_early) exposure_.show_all();
    if (plant_ != Plant::skip_sync) return inner_->submit(batch);
    if (batch.empty() || batch.front()->opcode != io::Opcode::sync) {
      const auto others = std::ranges::find(batch, io::Opcode::sync, &io::Request::opcode);
      return inner_->submit({batch.begin(), others});
    }
    batch.front()->result = 0;
    skipped_.push_back(batch.front());
    return 1;
  }

  [[nodiscard]] std::int64_t reap(std::span<io::Request*> done, std::size_t wait_for) override {
    if (!skipped_.empty() && !done.empty()) {
      done.front() = skipped_.back();
      skipped_.pop_back();
      return 1;
    }
    const std::int64_t count = inner_->reap(done, wait_for);
    if (plant_ == Plant::ignore_write_error && count > 0) {
      for (io::Request* request : done.first(static_cast<std::size_t>(count))) believe(*request);
    }
    if (plant_ == Plant::retry_failed_sync && count > 0) return retry(done, count);
    if (plant_ == Plant::show_burnt && count > 0) {
      const auto failed = [](const io::Request* request) {
        return request->result == -EIO && request->opcode != io::Opcode::read;
      };
      if (std::ranges::any_of(done.first(static_cast<std::size_t>(count)), failed)) {
        exposure_.show_all();
      }
    }
    return count;
  }

 private:
  /// Submits again what failed to become durable, once, and leaves it out of `done`.
  std::int64_t retry(std::span<io::Request*> done, std::int64_t count) {
    std::int64_t kept = 0;
    for (io::Request* request : done.first(static_cast<std::size_t>(count))) {
      const bool failed = request->result < 0 && request->opcode != io::Opcode::read;
      const auto before = std::ranges::find(retried_, request);
      if (failed && before == retried_.end() && inner_->submit(std::span(&request, 1)) == 1) {
        retried_.push_back(request);
        continue;
      }
      if (before != retried_.end()) retried_.erase(before);
      done[static_cast<std::size_t>(kept++)] = request;
    }
    return kept;
  }

  static void believe(io::Request& request) {
    if (request.opcode == io::Opcode::read || request.result >= 0) return;
    request.result = 0;
    if (request.opcode == io::Opcode::sync) return;
    for (const iovec& buffer : request.buffers) {
      request.result += static_cast<std::int64_t>(buffer.iov_len);
    }
  }

  const std::unique_ptr<io::Queue> inner_;
  const Plant plant_;
  const Exposure& exposure_;
  std::vector<io::Request*> skipped_;
  std::vector<io::Request*> retried_;
};

class LyingDirectory final : public io::Directory {
 public:
  LyingDirectory(std::unique_ptr<io::Directory> inner, Plant plant)
      : inner_(std::move(inner)), plant_(plant) {}

  [[nodiscard]] std::string_view path() const noexcept override { return inner_->path(); }
  [[nodiscard]] Result<io::FileId> id() override { return inner_->id(); }
  [[nodiscard]] Result<std::unique_ptr<io::File>> open(std::string_view name,
                                                       io::OpenOptions options) override {
    auto opened = inner_->open(name, options);
    if (!opened || plant_ != Plant::append_after_open || !options.direct) return opened;
    return std::make_unique<LyingFile>(std::move(*opened));
  }
  [[nodiscard]] Result<std::unique_ptr<io::Directory>> open_directory(
      std::string_view name) override {
    auto opened = inner_->open_directory(name);
    if (!opened) return opened;
    return std::make_unique<LyingDirectory>(std::move(*opened), plant_);
  }
  [[nodiscard]] Result<void> make_directory(std::string_view name) override {
    return inner_->make_directory(name);
  }
  [[nodiscard]] Result<void> rename(std::string_view from, std::string_view to) override {
    return inner_->rename(from, to);
  }
  [[nodiscard]] Result<void> remove(std::string_view name) override { return inner_->remove(name); }
  [[nodiscard]] Result<std::vector<std::string>> list() override { return inner_->list(); }
  [[nodiscard]] Result<void> sync() override {
    if (plant_ == Plant::skip_directory_sync) return {};
    return inner_->sync();
  }
  [[nodiscard]] Result<void> sync_own_name() override {
    if (plant_ == Plant::skip_directory_sync) return {};
    return inner_->sync_own_name();
  }

 private:
  const std::unique_ptr<io::Directory> inner_;
  const Plant plant_;
};

class LyingStorage final : public io::Storage {
 public:
  LyingStorage(io::Storage& inner, Plant plant, const Exposure& exposure)
      : inner_(inner), plant_(plant), exposure_(exposure) {}

  [[nodiscard]] Result<std::unique_ptr<io::Directory>> open_directory(
      std::string_view path) override {
    auto opened = inner_.open_directory(path);
    if (!opened) return opened;
    return std::make_unique<LyingDirectory>(std::move(*opened), plant_);
  }
  [[nodiscard]] Result<void> make_directory(std::string_view path) override {
    return inner_.make_directory(path);
  }
  [[nodiscard]] Result<std::unique_ptr<io::Queue>> make_queue(std::size_t depth) override {
    auto made = inner_.make_queue(depth);
    if (!made) return made;
    return std::make_unique<LyingQueue>(std::move(*made), plant_, exposure_);
  }

 private:
  io::Storage& inner_;
  const Plant plant_;
  const Exposure& exposure_;
};

/// Starts workers whose steps never ask for a later one.
class LyingExecutor final : public io::Executor {
 public:
  LyingExecutor(io::Executor& inner, Plant plant) : inner_(inner), plant_(plant) {}

  [[nodiscard]] Result<std::unique_ptr<io::Worker>> start(std::string_view name, int nice,
                                                          io::Task& task) override {
    if (plant_ != Plant::skip_timers) return inner_.start(name, nice, task);
    tasks_.push_back(std::make_unique<LyingTask>(task));
    return inner_.start(name, nice, *tasks_.back());
  }

 private:
  class LyingTask final : public io::Task {
   public:
    explicit LyingTask(io::Task& inner) : inner_(inner) {}
    [[nodiscard]] io::Time step() noexcept override {
      return inner_.step() == io::Time::min() ? io::Time::min() : io::kNever;
    }

   private:
    io::Task& inner_;
  };

  io::Executor& inner_;
  const Plant plant_;
  std::vector<std::unique_ptr<LyingTask>> tasks_;
};

/// Wakes every second time.
class LyingParker final : public io::Parker {
 public:
  LyingParker(io::Parker& inner, Plant plant) : inner_(inner), plant_(plant) {}

  void wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
            io::Time deadline) noexcept override {
    inner_.wait(word, expected, deadline);
  }
  void wake(const std::atomic<std::uint32_t>& word, std::uint32_t count) noexcept override {
    if (plant_ == Plant::lose_wakes && (calls_.fetch_add(1) & 1) != 0) return;
    inner_.wake(word, count);
  }

 private:
  io::Parker& inner_;
  const Plant plant_;
  std::atomic<unsigned> calls_{0};
};

/// Knows one number.
class LyingEntropy final : public io::Entropy {
 public:
  LyingEntropy(io::Entropy& inner, Plant plant) : inner_(inner), plant_(plant) {}

  void fill(std::span<std::byte> out) noexcept override {
    if (plant_ != Plant::reuse_session) return inner_.fill(out);
    std::ranges::fill(out, std::byte{0x5a});
  }

 private:
  io::Entropy& inner_;
  const Plant plant_;
};

}  // namespace

void Exposure::show_all() const noexcept {
  if (reads_ == nullptr) return;
  base::Sequence last = reads_->visible();
  memtable::Cursor cursor(reads_->memtable(), base::kMaxSequence);
  for (cursor.seek({}); cursor.valid(); cursor.next()) last = std::max(last, cursor.sequence());
  reads_->publish(last);
}

std::optional<Plant> plant_from_name(std::string_view name) noexcept {
  for (const auto& [known, plant] : kNames) {
    if (known == name) return plant;
  }
  return std::nullopt;
}

std::unique_ptr<io::Storage> make_lying_storage(io::Storage& inner, Plant plant,
                                                const Exposure& exposure) {
  return std::make_unique<LyingStorage>(inner, plant, exposure);
}

std::unique_ptr<io::Executor> make_lying_executor(io::Executor& inner, Plant plant) {
  return std::make_unique<LyingExecutor>(inner, plant);
}

std::unique_ptr<io::Parker> make_lying_parker(io::Parker& inner, Plant plant) {
  return std::make_unique<LyingParker>(inner, plant);
}

std::unique_ptr<io::Entropy> make_lying_entropy(io::Entropy& inner, Plant plant) {
  return std::make_unique<LyingEntropy>(inner, plant);
}

}  // namespace siltstone::model
