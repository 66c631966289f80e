// One line that is drawn over itself and wiped at the end. It needs no colours.
#include "progress.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <utility>

#include <fmt/format.h>

#include "stopwatch.h"

namespace siltstone::kvbench {
namespace {

constexpr auto kInterval = std::chrono::milliseconds(200);
constexpr std::size_t kBarColumns = 24;

void put_line(const std::string& text) {
  static_cast<void>(std::fwrite(text.data(), 1, text.size(), stderr));
  static_cast<void>(std::fflush(stderr));
}

}  // namespace

Progress::Progress(std::string label, std::uint64_t total)
    : label_(std::move(label)), total_(std::max<std::uint64_t>(total, 1)), begin_ns_(now_ns()) {
  if (isatty(STDERR_FILENO) == 1) painter_ = std::thread([this] { draw_until_stopped(); });
}

Progress::~Progress() {
  if (!painter_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  stop_signal_.notify_one();
  painter_.join();
  put_line("\r\033[K");
}

void Progress::draw_until_stopped() {
  std::unique_lock lock(mutex_);
  while (!stop_signal_.wait_for(lock, kInterval, [this] { return stopped_; })) put_line(line());
}

std::string Progress::line() const {
  const std::uint64_t done = std::min(done_.load(std::memory_order_relaxed), total_);
  const double seconds = static_cast<double>(now_ns() - begin_ns_) * 1e-9;
  const double share = static_cast<double>(done) / static_cast<double>(total_);
  const double rate = static_cast<double>(done) / seconds;
  const auto filled = static_cast<std::size_t>(share * kBarColumns);
  std::string text = fmt::format("\r\033[K{:<24} [{:<{}}] {:3.0f} %  {:.0f}/s", label_,
                                 std::string(filled, '#'), kBarColumns, share * 100, rate);
  if (done > 0) {
    text += fmt::format("  {:.0f} s left", static_cast<double>(total_ - done) / rate);
  }
  return text;
}

}  // namespace siltstone::kvbench
