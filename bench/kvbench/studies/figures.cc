// See figures.h.
#include "studies/figures.h"

#include <algorithm>
#include <utility>

namespace siltstone::kvbench {

double Figure::median() const {
  std::vector<double> sorted = runs;
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>((sorted.size() - 1) / 2);
  std::ranges::nth_element(sorted, middle);
  return *middle;
}

std::optional<double> Figure::spread() const {
  const double middle = median();
  if (runs.size() < 2 || middle == 0) return std::nullopt;
  const auto [smallest, largest] = std::ranges::minmax(runs);
  return (largest - smallest) / middle;
}

void Figures::add(const FigureKey& key, double value) {
  auto found = std::ranges::find(figures_, key, &Figure::key);
  if (found == figures_.end()) found = figures_.insert(found, {key, {}});
  found->runs.push_back(value);
}

void Figures::note(std::string text) {
  if (std::ranges::find(notes_, text) == notes_.end()) notes_.push_back(std::move(text));
}

void Figures::compare(std::string name, const FigureKey& upper, const FigureKey& lower,
                      std::optional<double> wanted, std::optional<double> elsewhere) {
  const Figure* const over = find(upper);
  const Figure* const under = find(lower);
  if (over == nullptr || under == nullptr || under->median() == 0) return;
  ratios_.push_back({std::move(name), over->median() / under->median(), wanted, elsewhere});
}

void Figures::compare(std::string name, const FigureKey& upper, double lower,
                      std::optional<double> wanted) {
  const Figure* const over = find(upper);
  if (over == nullptr) return;
  ratios_.push_back({std::move(name), over->median() / lower, wanted, std::nullopt});
}

const Figure* Figures::find(const FigureKey& key) const noexcept {
  const auto found = std::ranges::find(figures_, key, &Figure::key);
  return found == figures_.end() ? nullptr : &*found;
}

}  // namespace siltstone::kvbench
