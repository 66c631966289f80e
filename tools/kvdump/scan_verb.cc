// kvdump scan: the entries of a store in order, as they were when it was opened.
//
// Memory does not grow with what is printed: JSON is written entry by entry.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <siltstone/db.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "byte_text.h"
#include "common/interrupt.h"
#include "common/output.h"
#include "form_flags.h"
#include "verbs.h"

namespace siltstone::kvdump {
namespace {

struct ScanArguments {
  std::string dir;
  std::string from;  // these three as bytes, once parse_bounds() is done
  std::string to;
  std::string prefix;
  std::uint64_t limit = UINT64_MAX;
  bool keys_only = false;
  FormFlags form;
  bool json = false;
};

/// Turns the bounds from text into bytes, and says whether that was possible.
bool parse_bounds(ScanArguments& arguments) {
  for (std::string* bound : {&arguments.from, &arguments.to, &arguments.prefix}) {
    auto bytes = parse_text(*bound, arguments.form.form());
    if (!bytes) {
      tools::complain(fmt::format("{} is not {}: see kvdump scan --help", *bound,
                                  arguments.form.hex ? "hex" : "escaped text"));
      return false;
    }
    *bound = std::move(*bytes);
  }
  return true;
}

/// A JSON string; what is not UTF-8 is replaced.
std::string json_text(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// Prints entries as lines or as elements of a JSON array.
class EntryPrinter {
 public:
  explicit EntryPrinter(const ScanArguments& arguments) : arguments_(arguments) {
    if (!arguments_.json) return;
    tools::print("{{\"schema\": 1, \"encoding\": \"{}\", \"entries\": [",
                 arguments_.form.hex ? "hex" : "escape");
  }

  void print(const Iterator& it) {
    key_text_.clear();
    append_text(key_text_, it.key(), arguments_.form.form());
    value_text_.clear();
    if (!arguments_.keys_only) append_text(value_text_, it.value(), arguments_.form.form());
    if (arguments_.json) {
      print_element(it.expiry());
    } else if (arguments_.keys_only) {
      tools::print("{}\n", key_text_);
    } else {
      tools::print("{}\t{}\n", key_text_, value_text_);
    }
    ++count_;
  }

  void finish(bool complete, const Result<void>& status) {
    if (!arguments_.json) return;
    tools::print("\n], \"count\": {}, \"complete\": {}, \"error\": {}}}\n", count_, complete,
                 status ? std::string("null") : json_text(status.error().to_string()));
  }

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

 private:
  void print_element(std::optional<Iterator::WallTime> expiry) {
    tools::print("{}\n{{\"key\": {}", count_ == 0 ? "" : ",", json_text(key_text_));
    if (!arguments_.keys_only) tools::print(", \"value\": {}", json_text(value_text_));
    if (expiry) tools::print(", \"expiry\": {}", expiry->time_since_epoch().count());
    tools::print("}}");
  }

  const ScanArguments& arguments_;
  std::string key_text_;
  std::string value_text_;
  std::uint64_t count_ = 0;
};

/// With as much memory as it needs, up to the most that a store can have been given: how much that
/// was stands nowhere.
Result<Db> open_store(const std::string& dir) {
  constexpr std::uint64_t kMostBytes = std::uint64_t{16} << 30;
  Builder builder = Db::builder(dir).create_if_missing(false).read_only(true);
  auto db = builder.build();
  for (std::uint64_t bytes = std::uint64_t{2} << 30; bytes <= kMostBytes; bytes *= 2) {
    if (db || db.error().code() != ErrorCode::out_of_memory) break;
    db = builder.memtable_bytes(bytes).build();
  }
  return db;
}

int scan(ScanArguments arguments) {
  if (!parse_bounds(arguments)) return tools::kExitUsage;
  auto db = open_store(arguments.dir);
  if (!db) {
    tools::complain(db.error().to_string());
    return exit_code_of(db.error());
  }
  EntryPrinter printer(arguments);
  auto it = db->iterate({.prefix = arguments.prefix, .from = arguments.from, .to = arguments.to});
  while (it.valid() && printer.count() < arguments.limit && !tools::interrupted()) {
    printer.print(it);
    it.next();
  }
  const auto status = it.status();
  printer.finish(status.has_value() && !tools::interrupted(), status);
  if (!status) {
    tools::complain(status.error().to_string());
    return exit_code_of(status.error());
  }
  return tools::interrupted() ? tools::kExitInterrupted : tools::kExitOk;
}

}  // namespace

void add_scan(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<ScanArguments>();
  CLI::App* verb = app.add_subcommand("scan", "Print the entries of a store in the order of keys");
  verb->footer(
      "One line an entry: key, tab, value. Escaped text is printable ASCII, \\\\ for a backslash "
      "and\n"
      "\\xHH for any other byte; --from, --to and --prefix are read in the form that is "
      "printed.\n\n"
      "Example: kvdump scan data --prefix user/ --limit 10");
  verb->add_option("DIR", arguments->dir, "The store")->type_name("")->required();
  verb->add_option("--from", arguments->from, "First key, inclusive")->type_name("KEY");
  verb->add_option("--to", arguments->to, "Last key, exclusive")->type_name("KEY");
  verb->add_option("--prefix", arguments->prefix, "Only keys that begin so")->type_name("KEY");
  verb->add_option("--limit", arguments->limit, "At most so many entries")->type_name("N");
  verb->add_flag("--keys-only", arguments->keys_only, "Leave the values out");
  auto* json = verb->add_flag("--json", arguments->json, "Print one JSON object");
  add_form_flags(*verb, arguments->form, json);
  verb->callback([arguments, &exit_code] { exit_code = scan(*arguments); });
}

}  // namespace siltstone::kvdump
