// kvdump wal: every piece of every log segment, and what is wrong with it.
//
// The scanner of the engine judges; here only the copies of the headers are read a second time, to
// be shown field by field.
#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>

#include "base/error.h"
#include "base/try.h"
#include "common/interrupt.h"
#include "common/output.h"
#include "io/complete.h"
#include "io/environment.h"
#include "verbs.h"
#include "wal/wal_scanner.h"
#include "wal_listing.h"

namespace siltstone::kvdump {
namespace {

struct WalArguments {
  std::string dir;
  bool json = false;
};

/// Takes the verdicts of a scan and hands them to a printer, slot by slot.
class Listing final : public wal::LogSink {
 public:
  Listing(io::Directory& wal, io::Channel& channel, WalPrinter& printer)
      : wal_(wal), channel_(channel), printer_(printer) {}

  Result<void> record(const wal::Record&) override {
    if (tools::interrupted()) return base::fail(ErrorCode::io, "interrupted");
    return {};
  }

  void verdict(const wal::Verdict& verdict) override {
    if (slot_ != verdict.slot) {
      slot_ = verdict.slot;
      printer_.slot({.slot = slot_, .segment = verdict.segment, .copies = read_copies()});
    }
    damaged_ = damaged_ || verdict.state == wal::PieceState::damaged;
    printer_.piece(verdict);
  }

  /// True when a piece was called damaged.
  [[nodiscard]] bool damaged() const noexcept { return damaged_; }

 private:
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
  std::string slot_;
  bool damaged_ = false;
};

bool is_slot(std::string_view name) {
  return std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; });
}

/// Opens DIR/wal; without a slot in it there is no store.
Result<std::unique_ptr<io::Directory>> open_log_directory(const std::string& path,
                                                          io::Storage& storage) {
  const auto dir = SILT_TRY(storage.open_directory(path));
  auto wal = dir->open_directory("wal");
  if (!wal && !io::is_not_found(wal.error())) return wal;
  if (!wal || std::ranges::none_of(SILT_TRY((*wal)->list()), is_slot)) {
    return base::fail(ErrorCode::invalid_argument, "the directory holds no store").path(path);
  }
  return wal;
}

/// Lists the log and returns the exit code.
Result<int> list_log(const WalArguments& arguments) {
  io::Storage& storage = *io::system_environment().storage;
  const auto wal = SILT_TRY(open_log_directory(arguments.dir, storage));
  io::Channel channel(SILT_TRY(storage.make_queue(1)));
  const auto printer = arguments.json ? make_wal_json_printer() : make_wal_text_printer();
  Listing listing(*wal, channel, *printer);
  const auto outcome =
      wal::scan_log(*wal, channel, {.mode = RecoveryMode::truncate, .read_only = true}, listing);
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
      "Example: kvdump wal data");
  verb->add_option("DIR", arguments->dir, "The store")->type_name("")->required();
  verb->add_flag("--json", arguments->json, "Print one JSON object");
  verb->callback([arguments, &exit_code] { exit_code = exit_code_of(list_log(*arguments)); });
}

}  // namespace siltstone::kvdump
