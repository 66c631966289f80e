// What a study found: rates of several ways to do the same thing, so many times each, and the
// ratios between them that matter.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace siltstone::kvbench {

/// What is measured: `what` happens, in this variant, by this way.
struct FigureKey {
  std::string what;     ///< "random read of 4 KiB".
  std::string variant;  ///< "depth 64".
  std::string way;      ///< "ring".
  std::string unit;     ///< "op/s".

  friend bool operator==(const FigureKey&, const FigureKey&) = default;
};

struct Figure {
  FigureKey key;
  std::vector<double> runs;  ///< One a repeat, at least one.

  /// The lower one of two in the middle.
  [[nodiscard]] double median() const;
  /// (largest - smallest) / median; nothing after a single run, or when the median is 0.
  [[nodiscard]] std::optional<double> spread() const;
};

struct Ratio {
  std::string name;
  double value = 0;
  std::optional<double> wanted;     ///< At least so much.
  std::optional<double> elsewhere;  ///< What others have published for something like it.
};

/// Figures in the order of their first run.
class Figures {
 public:
  void add(const FigureKey& key, double value);
  /// Something that a reader of the figures must know; each is kept once.
  void note(std::string text);
  /// The ratio of two medians, unless one of them was not measured.
  void compare(std::string name, const FigureKey& upper, const FigureKey& lower,
               std::optional<double> wanted = std::nullopt,
               std::optional<double> elsewhere = std::nullopt);

  /// The same against a figure that was not measured here, which is not 0.
  void compare(std::string name, const FigureKey& upper, double lower,
               std::optional<double> wanted = std::nullopt);

  [[nodiscard]] const std::vector<Figure>& all() const noexcept { return figures_; }
  [[nodiscard]] const std::vector<Ratio>& ratios() const noexcept { return ratios_; }
  [[nodiscard]] const std::vector<std::string>& notes() const noexcept { return notes_; }
  /// Null when it was not measured.
  [[nodiscard]] const Figure* find(const FigureKey& key) const noexcept;

 private:
  std::vector<Figure> figures_;
  std::vector<Ratio> ratios_;
  std::vector<std::string> notes_;
};

}  // namespace siltstone::kvbench
