// What liburing's configure script would write for the kernel headers of Linux 5.6 and later.
#pragma once

#include <linux/openat2.h>
#include <linux/time_types.h>
