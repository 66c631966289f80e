// Builds an index: the text, then node after node from the root on, each adding those below it (no
// recursion: separators can nest as deep as they are long), then all of it in one piece.
#include <algorithm>
#include <cstring>
#include <vector>

#include "base/assert.h"
#include "table/index.h"

namespace siltstone::table {

using trie::Group;
using trie::HeadLine;
using trie::kLineChildren;
using trie::kLineHeads;
using trie::Node;

class IndexBuilder {
 public:
  IndexBuilder(std::string_view prefix, std::span<const Separator> separators);

  [[nodiscard]] Index finish() const;

 private:
  void add_text(std::string_view text);
  [[nodiscard]] std::string_view suffix(std::uint32_t separator) const noexcept;
  [[nodiscard]] std::uint32_t shared_from(std::uint32_t from, std::uint32_t first,
                                          std::uint32_t end) const noexcept;
  std::uint32_t add_node(std::uint32_t from, std::uint32_t first, std::uint32_t end,
                         unsigned depth);
  void fill_node(std::size_t at);
  void add_groups(Node& node, unsigned depth);
  void add_lines(Node& node);

  std::vector<char> text_;
  std::uint32_t prefix_bytes_ = 0;
  std::vector<std::uint32_t> offsets_;
  std::vector<std::uint32_t> ranges_;  // of separators from 0; empty when they are their numbers
  std::vector<Node> nodes_;
  std::vector<unsigned> depths_;  // of the nodes
  std::vector<Group> groups_;
  std::vector<HeadLine> lines_;
  // Of the node that is being filled: distinct heads, and the first separator of each.
  std::vector<std::int64_t> heads_;
  std::vector<std::uint32_t> firsts_;
};

IndexBuilder::IndexBuilder(std::string_view prefix, std::span<const Separator> separators) {
  SILT_ASSERT(separators.size() <= Index::kMaxSeparators);
  if (separators.empty()) return;
  const std::size_t shared =
      base::shared_bytes(separators.front().suffix, separators.back().suffix);
  prefix_bytes_ = static_cast<std::uint32_t>(prefix.size() + shared);
  add_text(prefix);
  add_text(separators.front().suffix.substr(0, shared));

  bool are_numbers = true;
  offsets_.push_back(prefix_bytes_);  // separator 0, empty
  ranges_.push_back(0);
  for (const Separator& separator : separators) {
    SILT_ASSERT(separator.range > ranges_.back());
    are_numbers = are_numbers && separator.range == ranges_.size();
    ranges_.push_back(separator.range);
    offsets_.push_back(static_cast<std::uint32_t>(text_.size()));
    add_text(separator.suffix.substr(shared));
  }
  offsets_.push_back(static_cast<std::uint32_t>(text_.size()));
  if (are_numbers) ranges_.clear();

  add_node(0, 1, static_cast<std::uint32_t>(separators.size()) + 1, 1);
  for (std::size_t i = 0; i < nodes_.size(); ++i) fill_node(i);
}

void IndexBuilder::add_text(std::string_view text) {
  SILT_ASSERT(text.size() <= UINT32_MAX - text_.size());
  text_.insert(text_.end(), text.begin(), text.end());
}

std::string_view IndexBuilder::suffix(std::uint32_t separator) const noexcept {
  return {text_.data() + offsets_[separator], offsets_[separator + 1] - offsets_[separator]};
}

// Bytes that separators share which share their first `from`.
std::uint32_t IndexBuilder::shared_from(std::uint32_t from, std::uint32_t first,
                                        std::uint32_t end) const noexcept {
  const std::size_t skipped = from - prefix_bytes_;
  return from + static_cast<std::uint32_t>(base::shared_bytes(suffix(first).substr(skipped),
                                                              suffix(end - 1).substr(skipped)));
}

std::uint32_t IndexBuilder::add_node(std::uint32_t from, std::uint32_t first, std::uint32_t end,
                                     unsigned depth) {
  Node node;
  node.from = from;
  node.first = first;
  node.end = end;
  nodes_.push_back(node);
  depths_.push_back(depth);
  return static_cast<std::uint32_t>(nodes_.size() - 1);
}

void IndexBuilder::fill_node(std::size_t at) {
  Node node = nodes_[at];  // a copy: nodes are added meanwhile
  if (at == 0) {
    node.head_at = prefix_bytes_;
    node.prefix_text = 0;
  } else {
    node.head_at = shared_from(node.from, node.first, node.end);
    node.prefix_text = offsets_[node.first] + node.from - prefix_bytes_;
  }
  const std::string_view prefix(text_.data() + node.prefix_text, node.head_at - node.from);
  node.prefix_word = base::word_of(prefix, 0);

  heads_.clear();
  firsts_.clear();
  for (std::uint32_t i = node.first; i < node.end; ++i) {
    const std::int64_t head = base::head_of(base::word_of(suffix(i), node.head_at - prefix_bytes_));
    if (!heads_.empty() && heads_.back() == head) continue;
    SILT_ASSERT(heads_.empty() || heads_.back() < head);
    heads_.push_back(head);
    firsts_.push_back(i);
  }
  node.heads = static_cast<std::uint32_t>(heads_.size());
  if (node.heads != node.end - node.first) add_groups(node, depths_[at]);
  add_lines(node);
  nodes_[at] = node;
}

void IndexBuilder::add_groups(Node& node, unsigned depth) {
  node.groups = static_cast<std::uint32_t>(groups_.size());
  firsts_.push_back(node.end);
  const std::uint32_t behind = node.head_at + base::kWordBytes;
  for (std::size_t i = 0; i < heads_.size(); ++i) {
    Group group{.first = firsts_[i]};
    const std::uint32_t end = firsts_[i + 1];
    // Less than eight bytes may be shared by those that have zeros there, or end.
    if (end - group.first > trie::kMaxCompared && depth < trie::kMaxDepth &&
        shared_from(node.head_at, group.first, end) >= behind) {
      group.child = add_node(behind, group.first, end, depth + 1);
    }
    groups_.push_back(group);
  }
  groups_.push_back({.first = node.end});
}

// The last level from the heads, then each level from the one below it. A line is preceded by the
// least head below it, which is that of the first line of its children, and so on down.
void IndexBuilder::add_lines(Node& node) {
  std::array<std::size_t, trie::kMaxLevels> sizes{};  // from the last level up
  std::size_t size = (heads_.size() + kLineHeads - 1) / kLineHeads;
  for (sizes[node.levels++] = size; size > 1; sizes[node.levels++] = size) {
    size = (size + kLineChildren - 1) / kLineChildren;
  }
  std::size_t leaves_of_child = 0;  // last lines below a child of a line
  for (std::uint32_t up = 0; up < node.levels; ++up) {
    const std::uint32_t level = node.levels - 1 - up;
    node.level_at[level] = static_cast<std::uint32_t>(lines_.size());
    for (std::size_t line = 0; line < sizes[up]; ++line) {
      HeadLine& to = lines_.emplace_back();
      for (std::size_t i = 0; i < kLineHeads; ++i) {
        const std::size_t head =
            up == 0 ? line * kLineHeads + i
                    : (line * kLineChildren + i + 1) * leaves_of_child * kLineHeads;
        to.heads[i] = head < heads_.size() ? heads_[head] : trie::kNoHead;
      }
    }
    leaves_of_child = up == 0 ? 1 : leaves_of_child * kLineChildren;
  }
}

namespace {

// Lays arrays one behind the other.
class Pieces {
 public:
  template <typename T>
  static std::size_t bytes(const std::vector<T>& from) noexcept {
    return whole_lines(from.size() * sizeof(T));
  }

  explicit Pieces(std::byte* at) noexcept : at_(at) {}

  template <typename T>
  const T* add(const std::vector<T>& from) noexcept {
    const auto* const place = reinterpret_cast<const T*>(at_);
    if (!from.empty()) std::memcpy(at_, from.data(), from.size() * sizeof(T));
    at_ += bytes(from);
    return from.empty() ? nullptr : place;
  }

 private:
  std::byte* at_;
};

}  // namespace

Index IndexBuilder::finish() const {
  Index index;
  if (nodes_.empty()) return index;
  index.size_ = static_cast<std::uint32_t>(offsets_.size() - 2);
  index.memory_ =
      LineBuffer(Pieces::bytes(lines_) + Pieces::bytes(nodes_) + Pieces::bytes(groups_) +
                 Pieces::bytes(offsets_) + Pieces::bytes(ranges_) + Pieces::bytes(text_));
  Pieces pieces(index.memory_.data());
  index.view_.lines = pieces.add(lines_);
  index.view_.nodes = pieces.add(nodes_);
  index.view_.groups = pieces.add(groups_);
  index.view_.offsets = pieces.add(offsets_);
  index.ranges_ = pieces.add(ranges_);
  index.view_.text = pieces.add(text_);
  index.view_.prefix_bytes = prefix_bytes_;
  return index;
}

Index Index::build(std::string_view prefix, std::span<const Separator> separators) {
  return IndexBuilder(prefix, separators).finish();
}

}  // namespace siltstone::table
