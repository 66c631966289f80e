// Several writes that become visible and durable together, or not at all.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <siltstone/error.h>
#include <siltstone/export.h>

namespace siltstone {

/// An ordered list of puts and erases. Where a key occurs more than once, the last one wins. Copies
/// keys and values as they are added. Thread-bound; reusable after clear(), which keeps the memory.
class SILT_EXPORT Batch {
 public:
  Batch() = default;
  Batch(const Batch& other) = default;
  Batch& operator=(const Batch& other) = default;
  /// What was moved from is empty.
  Batch(Batch&& other) noexcept;
  Batch& operator=(Batch&& other) noexcept;
  ~Batch() = default;

  /// Sets `key` to `value`; with `ttl`, for so long, from 1 ms, counted from the call that writes
  /// the batch: see Db::put(). invalid_argument, with nothing added, when a limit would be passed
  /// (a key of kMaxKeyBytes, a value of kMaxValueBytes, a batch of kMaxBatchBytes), or when `ttl`
  /// is zero or less.
  [[nodiscard]] Result<void> put(
      std::string_view key, std::string_view value,
      std::optional<std::chrono::milliseconds> ttl = std::nullopt) noexcept;
  /// Removes `key`, if it is there.
  [[nodiscard]] Result<void> erase(std::string_view key) noexcept;
  /// Forgets every operation.
  void clear() noexcept;

  /// Operations added.
  [[nodiscard]] std::size_t count() const noexcept { return count_; }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  /// Bytes of keys and values with their encoding: what the batch costs in the log.
  [[nodiscard]] std::size_t bytes() const noexcept { return encoded_.size(); }
  /// The operations as the log stores them, but with a time to live, in milliseconds, where the log
  /// has an expiry; for the engine.
  [[nodiscard]] std::string_view encoded() const noexcept { return encoded_; }
  /// True when some value was added with a time to live.
  [[nodiscard]] bool has_ttl() const noexcept { return has_ttl_; }

 private:
  std::string encoded_;
  std::size_t count_ = 0;
  bool has_ttl_ = false;
};

/// Longest key, in bytes.
inline constexpr std::size_t kMaxKeyBytes = 65'535;
/// Longest value, in bytes: 64 MiB.
inline constexpr std::size_t kMaxValueBytes = std::size_t{64} << 20;
/// Largest batch, in bytes(): 256 MiB.
inline constexpr std::size_t kMaxBatchBytes = std::size_t{256} << 20;

}  // namespace siltstone
