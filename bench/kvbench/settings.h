// What a run is asked to do: the command line, checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "engine.h"

namespace siltstone::kvbench {

struct Settings {
  std::vector<std::string> engines;
  std::vector<std::string> workloads;
  std::string dir;             ///< Where the stores are made, each in a fresh directory.
  StoreOptions store;          ///< As every engine gets it.
  std::uint64_t num = 20'000;  ///< Entries a fill writes; each may wait for the device.
  std::uint64_t reads = 0;     ///< Operations of a point-read workload; 0: num.
  std::size_t key_bytes = 16;
  std::size_t value_bytes = 100;
  double compressibility = 0.5;  ///< The part of a value that a compressor can take away.
  std::uint64_t batch = 1000;    ///< Puts in a batch of fillbatch.
  unsigned threads = 1;
  unsigned repeat = 1;
  std::uint64_t seed = 1;
  bool verify = false;    ///< Check every key and value that is read.
  bool force = false;     ///< Measure even with a build that is not meant to be measured.
  bool keep = false;      ///< Leave the stores behind.
  std::string json_path;  ///< Empty: no JSON. "-": to stdout, and the table to stderr.
};

}  // namespace siltstone::kvbench
