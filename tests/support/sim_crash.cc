// Cutting the power: decide the fate of every pending change, then replay what survives.
#include "support/sim_crash.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "support/sim_disk.h"

namespace siltstone::support {

namespace {

enum class Fate : std::uint8_t { lost, kept, torn };

/// A pending change of some node, to be decided on.
struct Candidate {
  Ticket ticket;
  Inode inode;
  std::size_t index;
  bool is_write;
  bool is_name;
};

constexpr std::array kKeepNames = {"synced",   "everything", "prefix", "all_but_one",
                                   "only_one", "random",     "torn"};
constexpr std::array kNamesNames = {"strict", "ordered", "lost"};
constexpr std::array kFillNames = {"zeros", "stale"};

}  // namespace

Crash Crash::from_seed(std::uint64_t seed) noexcept {
  Rng rng(seed);
  return {
      .seed = seed,
      .keep = static_cast<Keep>(rng.below(kKeepNames.size())),
      .names = static_cast<Names>(rng.below(kNamesNames.size())),
      .fill = static_cast<Fill>(rng.below(kFillNames.size())),
      .tear_bytes = rng.below(4) == 0 ? 4096U : 512U,
  };
}

std::string Crash::to_string() const {
  return fmt::format("keep={} names={} fill={} tear={} seed={}",
                     kKeepNames[static_cast<std::size_t>(keep)],
                     kNamesNames[static_cast<std::size_t>(names)],
                     kFillNames[static_cast<std::size_t>(fill)], tear_bytes, seed);
}

class CrashBuilder {
 public:
  CrashBuilder(const Disk& before, const Crash& crash)
      : before_(before), crash_(crash), rng_(crash.seed) {}

  Disk build() {
    gather();
    decide();
    Disk after;
    after.last_inode_ = before_.last_inode_;
    after.ticket_ = before_.ticket_;
    after.journal_ = before_.ticket_;
    after.recycled_ = before_.recycled_;
    rebuild_directory(after, Disk::kRoot);
    for (const auto& [inode, node] : before_.files_) {
      if (!after.files_.contains(inode)) after.recycle(node->media());
    }
    return after;
  }

 private:
  void gather() {
    for (const auto& [inode, node] : before_.directories_) {
      const auto& pending = node->pending();
      fates_[inode].resize(pending.size(), Fate::kept);
      for (std::size_t i = 0; i < pending.size(); ++i) {
        if (!pending[i].durable) add({pending[i].ticket, inode, i, false, true});
      }
    }
    for (const auto& [inode, node] : before_.files_) {
      const auto& pending = node->pending();
      fates_[inode].resize(pending.size(), Fate::kept);
      for (std::size_t i = 0; i < pending.size(); ++i) {
        const bool is_write = pending[i].kind == FileChange::Kind::write;
        if (!pending[i].durable) add({pending[i].ticket, inode, i, is_write, false});
      }
    }
    std::sort(candidates_.begin(), candidates_.end(), [](const Candidate& a, const Candidate& b) {
      return std::tie(a.ticket, a.inode, a.index) < std::tie(b.ticket, b.inode, b.index);
    });
  }

  void add(const Candidate& candidate) { candidates_.push_back(candidate); }

  void decide() {
    // One is always chosen, so that all modes draw alike.
    const std::size_t count = candidates_.size();
    const std::size_t chosen = rng_.below(count + (crash_.keep == Keep::prefix ? 1 : 0));
    const double bias = 0.1 * static_cast<double>(rng_.between(1, 9));
    const Ticket journalled = journal_end(chosen);
    for (std::size_t i = 0; i < count; ++i) {
      const Candidate& candidate = candidates_[i];
      Fate fate = fate_of(i, chosen, bias, candidate.is_write);
      if (!candidate.is_write && crash_.names == Names::ordered) {
        fate = candidate.ticket <= journalled ? Fate::kept : Fate::lost;
      }
      if (candidate.is_name && crash_.names == Names::lost) fate = Fate::lost;
      fates_[candidate.inode][candidate.index] = fate;
    }
  }

  /// Names::ordered: the ticket of the last metadata change that survives.
  Ticket journal_end(std::size_t chosen) {
    Ticket end = before_.ticket_;
    switch (crash_.keep) {
      case Keep::synced: end = 0; break;
      case Keep::everything: break;
      case Keep::prefix:
        end = chosen < candidates_.size() ? candidates_[chosen].ticket - 1 : end;
        break;
      default: end = rng_.between(std::min(before_.journal_, end), end);
    }
    return std::max(end, before_.journal_);
  }

  Fate fate_of(std::size_t i, std::size_t chosen, double bias, bool is_write) {
    const auto either = [](bool kept) { return kept ? Fate::kept : Fate::lost; };
    switch (crash_.keep) {
      case Keep::synced: return Fate::lost;
      case Keep::everything: return Fate::kept;
      case Keep::prefix: return i == chosen && is_write ? Fate::torn : either(i < chosen);
      case Keep::all_but_one: return either(i != chosen);
      case Keep::only_one: return either(i == chosen);
      case Keep::random: return either(rng_.chance(bias));
      case Keep::torn: return is_write ? Fate::torn : either(rng_.coin());
    }
    return Fate::lost;
  }

  void rebuild_directory(Disk& after, Inode inode) {
    const DirectoryNode& node = before_.directory(inode);
    Entries entries = node.durable();
    for (std::size_t i = 0; i < node.pending().size(); ++i) {
      if (fates_[inode][i] != Fate::lost) node.pending()[i].apply(entries);
    }
    after.directories_[inode].edit().restart(entries);
    for (const auto& [name, entry] : entries) {
      if (entry.directory) {
        rebuild_directory(after, entry.inode);
      } else if (!after.files_.contains(entry.inode)) {
        after.files_[entry.inode].edit().restart(rebuild_file(entry.inode));
      }
    }
  }

  Image rebuild_file(Inode inode) {
    const FileNode& node = before_.file(inode);
    Image image = node.durable();
    for (std::size_t i = 0; i < node.pending().size(); ++i) {
      const FileChange& change = node.pending()[i];
      const Fate fate = fates_[inode][i];
      if (change.durable) {
        change.apply(image);
      } else if (fate == Fate::kept) {
        const bool unwritten = change.kind == FileChange::Kind::allocate;
        if (unwritten && crash_.keep != Keep::everything) fill(image, change);
        change.apply(image);
      } else if (change.kind == FileChange::Kind::write) {
        lose(image, change, fate);
      }
    }
    return image;
  }

  /// A write that did not make it, or not whole: size and blocks may have, without the data.
  void lose(Image& image, const FileChange& write, Fate fate) {
    if (crash_.keep == Keep::synced) return;
    if (fate == Fate::torn) return tear(image, write);
    const bool grows = write.offset + write.length > image.size_bytes();
    if (grows && rng_.coin()) fill(image, write);
  }

  void tear(Image& image, const FileChange& write) {
    bool any = false;
    std::uint64_t piece = 0;
    for (std::uint64_t done = 0; done < write.length; done += piece) {
      const std::uint64_t at = write.offset + done;
      piece = std::min(crash_.tear_bytes - at % crash_.tear_bytes, write.length - done);
      if (!rng_.coin()) continue;
      if (!std::exchange(any, true) && rng_.coin()) fill(image, write);
      image.write(at, std::span(*write.data).subspan(done, piece));
    }
    if (!any && rng_.coin()) fill(image, write);
  }

  /// Gives the range the blocks and the size that it lacks; what is in them is as crash_.fill says.
  void fill(Image& image, const FileChange& change) {
    const std::uint64_t end = change.offset + change.length;
    const std::uint64_t first = change.offset / Image::kBlockBytes;
    std::vector<std::uint64_t> fresh;
    for (std::uint64_t i = first; i * Image::kBlockBytes < end; ++i) {
      if (!image.is_allocated(i * Image::kBlockBytes)) fresh.push_back(i * Image::kBlockBytes);
    }
    image.allocate(change.offset, change.length);
    if (crash_.fill == Fill::zeros) return;
    for (const std::uint64_t at : fresh) {
      const std::uint64_t length = std::min(Image::kBlockBytes, image.size_bytes() - at);
      const Image::Block block = garbage();
      image.write(at, std::span(block).first(length));
    }
  }

  Image::Block garbage() {
    if (!before_.recycled_.empty() && rng_.below(4) != 0) {
      return *before_.recycled_[rng_.below(before_.recycled_.size())];
    }
    Image::Block block;
    for (std::byte& byte : block) byte = static_cast<std::byte>(rng_.next());
    return block;
  }

  const Disk& before_;
  const Crash& crash_;
  Rng rng_;
  std::vector<Candidate> candidates_;
  std::map<Inode, std::vector<Fate>> fates_;
};

Disk Disk::crashed(const Crash& crash) const { return CrashBuilder(*this, crash).build(); }

}  // namespace siltstone::support
