// What kvbench asks of an engine. One adapter is one file in engines/, listed in engines.cc.
//
// The interface is as thin as the engines allow, since it is measured with them: one virtual call
// per point operation, one per whole scan.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <siltstone/error.h>

namespace siltstone::kvbench {

class ScanSink;

struct Entry {
  std::string_view key;
  std::string_view value;
};

/// One thread's access to an open store. Thread-bound; ends before its Store is closed.
class Session {
 public:
  Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  virtual ~Session() = default;

  [[nodiscard]] virtual Result<void> put(std::string_view key, std::string_view value) = 0;
  /// Writes all entries as one atomic batch; making the batch is part of the work that is measured.
  [[nodiscard]] virtual Result<void> put_batch(std::span<const Entry> entries) = 0;
  /// The value, or nothing. The view lives until the next call.
  [[nodiscard]] virtual Result<std::optional<std::string_view>> get(std::string_view key) = 0;
  /// Gives the sink every entry in ascending order until it has enough.
  [[nodiscard]] virtual Result<void> scan(ScanSink& sink) = 0;
};

/// An open store. Thread-safe but for close() and destruction.
class Store {
 public:
  Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  virtual ~Store() = default;

  [[nodiscard]] virtual Result<std::unique_ptr<Session>> session() = 0;
  [[nodiscard]] virtual Result<void> close() = 0;
  /// Device syncs since the store was opened; nothing where the engine does not tell.
  [[nodiscard]] virtual std::optional<std::uint64_t> syncs() const { return std::nullopt; }
};

/// What a write that returned survives. Only results of one class may be compared.
enum class Durability : std::uint8_t {
  power_cut,  ///< A power cut: the device has it.
  kill,       ///< The end of the process: the kernel has it.
};

/// "power-cut" or "kill".
[[nodiscard]] std::string_view name_of(Durability durability) noexcept;

/// What every engine is given alike.
struct StoreOptions {
  Durability durability = Durability::power_cut;
  std::uint64_t memory_bytes = std::uint64_t{2} << 30;  ///< For its cache, if it has one.
  bool is_there = false;  ///< Open the store that is there, instead of making one.
  bool compress = true;   ///< Where the engine can.
  /// Bytes that stay in memory and in the log before a table is made of them; 0: as engines like.
  std::uint64_t unflushed_bytes = 0;
};

using NamedValues = std::vector<std::pair<std::string, std::string>>;

/// An engine that this program was built with.
struct Engine {
  std::string_view name;
  /// False for one that forgets what it is given, so that there is nothing to verify or to weigh.
  bool keeps_data = true;
  std::string (*version)();
  /// The settings that matter, as they are in force.
  NamedValues (*settings)(const StoreOptions& options);
  /// Makes a new store in `dir`, an existing empty directory; or opens the one in it.
  Result<std::unique_ptr<Store>> (*create)(const std::string& dir, const StoreOptions& options);
};

/// All of them, in the order in which they are listed.
[[nodiscard]] std::span<const Engine* const> engines() noexcept;
/// Null when this program was built without it.
[[nodiscard]] const Engine* find_engine(std::string_view name) noexcept;

}  // namespace siltstone::kvbench
