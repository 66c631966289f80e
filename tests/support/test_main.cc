// The main function of every doctest executable: doctest's, and the seeds that property.h runs.
#define DOCTEST_CONFIG_IMPLEMENT
#include "support/property.h"

#include <atomic>
#include <charconv>
#include <cstdio>
#include <string_view>

namespace siltstone::support {

namespace {

struct Run {
  std::string program = "test";
  std::string test_case;
  SeedRange seeds;
  std::atomic<std::uint64_t> failed{0};
};

Run& run() {
  static Run instance;
  return instance;
}

/// Knows which test case runs and how many checks failed.
class Observer final : public doctest::IReporter {
 public:
  explicit Observer(const doctest::ContextOptions& /*options*/) {}
  void report_query(const doctest::QueryData& /*data*/) override {}
  void test_run_start() override {}
  void test_run_end(const doctest::TestRunStats& /*stats*/) override {}
  void test_case_start(const doctest::TestCaseData& data) override {
    run().test_case = data.m_name;
  }
  void test_case_reenter(const doctest::TestCaseData& /*data*/) override {}
  void test_case_end(const doctest::CurrentTestCaseStats& /*stats*/) override {}
  void test_case_exception(const doctest::TestCaseException& /*exception*/) override {}
  void subcase_start(const doctest::SubcaseSignature& /*signature*/) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData& data) override {
    if (data.m_failed) ++run().failed;
  }
  void log_message(const doctest::MessageData& data) override {
    if ((data.m_severity & doctest::assertType::is_warn) == 0) ++run().failed;
  }
  void test_case_skipped(const doctest::TestCaseData& /*data*/) override {}
};

DOCTEST_REGISTER_LISTENER("observer", 1, Observer);

bool parse(std::string_view text, std::uint64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

/// "--seed=17" or "--seeds=10..20". False when it is neither, or malformed.
bool take_seeds(std::string_view argument, SeedRange& seeds) {
  if (argument.starts_with("--seed=")) {
    if (!parse(argument.substr(7), seeds.first)) return false;
    seeds.end = seeds.first + 1;
    return true;
  }
  if (!argument.starts_with("--seeds=")) return false;
  argument.remove_prefix(8);
  const std::size_t dots = argument.find("..");
  return dots != std::string_view::npos && parse(argument.substr(0, dots), seeds.first) &&
         parse(argument.substr(dots + 2), seeds.end) && seeds.first < seeds.end;
}

}  // namespace

SeedRange seeds_to_run(std::uint64_t count) noexcept {
  const SeedRange& asked = run().seeds;
  return asked.end != 0 ? asked : SeedRange{0, count};
}

std::string repro(std::uint64_t seed) {
  std::string name = run().test_case;
  // A comma would begin another pattern, and these would end the shell's word.
  for (char& c : name) {
    if (c == ',' || c == '"' || c == '$' || c == '`' || c == '\\') c = '?';
  }
  return run().program + " --test-case=\"" + name + "\" --seed=" + std::to_string(seed);
}

std::uint64_t failed_checks() noexcept { return run().failed; }

}  // namespace siltstone::support

int main(int argc, char** argv) {
  using namespace siltstone::support;
  run().program = argv[0];
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.starts_with("--seed") && !take_seeds(argument, run().seeds)) {
      std::fprintf(stderr, "%s: %s: expected --seed=N or --seeds=A..B\n", argv[0], argv[i]);
      return 2;
    }
  }
  return doctest::Context(argc, argv).run();
}
