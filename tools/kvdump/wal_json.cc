// The log as one JSON object, a line for each piece. 64-bit random numbers are hex text, since
// JSON's numbers may lose digits.
#include <algorithm>
#include <cstdint>
#include <utility>

#include <fmt/format.h>

#include "base/compression.h"
#include "common/output.h"
#include "json.h"
#include "wal_listing.h"

namespace siltstone::kvdump {
namespace {

using tools::print;

Json place(const wal::LogPlace& place) {
  return {{"segment", place.segment.value()}, {"offset", place.offset}};
}

Json ring(const wal::RingPlace& place) {
  return {{"session", fmt::format("{:016x}", place.session.value())},
          {"position", place.position.value()}};
}

Json copy_json(const wal::DecodedSegmentHeader& copy) {
  Json json = {{"state", name_of(copy.state)}};
  if (copy.state == wal::HeaderState::bad_checksum) {
    json["expected_checksum"] = copy.expected_checksum;
    json["actual_checksum"] = copy.actual_checksum;
  }
  if (copy.state != wal::HeaderState::valid) return json;
  const wal::SegmentHeader& header = copy.header;
  const bool is_first = header.predecessor.segment.value() == 0;
  json["store"] = store_id_text(header.store);
  json["segment"] = header.id.value();
  json["nonce"] = fmt::format("{:016x}", header.nonce);
  json["predecessor"] = is_first ? Json(nullptr) : place(header.predecessor);
  json["first_sequence"] = header.first.value();
  json["ring"] = ring(header.ring);
  json["catalog_generation"] = header.catalog.value();
  return json;
}

/// As the engine names it, in one word.
std::string state_name(wal::PieceState state) {
  std::string name(wal::to_string(state));
  std::ranges::replace(name, ' ', '_');
  return name;
}

Json piece_json(const wal::Verdict& verdict) {
  Json json = {{"offset", verdict.offset},
               {"bytes", verdict.length},
               {"state", state_name(verdict.state)},
               {"kind", name_of(verdict.kind)}};
  if (verdict.kind != wal::FrameKind::none) {
    json["codec"] = base::codec_name(verdict.codec);
    json["clean_end"] = verdict.clean_end;
    json["first_sequence"] = verdict.first.value();
    json["records"] = verdict.records;
    json["operations"] = verdict.operations;
  }
  json["why"] = verdict.why.empty() ? Json(nullptr) : Json(verdict.why);
  if (verdict.expected != 0 || verdict.actual != 0) {
    json["expected"] = verdict.expected;
    json["actual"] = verdict.actual;
  }
  return json;
}

Json log_json(const wal::LogState& log) {
  return {
      {"segments", log.chain.size()},
      {"records", log.records},
      {"operations", log.operations},
      {"tail_records", log.tail_records},
      {"next_sequence", log.next.value()},
      {"clean_end", log.clean_end},
      {"end", log.chain.empty() ? Json(nullptr) : place(log.end())},
      {"dropped_bytes", log.dropped_bytes},
      {"damage", log.damage ? Json(log.damage->to_string()) : Json(nullptr)},
  };
}

Json tail_json(const wal::TailRecords& tail) {
  return {
      {"ring", ring(tail.begin)},
      {"bytes", tail.bytes.size()},
      {"first_sequence", tail.first.value()},
      {"records", tail.records},
      {"operations", tail.operations},
  };
}

/// Objects that hold lists are left open until the next one begins, so that nothing is held back.
class JsonPrinter final : public WalPrinter {
 public:
  explicit JsonPrinter(const WalForm& form) : form_(form) {
    print("{{\"schema\": 1, ");
    if (form_.records) {
      print("\"encoding\": \"{}\", ", form_.keys == ByteText::hex ? "hex" : "escape");
    }
    print("\"slots\": [");
  }

  void slot(const SlotView& view) override {
    close_slot();
    print("{}\n{{\"slot\": {}, \"segment\": {}, \"headers\": [\n  {},\n  {}], \"pieces\": [",
          slots_++ == 0 ? "" : ",", dump(view.slot), view.segment.value(),
          dump(copy_json(view.copies[0])), dump(copy_json(view.copies[1])));
    pieces_ = 0;
  }

  void piece(const wal::Verdict& verdict) override {
    close_operations();
    print("{}\n  ", pieces_++ == 0 ? "" : ",");
    const bool may_hold =
        verdict.kind != wal::FrameKind::none && verdict.kind != wal::FrameKind::mark;
    print_holder(piece_json(verdict), may_hold);
  }

  void operation(const OperationView& view) override {
    Json json;
    json["sequence"] = view.sequence.value();
    json["operation"] = name_of(view.entry.kind);
    std::string key;
    append_text(key, view.entry.key, form_.keys);
    json["key"] = std::move(key);
    const bool has_value = view.entry.kind != wal::EntryKind::erase;
    json["value_bytes"] = has_value ? Json(view.entry.value.size()) : Json(nullptr);
    if (view.entry.kind == wal::EntryKind::value_with_expiry) json["expiry"] = view.entry.expiry;
    json[view.segment.value() == 0 ? "position" : "record_offset"] = view.offset;
    print("{}\n   {}", list_ == List::begun ? "" : ",", dump(json));
    list_ = List::holds;
  }

  void tail(const wal::TailRecords& tail) override {
    close_slots();
    print_holder(tail_json(tail), true);
    has_tail_ = true;
  }

  void finish(const Result<wal::LogState>& outcome) override {
    if (!has_tail_) {
      close_slots();
      print("null");
    }
    close_operations();
    print(", \"log\": {}, \"error\": {}}}\n", outcome ? dump(log_json(*outcome)) : "null",
          outcome ? "null" : dump(outcome.error().to_string()));
  }

 private:
  /// Of operations.
  enum class List : std::uint8_t { none, begun, holds };

  /// Prints an object, and begins its list of operations if there are to be any.
  void print_holder(const Json& json, bool may_hold) {
    std::string text = dump(json);
    if (form_.records && may_hold) {
      text.back() = ',';  // instead of the brace
      text += " \"content\": [";
      list_ = List::begun;
    }
    tools::write_out(text);
  }
  void close_operations() {
    if (std::exchange(list_, List::none) != List::none) print("]}}");
  }
  void close_slot() {
    close_operations();
    if (slots_ != 0) print("]}}");
  }
  void close_slots() {
    close_slot();
    print("\n], \"tail\": ");
  }

  const WalForm form_;
  std::size_t slots_ = 0;
  std::size_t pieces_ = 0;
  List list_ = List::none;
  bool has_tail_ = false;
};

}  // namespace

std::unique_ptr<WalPrinter> make_wal_json_printer(const WalForm& form) {
  return std::make_unique<JsonPrinter>(form);
}

}  // namespace siltstone::kvdump
