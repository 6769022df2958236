#pragma once

#include <cstdint>

namespace backupctl::sandbox {

/// In bytes, half of what new programs can have on this host before it has to take from others (proc(5), MemAvailable), for a
/// program that needs as much as its data wants, be it good or hostile. At least 256 MiB, in which each of them starts.
/// So much where the kernel does not say.
std::uint64_t half_of_available_memory();

}  // namespace backupctl::sandbox
