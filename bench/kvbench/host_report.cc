// See host_report.h.
#include "host_report.h"

#include <fmt/format.h>
#include <siltstone/version.h>
#include <nlohmann/json.hpp>

namespace siltstone::kvbench {
namespace {

/// Of the cores: when more threads want to run, ours may have to wait for one.
constexpr double kBusyShare = 0.5;

}  // namespace

std::string format_host(const Host& host, const Build& build, const std::string& dir) {
  return fmt::format(
      "kvbench   {}, build {}, {}{}\n"
      "CPU       {}, {} usable\n"
      "kernel    {}\n"
      "files     {} on {}, in {}\n",
      siltstone::version(), build.type, build.compiler,
      build.assertions ? ", assertions on: release builds are faster" : "", host.cpu, host.cores,
      host.kernel, host.file_system, host.device, dir);
}

std::string format_warnings(const Host& host, const Build& build) {
  std::string text;
  if (!build.unfit.empty()) {
    text += fmt::format("WARNING   this build is not meant to be measured: {}\n", build.unfit);
  }
  if (host.load > kBusyShare * host.cores) {
    text += fmt::format("WARNING   the machine is busy (load {:.1f}): figures will be too low\n",
                        host.load);
  }
  if (host.file_system == "tmpfs") {
    text += "WARNING   tmpfs is memory: nothing here is durable, and no device is measured\n";
  }
  return text;
}

nlohmann::ordered_json host_json(const Host& host, const Build& build) {
  return {{"cpu", host.cpu},
          {"cores", host.cores},
          {"load", host.load},
          {"kernel", host.kernel},
          {"file_system", host.file_system},
          {"device", host.device},
          {"build", build.type},
          {"compiler", build.compiler},
          {"assertions", build.assertions}};
}

}  // namespace siltstone::kvbench
