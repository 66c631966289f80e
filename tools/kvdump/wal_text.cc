// The log as text: a heading and the header copies of each slot, a line for each piece, and the
// sum.
#include <fmt/format.h>

#include "base/compression.h"
#include "common/output.h"
#include "common/terminal.h"
#include "wal_listing.h"

namespace siltstone::kvdump {
namespace {

using tools::print;

std::string describe_copy(const wal::DecodedSegmentHeader& copy) {
  switch (copy.state) {
    case wal::HeaderState::valid: break;
    case wal::HeaderState::bad_checksum:
      return fmt::format("bad_checksum, expected {:#010x}, actual {:#010x}", copy.expected_checksum,
                         copy.actual_checksum);
    case wal::HeaderState::newer_version:
      return fmt::format("newer_version {}, this program knows {}", copy.version,
                         wal::kFormatVersion);
    case wal::HeaderState::unknown_feature:
      return fmt::format("unknown_feature bits {:#x}", copy.features);
    default: return std::string(name_of(copy.state));
  }
  const wal::SegmentHeader& header = copy.header;
  const std::string predecessor =
      header.predecessor.segment.value() == 0
          ? "none"
          : fmt::format("segment {} to {}", header.predecessor.segment.value(),
                        header.predecessor.offset);
  return fmt::format(
      "valid\n"
      "    store {}, segment {}, nonce {:016x}\n"
      "    predecessor {}, first sequence {}, ring {:016x}:{}, catalog {}",
      store_id_text(header.store), header.id.value(), header.nonce, predecessor,
      header.first.value(), header.ring.session.value(), header.ring.position.value(),
      header.catalog.value());
}

std::string_view colour_of(wal::PieceState state) {
  switch (state) {
    case wal::PieceState::damaged: return "\033[31m";
    case wal::PieceState::torn_tail:
    case wal::PieceState::given_up: return "\033[33m";
    default: return {};
  }
}

std::string sequences(const wal::Verdict& verdict) {
  if (verdict.operations == 0) return fmt::format("{}", verdict.first.value());
  return fmt::format("{}..{}", verdict.first.value(),
                     (verdict.first + (verdict.operations - 1)).value());
}

std::string sequences(const wal::TailRecords& tail) {
  return fmt::format("{}..{}", tail.first.value(), tail.next.value() - 1);
}

/// Where a record lies, in one word.
std::string place_text(const OperationView& view) {
  return view.segment.value() == 0
             ? fmt::format("tail@{}", view.offset)
             : fmt::format("{}/{}+{}", view.segment.value(), view.frame, view.offset);
}

class TextPrinter final : public WalPrinter {
 public:
  explicit TextPrinter(const WalForm& form) : form_(form) {}

  void slot(const SlotView& view) override {
    print("{}wal/{}", first_ ? "" : "\n", view.slot);
    first_ = false;
    if (view.segment.value() != 0) print(" segment {}", view.segment.value());
    print("\n");
    const bool alike = view.copies[0].state == wal::HeaderState::valid &&
                       view.copies[1].state == wal::HeaderState::valid &&
                       view.copies[0].header == view.copies[1].header;
    if (alike) {
      print("  header copies 0 and 1: {}\n", describe_copy(view.copies[0]));
    } else {
      print("  header copy 0: {}\n", describe_copy(view.copies[0]));
      print("  header copy 1: {}\n", describe_copy(view.copies[1]));
    }
    print("  {:>10} {:>9} {:<9} {:<12} {:<7} {:>17} {:>7} {:>7}\n", "offset", "bytes", "state",
          "kind", "codec", "sequences", "records", "ops");
    print_operation_head();
  }

  void piece(const wal::Verdict& verdict) override {
    const std::string_view colour = coloured_ ? colour_of(verdict.state) : std::string_view{};
    std::string line = fmt::format("{:>10} {:>9} {:<9}", verdict.offset, verdict.length,
                                   wal::to_string(verdict.state));
    if (verdict.kind != wal::FrameKind::none) {
      line += fmt::format(" {:<12} {:<7} {:>17} {:>7} {:>7}", name_of(verdict.kind),
                          base::codec_name(verdict.codec), sequences(verdict), verdict.records,
                          verdict.operations);
    } else if (verdict.offset < wal::kFirstFrameOffset) {
      line += " header";
    }
    if (verdict.clean_end) line += " clean end";
    if (!verdict.why.empty()) line += fmt::format(" {}", verdict.why);
    if (verdict.expected != 0 || verdict.actual != 0) {
      line += fmt::format(", expected {:#x}, actual {:#x}", verdict.expected, verdict.actual);
    }
    print("  {}{}{}\n", colour, line, colour.empty() ? "" : "\033[0m");
  }

  void operation(const OperationView& view) override {
    std::string name(name_of(view.entry.kind));
    if (view.entry.kind == wal::EntryKind::value_with_expiry) {
      name += fmt::format(" until {}", view.entry.expiry);
    }
    std::string line = fmt::format(kOperationLine, place_text(view), view.sequence.value(), name,
                                   view.entry.kind == wal::EntryKind::erase
                                       ? "-"
                                       : fmt::format("{}", view.entry.value.size()));
    append_text(line, view.entry.key, form_.keys);
    print("{}\n", line);
  }

  void tail(const wal::TailRecords& tail) override {
    print("\ntail from ring {:016x}:{}, {} bytes, sequences {}\n", tail.begin.session.value(),
          tail.begin.position.value(), tail.bytes.size(), sequences(tail));
    print_operation_head();
  }

  void finish(const Result<wal::LogState>& outcome) override {
    if (!outcome || outcome->chain.empty()) return;
    const wal::LogState& log = *outcome;
    print("\n{} segment{}, {} records, {} operations, next sequence {}\n", log.chain.size(),
          log.chain.size() == 1 ? "" : "s", log.records, log.operations, log.next.value());
    print("ends in segment {} at {}{}", log.end().segment.value(), log.end().offset,
          log.clean_end ? ", closed cleanly" : "");
    if (log.tail_records != 0) print(", and goes on in the tail by {} records", log.tail_records);
    if (log.dropped_bytes != 0) print(", {} bytes behind it are dropped", log.dropped_bytes);
    print("\n");
  }

 private:
  static constexpr const char* kOperationLine = "    {:<20} {:>12} {:<9} {:>9} ";

  void print_operation_head() const {
    if (form_.records)
      print("    {:<20} {:>12} {:<9} {:>9} key\n", "segment/frame+record", "sequence", "operation",
            "value");
  }

  const WalForm form_;
  const bool coloured_ = tools::stdout_takes_colours();
  bool first_ = true;
};

}  // namespace

std::unique_ptr<WalPrinter> make_wal_text_printer(const WalForm& form) {
  return std::make_unique<TextPrinter>(form);
}

}  // namespace siltstone::kvdump
