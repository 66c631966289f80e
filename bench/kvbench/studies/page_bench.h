// A page file of its own on one backend, with one extent to write to.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <siltstone/error.h>

#include "base/aligned_buffer.h"
#include "io/complete.h"
#include "page/extent_writer.h"
#include "page/page_file.h"
#include "page/page_reader.h"
#include "studies/backends.h"

namespace siltstone::kvbench {

/// Thread-bound. The backend outlives it.
class PageBench {
 public:
  /// Makes DIR/pages-BACKEND with an extent of so many pages, which read as zeros.
  [[nodiscard]] static Result<std::unique_ptr<PageBench>> make(const Backend& backend,
                                                               const std::string& dir,
                                                               std::uint32_t pages);

  [[nodiscard]] std::string_view backend() const noexcept { return backend_; }
  [[nodiscard]] io::Channel& channel() noexcept { return *channel_; }
  [[nodiscard]] page::PageFile& file() noexcept { return *file_; }
  [[nodiscard]] const page::Extent& extent() const noexcept { return extent_; }

  [[nodiscard]] Result<std::unique_ptr<page::ExtentWriter>> writer(
      page::WriterOptions options = {});
  [[nodiscard]] Result<std::unique_ptr<page::PageReader>> reader();
  /// Writes every page of the extent and syncs: later writes find blocks that were used before.
  [[nodiscard]] Result<void> fill(base::Bytes page);

 private:
  PageBench() = default;

  std::string_view backend_;
  std::unique_ptr<io::Channel> channel_;
  std::unique_ptr<page::PageFile> file_;
  page::Extent extent_;
};

/// A page of bytes that name it, aligned.
void fill_page(base::MutableBytes out, std::uint64_t tag);

}  // namespace siltstone::kvbench
