// A static object that is never destroyed: threads of the host may still use the seams while the
// process exits.
#pragma once

namespace siltstone::io {

template <typename T>
union Immortal {
  constexpr Immortal() : value() {}
  Immortal(const Immortal&) = delete;
  Immortal& operator=(const Immortal&) = delete;
  ~Immortal() {}

  T value;
};

}  // namespace siltstone::io
