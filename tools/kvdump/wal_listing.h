// What `kvdump wal` shows of a log, and the two forms in which it does.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <siltstone/error.h>

#include "byte_text.h"
#include "wal/record.h"
#include "wal/tail.h"
#include "wal/wal_format.h"
#include "wal/wal_scanner.h"

namespace siltstone::kvdump {

/// A slot and both copies of its header, as they lie there.
struct SlotView {
  std::string_view slot;
  base::SegmentId segment;  ///< 0 when no copy tells.
  std::array<wal::DecodedSegmentHeader, 2> copies;
};

/// One operation, and where its record lies.
struct OperationView {
  base::SegmentId segment{};  ///< 0: in the ring's file.
  std::uint64_t frame = 0;    ///< Offset in the segment of the frame in which the record ends.
  std::uint64_t offset = 0;   ///< Of the record in the frame's payload once decompressed; in the
                              ///< ring's file its ring position.
  base::Sequence sequence{};
  wal::Entry entry{};
};

/// How much is printed.
struct WalForm {
  bool records = false;  ///< Operations too; else operation() is not called.
  ByteText keys = ByteText::escape;
};

/// Prints a log as it is read. Called in the order: slot, its pieces, each followed by the
/// operations of the records that end in it; next slot, ...; tail and its operations, if there are
/// any; finish.
class WalPrinter {
 public:
  WalPrinter() = default;
  WalPrinter(const WalPrinter&) = delete;
  WalPrinter& operator=(const WalPrinter&) = delete;
  virtual ~WalPrinter() = default;

  virtual void slot(const SlotView& view) = 0;
  virtual void piece(const wal::Verdict& verdict) = 0;
  virtual void operation(const OperationView& view) = 0;
  /// What the ring's file adds.
  virtual void tail(const wal::TailRecords& tail) = 0;
  /// `outcome` is what the scan came to, or why it ended early.
  virtual void finish(const Result<wal::LogState>& outcome) = 0;
};

[[nodiscard]] std::unique_ptr<WalPrinter> make_wal_text_printer(const WalForm& form);
[[nodiscard]] std::unique_ptr<WalPrinter> make_wal_json_printer(const WalForm& form);

// Names, the same in both forms.
[[nodiscard]] std::string_view name_of(wal::HeaderState state) noexcept;
[[nodiscard]] std::string_view name_of(wal::FrameKind kind) noexcept;
[[nodiscard]] std::string_view name_of(wal::EntryKind kind) noexcept;
[[nodiscard]] std::string store_id_text(const base::StoreId& id);

}  // namespace siltstone::kvdump
