// An anonymous shared mapping, with the events behind what is fixed.
#include "model/journal.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>
#include <stdexcept>

#include "base/coding.h"
#include "wal/record.h"

namespace siltstone::model {
namespace {

std::string encode(const Write& write) {
  std::string entries;
  for (const auto& [key, value, ttl, expiry] : write) {
    const auto kind = !value   ? wal::EntryKind::erase
                      : expiry ? wal::EntryKind::value_with_expiry
                               : wal::EntryKind::value;
    wal::append_entry(entries, kind, key, value.value_or(""), expiry.value_or(0));
  }
  return entries;
}

Write decode(std::string_view entries) {
  Write write;
  wal::EntryReader reader(entries);
  for (wal::Entry entry; reader.next(entry);) {
    Operation& operation = write.emplace_back();
    operation.key = entry.key;
    if (entry.kind != wal::EntryKind::erase) operation.value = entry.value;
    if (entry.kind == wal::EntryKind::value_with_expiry) operation.expiry = entry.expiry;
  }
  return write;
}

}  // namespace

Journal::Journal() {
  void* const memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  shared_ = new (memory) Shared;
}

Journal::~Journal() { munmap(shared_, kBytes); }

std::span<std::byte> Journal::events() const noexcept {
  return {reinterpret_cast<std::byte*>(shared_ + 1), kBytes - sizeof(Shared)};
}

void Journal::clear() noexcept { shared_->used = 0; }

void Journal::add(const Event& event) {
  base::Writer out(events().subspan(shared_->used));
  out.u8(static_cast<std::uint8_t>(event.kind));
  out.u64(event.number);
  out.sized_bytes(base::as_bytes(encode(event.write)));
  if (!out.ok()) throw std::length_error("the journal is full");
  shared_->used.fetch_add(out.size(), std::memory_order_release);
}

void Journal::add_violation(std::string_view what) noexcept {
  std::ranges::copy(what.substr(0, shared_->violation.size() - 1), shared_->violation.begin());
}

void Journal::replay(const std::function<void(Event)>& learn) const {
  base::Reader in(events().first(shared_->used.load(std::memory_order_acquire)));
  while (in.remaining() != 0) {
    const auto kind = static_cast<Event::Kind>(in.u8());
    const std::uint64_t number = in.u64();
    learn({kind, number, decode(base::as_text(in.sized_bytes()))});
  }
}

}  // namespace siltstone::model
