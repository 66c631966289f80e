// What kvbench makes of the figures of a study.
#include "studies/figures.h"

#include <doctest/doctest.h>

#include "studies/study_report.h"

namespace siltstone::kvbench {
namespace {

FigureKey key_of(std::string_view way, std::string_view variant = "depth 1") {
  return {"read", std::string(variant), std::string(way), "op/s"};
}

Figures figures_of(std::initializer_list<double> ring, std::initializer_list<double> posix) {
  Figures figures;
  for (const double rate : ring) figures.add(key_of("ring"), rate);
  for (const double rate : posix) figures.add(key_of("posix"), rate);
  return figures;
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("figures: the median is one of the runs, the lower one of two in the middle") {
  const Figures figures = figures_of({5, 1, 9}, {4, 8, 2, 6});
  CHECK(figures.find(key_of("ring"))->median() == 5);
  CHECK(figures.find(key_of("posix"))->median() == 4);
  CHECK(figures.find(key_of("fio")) == nullptr);
}

TEST_CASE("figures: the spread is the range over the median, and unknown after one run") {
  const Figures figures = figures_of({5, 1, 9}, {4});
  CHECK(figures.find(key_of("ring"))->spread() == 8.0 / 5);
  CHECK_FALSE(figures.find(key_of("posix"))->spread());
}

TEST_CASE("figures: ratios are of medians, and none where a side was not measured") {
  Figures figures = figures_of({10, 30, 20}, {10});
  figures.compare("measured", key_of("ring"), key_of("posix"), 1.5);
  figures.compare("not measured", key_of("ring"), key_of("fio"), 1.5);
  figures.compare("told", key_of("ring"), 5.0, 5);
  figures.compare("told, not measured", key_of("fio"), 5.0);
  REQUIRE(figures.ratios().size() == 2);
  CHECK(figures.ratios()[0].value == 2);
  CHECK(figures.ratios()[0].wanted == 1.5);
  CHECK(figures.ratios()[1].value == 4);
  CHECK(figures.ratios()[1].wanted == 5);
}

TEST_CASE("figures: a note is kept once") {
  Figures figures;
  figures.note("busy");
  figures.note("busy");
  CHECK(figures.notes().size() == 1);
}

TEST_CASE("study report: a column a way, a dash for what is absent, and what is missed is told") {
  Figures figures = figures_of({2000}, {1000});
  figures.add(key_of("ring", "depth 8"), 7000);
  figures.compare("twice", key_of("ring"), key_of("posix"), 2);
  figures.compare("thrice", key_of("ring"), key_of("posix"), 3, 19);
  const std::string text = format_figures(figures);
  const auto row = text.substr(text.find("depth 8"));
  CHECK(has(row.substr(0, row.find('\n')), "7000"));
  CHECK(has(row.substr(0, row.find('\n')), " - "));
  const auto twice = text.substr(text.find("twice"));
  CHECK(has(twice.substr(0, twice.find('\n')), "wanted 2.00: reached"));
  const auto thrice = text.substr(text.find("thrice"));
  CHECK(has(thrice, "wanted 3.00: MISSED   elsewhere 19.00"));
}

}  // namespace siltstone::kvbench
