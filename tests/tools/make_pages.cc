// Makes the page files that the tests of kvdump look at, in a directory that is there.
//
//   make_pages DIR [commit]
//
// Always the same file: generation 4, with an extent of 48 pages, and one of 16 that only
// generation 3 had. Each page of an extent begins with its number as text. With `commit` the file
// that is there gets one generation after the other until stdin ends.
#include <poll.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "io/environment.h"
#include "page/commit.h"
#include "page/extent_writer.h"
#include "page/page_file.h"

namespace {

using namespace siltstone;

/// The value, or the end of the program with the error.
template <typename T>
T need(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "make_pages: %s\n", result.error().to_string().c_str());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

page::Extent write_extent(page::PageFile& file, io::Channel& channel, std::uint32_t pages) {
  const page::Extent extent = need(file.allocate(pages, page::Claim::ordinary));
  const auto writer = need(page::ExtentWriter::make(file, channel));
  for (std::uint32_t i = 0; i < extent.pages; ++i) {
    std::string content = fmt::format("page {}", extent.first.value() + i);
    content.resize(page::kPageBytes);
    need(writer->write(extent.first + i, base::as_bytes(content)));
  }
  need(writer->flush());
  return extent;
}

void commit(page::PageFile& file, io::Channel& channel, page::Edit edit, std::string_view payload) {
  const auto commit =
      need(page::Commit::begin(file, channel, std::move(edit), base::as_bytes(payload)));
  commit->wait();
  need(commit->outcome());
}

void make(io::Directory& directory, io::Channel& channel) {
  page::Identity identity{.store = {}, .hash_seed = 42};
  identity.store.bytes.fill(std::byte{7});
  const auto file = need(page::PageFile::create(directory, "pages", channel, io::system_clock(),
                                                identity, base::as_bytes("one")))
                        .file;
  const page::Extent kept = write_extent(*file, channel, 40);
  const page::Extent freed = write_extent(*file, channel, 16);
  commit(*file, channel, {.added = {kept, freed}}, "two");
  commit(*file, channel, {.freed = {freed}}, "three");
}

void keep_committing(io::Directory& directory, io::Channel& channel) {
  const auto opened =
      need(page::PageFile::open(directory, "pages", channel, io::system_clock())).value();
  std::puts("ready");
  std::fflush(stdout);
  pollfd end{.fd = 0, .events = POLLIN, .revents = 0};
  for (int i = 0; poll(&end, 1, 0) == 0; ++i) {
    const page::Extent extent = write_extent(*opened.file, channel, 16);
    commit(*opened.file, channel, {.added = {extent}}, fmt::format("added {}", i));
    commit(*opened.file, channel, {.freed = {extent}}, fmt::format("freed {}", i));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  io::Storage& storage = *io::system_environment().storage;
  const auto directory = need(storage.open_directory(argv[1]));
  io::Channel channel(need(storage.make_queue(8)));
  if (argc == 2) {
    make(*directory, channel);
  } else if (std::string_view(argv[2]) == "commit") {
    keep_committing(*directory, channel);
  }
}
