// See fio.h. It is started directly, without a shell in between.
#include "studies/fio.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/try.h"
#include "io/file_descriptor.h"

namespace siltstone::kvbench {
namespace {

std::string read_to_end(int descriptor) {
  std::string text;
  std::array<char, 4096> piece{};
  for (;;) {
    const ssize_t got =
        io::uninterrupted([&] { return read(descriptor, piece.data(), piece.size()); });
    if (got <= 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(got));
  }
}

/// What fio prints on stdout. An error when it cannot be started, or fails.
Result<std::string> run_fio(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "fio");
  std::vector<char*> pointers;
  pointers.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);

  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return base::fail_os(errno, "make a pipe");
  const auto from = SILT_TRY(io::FileDescriptor::own(ends[0], "make a pipe", {}));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  const int failed = posix_spawnp(&child, "fio", &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  if (failed != 0) return base::fail_os(failed, "start fio");
  std::string text = read_to_end(from.get());
  int status = 0;
  const pid_t ended = io::uninterrupted([&] { return waitpid(child, &status, 0); });
  if (ended != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return base::fail(ErrorCode::io, "fio failed");
  }
  return text;
}

/// A colon parts file names to fio.
std::string escaped(const std::string& path) {
  std::string text;
  for (const char c : path) {
    if (c == ':' || c == '\\') text += '\\';
    text += c;
  }
  return text;
}

}  // namespace

std::string fio_version() {
  const auto text = run_fio({"--version"});
  return text ? text->substr(0, text->find('\n')) : std::string();
}

Result<double> fio_reads(const TestFile& file, unsigned depth, double seconds) {
  const std::string report = SILT_TRY(run_fio({
      "--name=io-depth",
      "--readonly",
      "--filename=" + escaped(file.path()),
      fmt::format("--size={}", file.bytes()),
      "--rw=randread",
      "--bs=4k",
      "--norandommap",
      "--randrepeat=0",
      fmt::format("--direct={}", file.file().direct() ? 1 : 0),
      "--ioengine=io_uring",
      fmt::format("--iodepth={}", depth),
      "--time_based",
      fmt::format("--runtime={}ms", static_cast<std::uint64_t>(seconds * 1000)),
      "--output-format=json",
  }));
  // It may say things before the report begins.
  const auto json = nlohmann::json::parse(report.substr(std::min(report.find('{'), report.size())),
                                          nullptr, false);
  if (json.is_discarded()) return base::fail(ErrorCode::io, "fio printed no JSON");
  const auto& jobs = json.value("jobs", nlohmann::json::array());
  if (jobs.empty()) return base::fail(ErrorCode::io, "fio reported no job");
  return jobs[0].value("/read/iops"_json_pointer, 0.0);
}

}  // namespace siltstone::kvbench
