// See study_report.h. Keys of the JSON stand in the order of docs/benchmarks.md.
#include "studies/study_report.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <siltstone/version.h>
#include <nlohmann/json.hpp>

#include "host_report.h"

namespace siltstone::kvbench {
namespace {

using Json = nlohmann::ordered_json;

/// Four significant digits at least, and whole numbers whole.
std::string number_text(double value) {
  if (value >= 1000 || value == static_cast<double>(static_cast<std::int64_t>(value))) {
    return fmt::format("{:.0f}", value);
  }
  return fmt::format("{:.{}f}", value, value >= 100 ? 1 : value >= 10 ? 2 : 3);
}

template <typename T>
void append_once(std::vector<T>& list, const T& value) {
  if (std::ranges::find(list, value) == list.end()) list.push_back(value);
}

/// The figures of one thing: a row for each variant, a column for each way.
std::string format_group(const Figures& figures, const std::string& what, const std::string& unit) {
  std::vector<std::string> variants;
  std::vector<std::string> ways;
  for (const Figure& figure : figures.all()) {
    if (figure.key.what != what || figure.key.unit != unit) continue;
    append_once(variants, figure.key.variant);
    append_once(ways, figure.key.way);
  }
  std::string text = fmt::format("\n{:<34}", fmt::format("{}, {}", what, unit));
  for (const std::string& way : ways) text += fmt::format(" {:>17}", way);
  for (const std::string& variant : variants) {
    text += fmt::format("\n  {:<32}", variant);
    for (const std::string& way : ways) {
      const Figure* const figure = figures.find({what, variant, way, unit});
      std::string cell = figure == nullptr ? "-" : number_text(figure->median());
      const auto spread = figure == nullptr ? std::nullopt : figure->spread();
      cell += spread ? fmt::format(" {:>4}", fmt::format("{:.0f}%", 100 * *spread)) : "     ";
      text += fmt::format(" {:>17}", cell);
    }
  }
  return text + '\n';
}

std::string format_ratio(const Ratio& ratio) {
  std::string text = fmt::format("  {:<66} {:>8.2f}", ratio.name, ratio.value);
  if (ratio.wanted) {
    text += fmt::format("   wanted {:.2f}: {}", *ratio.wanted,
                        ratio.value >= *ratio.wanted ? "reached" : "MISSED");
  }
  if (ratio.elsewhere) text += fmt::format("   elsewhere {:.2f}", *ratio.elsewhere);
  return text + '\n';
}

/// Name and value of each setting that this study heeds.
Json settings_json(const StudyInfo& study, const StudySettings& settings) {
  const StudyOptions& options = study.options;
  Json json = {{"repeat", settings.repeat}};
  if (options.seconds) json["seconds"] = settings.seconds;
  if (options.file_size) json["file_size"] = settings.file_bytes;
  if (options.log_size) json["log_size"] = settings.log_bytes;
  if (options.rounds) json["rounds"] = settings.rounds;
  if (options.pages) json["pages"] = settings.pages;
  if (options.depths) json["depths"] = settings.depths;
  if (options.puts) json["puts"] = settings.puts;
  if (options.entries) json["entries"] = settings.entries;
  if (options.limit) json["limit"] = settings.limit_seconds;
  if (options.threads) json["threads"] = settings.threads;
  if (options.ways) json["ways"] = settings.ways;
  return json;
}

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

}  // namespace

std::string format_study_head(const StudyInfo& study, const StudySettings& settings,
                              const Host& host, const Build& build) {
  std::string text = format_host(host, build, settings.dir);
  text += fmt::format("study     {}\n", study.name);
  const Json json = settings_json(study, settings);
  std::vector<std::string> pairs;
  for (const auto& [name, value] : json.items()) {
    pairs.push_back(fmt::format("{} {}", name, value.dump()));
  }
  text += fmt::format("settings  {}\n", fmt::join(pairs, ", "));
  return text + format_warnings(host, build);
}

std::string format_figures(const Figures& figures) {
  std::string text;
  std::vector<std::pair<std::string, std::string>> groups;
  for (const Figure& figure : figures.all()) {
    append_once(groups, std::pair(figure.key.what, figure.key.unit));
  }
  for (const auto& [what, unit] : groups) text += format_group(figures, what, unit);
  if (!groups.empty()) text += "\nmedians, with the range of all runs in percent of them\n";
  if (!figures.ratios().empty()) text += "\nratios of medians\n";
  for (const Ratio& ratio : figures.ratios()) text += format_ratio(ratio);
  if (!figures.notes().empty()) text += '\n';
  for (const std::string& note : figures.notes()) text += fmt::format("note      {}\n", note);
  return text;
}

std::string format_study_json(const StudyInfo& study, const StudySettings& settings,
                              const Host& host, const Build& build, const Figures& figures,
                              bool complete) {
  Json results = Json::array();
  for (const Figure& figure : figures.all()) {
    results.push_back({{"what", figure.key.what},
                       {"variant", figure.key.variant},
                       {"way", figure.key.way},
                       {"unit", figure.key.unit},
                       {"median", figure.median()},
                       {"spread", or_null(figure.spread())},
                       {"runs", figure.runs}});
  }
  Json ratios = Json::array();
  for (const Ratio& ratio : figures.ratios()) {
    ratios.push_back({{"name", ratio.name},
                      {"value", ratio.value},
                      {"wanted", or_null(ratio.wanted)},
                      {"elsewhere", or_null(ratio.elsewhere)}});
  }
  const Json json = {{"schema", 1},
                     {"kvbench_version", siltstone::version()},
                     {"complete", complete},
                     {"host", host_json(host, build)},
                     {"study", study.name},
                     {"settings", settings_json(study, settings)},
                     {"results", std::move(results)},
                     {"ratios", std::move(ratios)},
                     {"notes", figures.notes()}};
  // What the system calls itself need not be UTF-8.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace siltstone::kvbench
