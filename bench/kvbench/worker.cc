// The loops. Keys are rendered and answers checked outside the interval that is timed; both are
// part of the throughput, and what they cost is what the null engine shows.
#include "worker.h"

#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/random.h"
#include "base/try.h"
#include "common/interrupt.h"
#include "keys.h"
#include "progress.h"
#include "scan_sink.h"

namespace siltstone::kvbench {
namespace {

Error wrong(std::string_view what, std::uint64_t number) {
  return Error(ErrorCode::corruption, fmt::format("key number {} {}", number, what));
}

}  // namespace

Worker::Worker(const Task& task, Session& session, unsigned thread, unsigned threads)
    : task_(task), session_(session), thread_(thread), threads_(threads) {}

Result<void> Worker::run() {
  switch (task_.workload.kind) {
    case WorkloadKind::fill: return task_.workload.batched ? fill_batches() : fill();
    case WorkloadKind::read_random: return read<false>();
    case WorkloadKind::read_missing: return read<true>();
    case WorkloadKind::read_seq: break;
  }
  return scan();
}

template <typename Prepare, typename Execute, typename Finish>
Result<void> Worker::closed_loop(std::uint64_t count, std::uint64_t ops, Prepare prepare,
                                 Execute execute, Finish finish) {
  std::uint64_t reported = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    prepare(i);
    if (!sampler_.due()) [[likely]] {
      SILT_TRY(finish(execute()));
      continue;
    }
    const std::uint64_t begin = now_ns();
    auto answer = execute();
    sampler_.record(now_ns() - begin);
    SILT_TRY(finish(std::move(answer)));
    task_.progress.add((i + 1 - reported) * ops);
    reported = i + 1;
    if (task_.stop.load(std::memory_order_relaxed) || tools::interrupted()) break;
  }
  return {};
}

std::uint64_t Worker::share_of(std::uint64_t total) const noexcept {
  return total / threads_ + (thread_ < total % threads_ ? 1 : 0);
}

Result<void> Worker::fill() {
  KeyWriter writer(task_.settings.key_bytes);
  std::string_view key;
  std::string_view value;
  const std::uint64_t entry_bytes = task_.settings.key_bytes + task_.values.value_bytes();
  return closed_loop(
      share_of(task_.order.num()), 1,
      [&](std::uint64_t i) {
        const std::uint64_t number = task_.order.key_at(thread_ + i * threads_);
        key = writer.write(number);
        value = task_.values.of(number);
      },
      [&] { return session_.put(key, value); },
      [&](const Result<void>& answer) {
        ++tally_.ops;
        tally_.user_bytes += entry_bytes;
        return answer;
      });
}

Result<void> Worker::fill_batches() {
  const std::uint64_t num = task_.order.num();
  const std::uint64_t size = std::min(task_.settings.batch, num);
  const std::size_t key_bytes = task_.settings.key_bytes;
  std::string keys(size * key_bytes, '0');
  std::vector<Entry> entries;
  entries.reserve(size);
  return closed_loop(
      share_of((num + size - 1) / size), size,
      [&](std::uint64_t i) {
        const std::uint64_t begin = (thread_ + i * threads_) * size;
        entries.clear();
        for (std::uint64_t at = begin; at < std::min(begin + size, num); ++at) {
          const std::uint64_t number = task_.order.key_at(at);
          char* key = keys.data() + entries.size() * key_bytes;
          KeyWriter::write_to(number, key, key_bytes);
          entries.push_back({{key, key_bytes}, task_.values.of(number)});
        }
      },
      [&] { return session_.put_batch(entries); },
      [&](const Result<void>& answer) {
        tally_.ops += entries.size();
        tally_.user_bytes += entries.size() * (key_bytes + task_.values.value_bytes());
        return answer;
      });
}

template <bool missing>
Result<void> Worker::read() {
  using Answer = Result<std::optional<std::string_view>>;
  KeyWriter writer(task_.settings.key_bytes);
  base::Random random(task_.settings.seed + std::uint64_t{1000} * (thread_ + 1));
  const std::uint64_t gets = task_.settings.reads != 0 ? task_.settings.reads : task_.settings.num;
  const bool keeps_data = task_.engine.keeps_data;
  std::uint64_t number = 0;
  std::string_view key;
  return closed_loop(
      share_of(gets), 1,
      [&](std::uint64_t) {
        number = random.below(task_.order.num());
        key = missing ? writer.write_missing(number) : writer.write(number);
      },
      [&] { return session_.get(key); },
      [&](Answer answer) -> Result<void> {
        if (!answer) return std::unexpected(answer.error());
        ++tally_.ops;
        if (!*answer) {
          if (!missing && keeps_data) return std::unexpected(wrong("was not found", number));
          return {};
        }
        if (missing && keeps_data) {
          return std::unexpected(wrong("was found with a key that was never written", number));
        }
        ++tally_.found;
        tally_.user_bytes += key.size() + (*answer)->size();
        return task_.settings.verify ? check_answer(number, **answer) : Result<void>{};
      });
}

Result<void> Worker::check_answer(std::uint64_t number, std::string_view value) const {
  if (!task_.engine.keeps_data || value == task_.values.of(number)) return {};
  return std::unexpected(wrong("has another value than was written", number));
}

Result<void> Worker::scan() {
  const bool check = task_.settings.verify && task_.engine.keeps_data;
  const std::uint64_t entries = task_.order.num();
  ScanSink sink(entries, check ? &task_.values : nullptr, sampler_, task_.progress);
  SILT_TRY(session_.scan(sink));
  SILT_TRY(sink.status());
  tally_ = {.ops = sink.count(), .found = sink.count(), .user_bytes = sink.bytes()};
  if (sink.count() < entries && !tools::interrupted()) {
    return std::unexpected(wrong("is where the scan ended, before the last one", sink.count()));
  }
  return {};
}

}  // namespace siltstone::kvbench
