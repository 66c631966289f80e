// See test_file.h.
#include "studies/test_file.h"

#include <fcntl.h>

#include <cstring>

#include "base/aligned_buffer.h"
#include "base/random.h"
#include "base/try.h"
#include "io/complete.h"
#include "io/posix_storage.h"
#include "studies/timing.h"

namespace siltstone::kvbench {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{1} << 20;

// No two chunks are the same, or a device that looks for copies could keep one of them.
Result<void> fill(io::File& file, std::uint64_t bytes) {
  io::Channel channel(SILT_TRY(io::posix_storage().make_queue(1)));
  const auto buffer = SILT_TRY(base::AlignedBuffer::allocate(kChunkBytes));
  base::Random random(1);
  for (std::uint64_t offset = 0; offset < bytes; offset += kChunkBytes) {
    SILT_TRY(check_interrupt());
    for (std::size_t at = 0; at < kChunkBytes; at += sizeof(std::uint64_t)) {
      const std::uint64_t word = random.next();
      std::memcpy(buffer.data() + at, &word, sizeof word);
    }
    SILT_TRY(channel.write_all(file, offset, buffer.bytes()));
  }
  return channel.sync(file);
}

}  // namespace

Result<OpenedTwice> OpenedTwice::open(const std::string& dir, std::string_view name, bool direct,
                                      int plain_flags) {
  const auto directory = SILT_TRY(io::posix_storage().open_directory(dir));
  auto file = SILT_TRY(
      directory->open(name, {.access = io::Access::read_write, .create = true, .direct = direct}));
  const std::string path = dir + '/' + std::string(name);
  const int flags = O_RDWR | O_CLOEXEC | (file->direct() ? O_DIRECT : 0) | plain_flags;
  auto descriptor = SILT_TRY(io::FileDescriptor::own(::open(path.c_str(), flags), "open", path));
  return OpenedTwice{std::move(file), std::move(descriptor)};
}

Result<TestFile> TestFile::make(const StudySettings& settings, std::string_view label,
                                std::uint64_t bytes) {
  bytes = (bytes + kChunkBytes - 1) / kChunkBytes * kChunkBytes;
  auto dir = SILT_TRY(WorkDir::create(settings.dir, label, settings.keep));
  auto opened = SILT_TRY(OpenedTwice::open(dir.path(), "data", true));
  SILT_TRY(fill(*opened.file, bytes));
  return TestFile(std::move(dir), std::move(opened), bytes);
}

void TestFile::note(Figures& figures) const {
  if (!file().direct()) {
    figures.note("this file system cannot bypass the page cache: memory is measured, not a disk");
  }
}

}  // namespace siltstone::kvbench
