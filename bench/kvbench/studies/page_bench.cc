// See page_bench.h.
#include "studies/page_bench.h"

#include <cstring>

#include <fmt/format.h>

#include "base/try.h"
#include "io/clock.h"
#include "io/environment.h"

namespace siltstone::kvbench {
namespace {

constexpr std::size_t kDepth = 64;

}  // namespace

Result<std::unique_ptr<PageBench>> PageBench::make(const Backend& backend, const std::string& dir,
                                                   std::uint32_t pages) {
  std::unique_ptr<PageBench> bench(new PageBench);
  bench->backend_ = backend.name;
  bench->channel_ = SILT_TRY(backend.channel(kDepth));
  const auto directory = SILT_TRY(backend.storage->open_directory(dir));
  page::Identity identity;
  io::system_entropy().fill(identity.store.bytes);
  auto opened = SILT_TRY(page::PageFile::create(*directory, fmt::format("pages-{}", backend.name),
                                                *bench->channel_, io::system_clock(), identity,
                                                base::as_bytes("kvbench")));
  bench->file_ = std::move(opened.file);
  bench->extent_ = SILT_TRY(bench->file_->allocate(pages, page::Claim::ordinary));
  return bench;
}

Result<std::unique_ptr<page::ExtentWriter>> PageBench::writer(page::WriterOptions options) {
  return page::ExtentWriter::make(*file_, *channel_, options);
}

Result<std::unique_ptr<page::PageReader>> PageBench::reader() {
  return page::PageReader::make(file_->file(), *channel_, file_->meter());
}

Result<void> PageBench::fill(base::Bytes page) {
  const auto filler = SILT_TRY(writer());
  for (std::uint32_t i = 0; i < extent_.pages; ++i) {
    SILT_TRY(filler->write(extent_.first + i, page));
  }
  SILT_TRY(filler->flush());
  return channel_->sync(file_->file());
}

void fill_page(base::MutableBytes out, std::uint64_t tag) {
  for (std::size_t at = 0; at < out.size(); at += sizeof tag) {
    const std::uint64_t word = tag * 0x9e37'79b9'7f4a'7c15 + at;
    std::memcpy(out.data() + at, &word, sizeof word);
  }
}

}  // namespace siltstone::kvbench
