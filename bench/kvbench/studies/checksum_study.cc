// What the processor's own instructions do for the checksum of everything stored.
#include <array>
#include <cstddef>

#include <fmt/format.h>

#include "base/aligned_buffer.h"
#include "base/crc32c.h"
#include "base/crc32c_paths.h"
#include "base/random.h"
#include "base/try.h"
#include "studies/study.h"
#include "studies/timing.h"

namespace siltstone::kvbench {
namespace {

constexpr std::array<std::size_t, 5> kSizes{64, 512, 4096, 65536, std::size_t{1} << 20};
/// Bytes between two looks at the clock, so that it does not count.
constexpr std::size_t kBytesPerLook = std::size_t{4} << 20;
/// What others report of instructions against tables lies between ten and fifty times.
constexpr double kLeastElsewhere = 10;

FigureKey key_of(std::size_t bytes, std::string_view way) {
  return {"CRC32C", fmt::format("{} B", bytes), std::string(way), "MB/s"};
}

class ChecksumStudy final : public Study {
 public:
  explicit ChecksumStudy(const StudySettings& settings) : settings_(settings) {}

  Result<void> set_up() override {
    buffer_ = SILT_TRY(base::AlignedBuffer::allocate(kSizes.back()));
    base::Random random(1);
    for (std::byte& byte : buffer_.bytes()) byte = static_cast<std::byte>(random.next());
    return {};
  }

  Result<void> measure(Figures& figures) override {
    const double seconds =
        settings_.seconds / static_cast<double>(kSizes.size() * base::crc::all_paths().size());
    for (const std::size_t bytes : kSizes) {
      for (const base::crc::Path& path : base::crc::all_paths()) {
        if (!path.usable()) continue;
        const double looks = SILT_TRY(rate_for(seconds, [&]() -> Result<void> {
          for (std::size_t done = 0; done < kBytesPerLook; done += bytes) {
            crc_ = path.extend(crc_, buffer_.data(), bytes);
          }
          return {};
        }));
        figures.add(key_of(bytes, path.name), looks * static_cast<double>(kBytesPerLook) * 1e-6);
      }
    }
    return {};
  }

  void conclude(Figures& figures) const override {
    for (const std::size_t bytes : kSizes) {
      for (const base::crc::Path& table : base::crc::all_paths().first(2)) {
        figures.compare(fmt::format("{} / {}, {} B", base::crc32c_path_name(), table.name, bytes),
                        key_of(bytes, base::crc32c_path_name()), key_of(bytes, table.name),
                        std::nullopt, kLeastElsewhere);
      }
    }
    figures.note(
        fmt::format("the engine uses {}; bytewise and slicing are tables (of 1 and of "
                    "several bytes); elsewhere 10 to 50 is told of instructions",
                    base::crc32c_path_name()));
    figures.note(fmt::format("checksum of all that was summed: {:08x}", crc_));
  }

 private:
  const StudySettings& settings_;
  base::AlignedBuffer buffer_;
  std::uint32_t crc_ = 0;  // used, so that no compiler leaves the work out
};

}  // namespace

std::unique_ptr<Study> make_checksum_study(const StudySettings& settings) {
  return std::make_unique<ChecksumStudy>(settings);
}

}  // namespace siltstone::kvbench
