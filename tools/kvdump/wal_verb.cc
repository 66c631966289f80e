// kvdump wal: every piece of every log segment, and what is wrong with it; and, when asked, every
// record. Memory is bounded by the scanner, and by the log ring.
//
// The scanner of the engine judges; here only the copies of the headers are read a second time, to
// be shown field by field.
#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>

#include "base/error.h"
#include "base/try.h"
#include "common/interrupt.h"
#include "common/output.h"
#include "form_flags.h"
#include "io/complete.h"
#include "io/environment.h"
#include "verbs.h"
#include "wal/log.h"
#include "wal/record.h"
#include "wal/tail.h"
#include "wal/wal_scanner.h"
#include "wal_listing.h"

namespace siltstone::kvdump {
namespace {

struct WalArguments {
  std::string dir;
  bool records = false;
  FormFlags form;
  bool json = false;
};

/// Takes what a scan tells and hands it to a printer, slot by slot, record by record.
class Listing final : public wal::LogSink {
 public:
  /// `records`: print them too.
  Listing(io::Directory& wal, io::Channel& channel, WalPrinter& printer, bool records)
      : wal_(wal), channel_(channel), printer_(printer), wants_records_(records) {}

  Result<void> record(const wal::Record& record) override {
    show(record);
    if (tools::interrupted()) return base::fail(ErrorCode::io, "interrupted");
    return {};
  }

  void lost(const wal::Record& record) override { show(record); }

  void verdict(const wal::Verdict& verdict) override {
    place_ = {.segment = verdict.segment, .frame = verdict.offset};
    payload_begin_.reset();
    if (slot_ != verdict.slot) {
      slot_ = verdict.slot;
      printer_.slot({.slot = slot_, .segment = verdict.segment, .copies = read_copies()});
    }
    damaged_ = damaged_ || verdict.state == wal::PieceState::damaged;
    printer_.piece(verdict);
  }

  /// Goes on with what the ring's file adds to `log`.
  Result<void> read_tail(const wal::TailImage& image, wal::LogState& log) {
    const auto tail = SILT_TRY(wal::find_tail(image, log));
    if (tail.records == 0) return {};
    printer_.tail(tail);
    place_ = {};
    payload_begin_ = base::RingPosition{};
    wal::RingPlace place = tail.begin;
    for (base::Bytes rest(tail.bytes); !rest.empty();) {
      const wal::Record next = SILT_TRY(wal::next_record(rest, place));
      SILT_TRY(record(next));
    }
    log.next = tail.next;
    log.tail_records = tail.records;
    log.records += tail.records;
    log.operations += tail.operations;
    return {};
  }

  /// True when a piece was called damaged.
  [[nodiscard]] bool damaged() const noexcept { return damaged_; }

 private:
  void show(const wal::Record& record) {
    if (!wants_records_) return;
    if (!payload_begin_) payload_begin_ = record.place.position;
    place_.offset = record.place.position - *payload_begin_;
    place_.sequence = record.first;
    wal::EntryReader entries(record.entries);
    while (!tools::interrupted() && entries.next(place_.entry)) {
      printer_.operation(place_);
      place_.sequence += 1;
    }
  }

  using Copies = std::array<wal::DecodedSegmentHeader, 2>;

  /// A copy that cannot be read stays one without a magic; the scan tells of the I/O error.
  Copies read_copies() {
    Copies copies;
    const auto file = wal_.open(slot_, {.access = io::Access::read});
    for (std::size_t i = 0; file && i < copies.size(); ++i) {
      std::array<std::byte, wal::kBlockBytes> block;
      const auto got = channel_.read_to_end(**file, i * wal::kBlockBytes, block);
      if (got) copies[i] = wal::decode_segment_header(base::Bytes(block).first(*got), true);
    }
    return copies;
  }

  io::Directory& wal_;
  io::Channel& channel_;
  WalPrinter& printer_;
  const bool wants_records_;
  OperationView place_;  // of what comes next
  std::optional<base::RingPosition>
      payload_begin_;  // of its frame; nothing before its first record
  std::string slot_;
  bool damaged_ = false;
};

bool is_slot(std::string_view name) {
  return std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; });
}

/// Opens DIR/wal; without a slot in it there is no store.
Result<std::unique_ptr<io::Directory>> open_log_directory(io::Directory& dir) {
  auto wal = dir.open_directory("wal");
  if (!wal && !io::is_not_found(wal.error())) return wal;
  if (!wal || std::ranges::none_of(SILT_TRY((*wal)->list()), is_slot)) {
    return base::fail(ErrorCode::invalid_argument, "the directory holds no store").path(dir.path());
  }
  return wal;
}

/// Lists the log and returns the exit code.
Result<int> list_log(const WalArguments& arguments) {
  io::Storage& storage = *io::system_environment().storage;
  const auto dir = SILT_TRY(storage.open_directory(arguments.dir));
  const auto wal = SILT_TRY(open_log_directory(*dir));
  io::Channel channel(SILT_TRY(storage.make_queue(1)));
  const WalForm form{.records = arguments.records, .keys = arguments.form.form()};
  const auto printer = arguments.json ? make_wal_json_printer(form) : make_wal_text_printer(form);
  Listing listing(*wal, channel, *printer, form.records);
  const auto tail = wal::load_tail(*dir, channel);
  auto outcome =
      wal::scan_log(*wal, channel, {.mode = RecoveryMode::truncate, .read_only = true}, listing);
  if (outcome) {
    const auto read = tail ? listing.read_tail(*tail, *outcome) : std::unexpected(tail.error());
    if (!read) outcome = std::unexpected(read.error());
  }
  printer->finish(outcome);
  if (tools::interrupted()) return tools::kExitInterrupted;
  if (!outcome) return std::unexpected(outcome.error());
  if (outcome->damage) tools::complain(outcome->damage->to_string());
  return outcome->damage || listing.damaged() ? tools::kExitCorruption : tools::kExitOk;
}

}  // namespace

void add_wal(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<WalArguments>();
  CLI::App* verb = app.add_subcommand("wal", "List the segments and frames of the log");
  verb->footer(
      "States: valid and mark count; torn tail was never acknowledged; damaged had been durable;\n"
      "given up lies behind damage; voided was replaced by a newer segment; unused was never\n"
      "written. Ends with 3 when anything is damaged.\n\n"
      "Records are told below the frame in which they end: segment/frame+record, where record is\n"
      "its offset in the frame's payload; in DIR/tail, tail@position in the ring.\n\n"
      "Example: kvdump wal data --records");
  verb->add_option("DIR", arguments->dir, "The store")->type_name("")->required();
  auto* records =
      verb->add_flag("--records", arguments->records, "Print every operation, but for its value");
  auto* json = verb->add_flag("--json", arguments->json, "Print one JSON object");
  for (auto* flag : add_form_flags(*verb, arguments->form, json)) flag->needs(records);
  verb->callback([arguments, &exit_code] { exit_code = exit_code_of(list_log(*arguments)); });
}

}  // namespace siltstone::kvdump
