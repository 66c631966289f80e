// A mapping of a simulated file. The machine cannot see stores, so it looks for them where it
// matters: before a read, a power cut, a kill, a snapshot, and whenever a part is populated. What
// differs from the file by then is a write of whole pages, volatile like any; between two such
// moments a page may have been written back in any state that one of them saw.
//
// A store into a page that was never populated, or whose last populate() failed, would be SIGBUS:
// it stops the program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "io/storage.h"
#include "support/sim_machine.h"

namespace siltstone::support {

class SimMapping final : public io::Mapping {
 public:
  /// Under the lock of the machine.
  SimMapping(SimMachine& machine, Inode inode, std::string path, std::size_t length);
  ~SimMapping() override;

  [[nodiscard]] std::span<std::byte> bytes() const noexcept override { return memory_; }
  [[nodiscard]] Result<void> populate(std::size_t offset, std::size_t length) noexcept override;

  /// For the machine, under its lock.
  void take_stores(Disk& disk) const;

 private:
  enum class Page : std::uint8_t { unseen, ready, refused };

  [[nodiscard]] bool is_alive() const noexcept;
  [[nodiscard]] std::span<std::byte> page(std::size_t index) const noexcept;

  SimMachine& machine_;
  const Inode inode_;
  const std::string path_;
  const std::uint64_t boot_;
  mutable Bytes memory_;
  std::vector<Page> pages_;
};

}  // namespace siltstone::support
