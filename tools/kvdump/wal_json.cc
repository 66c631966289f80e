// The log as one JSON object, a line for each piece. 64-bit random numbers are hex text, since
// JSON's numbers may lose digits.
#include <algorithm>

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
  json["ring"] = {{"session", fmt::format("{:016x}", header.ring.session.value())},
                  {"position", header.ring.position.value()}};
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
      {"next_sequence", log.next.value()},
      {"clean_end", log.clean_end},
      {"end", log.chain.empty() ? Json(nullptr) : place(log.end())},
      {"dropped_bytes", log.dropped_bytes},
      {"damage", log.damage ? Json(log.damage->to_string()) : Json(nullptr)},
  };
}

class JsonPrinter final : public WalPrinter {
 public:
  JsonPrinter() { print("{{\"schema\": 1, \"slots\": ["); }

  void slot(const SlotView& view) override {
    close_slot();
    print("{}\n{{\"slot\": {}, \"segment\": {}, \"headers\": [\n  {},\n  {}], \"pieces\": [",
          slots_++ == 0 ? "" : ",", dump(view.slot), view.segment.value(),
          dump(copy_json(view.copies[0])), dump(copy_json(view.copies[1])));
    pieces_ = 0;
  }

  void piece(const wal::Verdict& verdict) override {
    print("{}\n  {}", pieces_++ == 0 ? "" : ",", dump(piece_json(verdict)));
  }

  void finish(const Result<wal::LogState>& outcome) override {
    close_slot();
    print("\n], \"log\": {}, \"error\": {}}}\n", outcome ? dump(log_json(*outcome)) : "null",
          outcome ? "null" : dump(outcome.error().to_string()));
  }

 private:
  void close_slot() {
    if (slots_ != 0) print("]}}");
  }

  std::size_t slots_ = 0;
  std::size_t pieces_ = 0;
};

}  // namespace

std::unique_ptr<WalPrinter> make_wal_json_printer() { return std::make_unique<JsonPrinter>(); }

}  // namespace siltstone::kvdump
