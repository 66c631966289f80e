// The version of the library, against that of the headers a program was built with.
#include <siltstone/version.h>

namespace siltstone {

const char* version() noexcept { return SILT_VERSION_STRING; }

}  // namespace siltstone
