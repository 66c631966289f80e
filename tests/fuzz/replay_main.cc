// Runs a fuzz target without a fuzzer: over files, and over mutations of them drawn from a seed.
//
//   wal_fuzz [--mutations N] FILE...
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string_view>
#include <vector>

#include "base/random.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Input = std::vector<std::uint8_t>;

/// A few changes as fuzzers make them: bits, interesting bytes, runs moved, doubled, cut.
Input mutate(Input input, siltstone::base::Random& random) {
  for (std::uint64_t changes = random.between(1, 4); changes > 0 && !input.empty(); --changes) {
    const auto at = static_cast<std::ptrdiff_t>(random.below(input.size()));
    const auto rest = static_cast<std::uint64_t>(std::ssize(input) - at);
    const auto run = static_cast<std::ptrdiff_t>(random.below(rest < 200 ? rest : 200));
    const Input part(input.begin() + at, input.begin() + at + run);
    switch (random.below(5)) {
      case 0:
        input[static_cast<std::size_t>(at)] ^= static_cast<std::uint8_t>(1U << random.below(8));
        break;
      case 1:
        input[static_cast<std::size_t>(at)] =
            std::vector<std::uint8_t>{0, 1, 0x7f, 0x80, 0xff}[random.below(5)];
        break;
      case 2: input.insert(input.begin() + at, part.begin(), part.end()); break;
      case 3: input.insert(input.end(), part.begin(), part.end()); break;
      default: input.erase(input.begin() + at, input.begin() + at + run); break;
    }
  }
  return input;
}

}  // namespace

int main(int count, char** arguments) {
  std::uint64_t mutations = 0;
  for (int i = 1; i < count; ++i) {
    if (std::string_view(arguments[i]) == "--mutations" && i + 1 < count) {
      mutations = std::strtoull(arguments[++i], nullptr, 10);
      continue;
    }
    std::ifstream file(arguments[i], std::ios::binary);
    if (!file) {
      std::fprintf(stderr, "cannot read %s\n", arguments[i]);
      return EXIT_FAILURE;
    }
    const Input input{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    LLVMFuzzerTestOneInput(input.data(), input.size());
    siltstone::base::Random random(input.size());
    for (std::uint64_t n = 0; n < mutations; ++n) {
      const Input mutated = mutate(input, random);
      LLVMFuzzerTestOneInput(mutated.data(), mutated.size());
    }
  }
  return EXIT_SUCCESS;
}
