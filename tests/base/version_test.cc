// The version is written down in the build file and in a header: they must agree.
#include <siltstone/version.h>

#include <string>
#include <string_view>

#include <doctest/doctest.h>

using namespace siltstone;

TEST_CASE("version: header, library and build file agree") {
  CHECK(std::string_view(SILT_VERSION_STRING) == SILT_TEST_PROJECT_VERSION);
  CHECK(std::string_view(version()) == SILT_TEST_PROJECT_VERSION);
  const std::string parts = std::to_string(SILT_VERSION_MAJOR) + "." +
                            std::to_string(SILT_VERSION_MINOR) + "." +
                            std::to_string(SILT_VERSION_PATCH);
  CHECK(parts == SILT_TEST_PROJECT_VERSION);
}
