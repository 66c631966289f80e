// A shared mapping of a file, on file systems where it is known what a store into it does.
//
// These are on the list because they were tried: storing into a page that populate() had faulted in
// did not fail on a full disk, nor while the kernel wrote the page back. XFS is not: a store after
// its shutdown is SIGBUS at once.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "io/storage.h"

namespace siltstone::io {

class PosixMapping final : public Mapping {
 public:
  /// Held in memory as well, where the limits of the process allow it. `path` is for messages.
  [[nodiscard]] static Result<std::unique_ptr<Mapping>> map(int descriptor, std::size_t length,
                                                            std::string_view path);
  /// Takes over a mapping.
  PosixMapping(std::span<std::byte> bytes, std::string path) noexcept
      : bytes_(bytes), path_(std::move(path)) {}
  ~PosixMapping() override;

  std::span<std::byte> bytes() const noexcept override { return bytes_; }
  Result<void> populate(std::size_t offset, std::size_t length) noexcept override;

 private:
  const std::span<std::byte> bytes_;
  const std::string path_;
};

}  // namespace siltstone::io
