// What `kvdump wal` shows of a log, and the two forms in which it does.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <siltstone/error.h>

#include "wal/wal_format.h"
#include "wal/wal_scanner.h"

namespace siltstone::kvdump {

/// A slot and both copies of its header, as they lie there.
struct SlotView {
  std::string_view slot;
  base::SegmentId segment;  ///< 0 when no copy tells.
  std::array<wal::DecodedSegmentHeader, 2> copies;
};

/// Prints a log as it is read. Called in the order: slot, its pieces, next slot, ..., finish.
class WalPrinter {
 public:
  WalPrinter() = default;
  WalPrinter(const WalPrinter&) = delete;
  WalPrinter& operator=(const WalPrinter&) = delete;
  virtual ~WalPrinter() = default;

  virtual void slot(const SlotView& view) = 0;
  virtual void piece(const wal::Verdict& verdict) = 0;
  /// `outcome` is what the scan came to, or why it ended early.
  virtual void finish(const Result<wal::LogState>& outcome) = 0;
};

[[nodiscard]] std::unique_ptr<WalPrinter> make_wal_text_printer();
[[nodiscard]] std::unique_ptr<WalPrinter> make_wal_json_printer();

// Names, the same in both forms.
[[nodiscard]] std::string_view name_of(wal::HeaderState state) noexcept;
[[nodiscard]] std::string_view name_of(wal::FrameKind kind) noexcept;
[[nodiscard]] std::string store_id_text(const base::StoreId& id);

}  // namespace siltstone::kvdump
