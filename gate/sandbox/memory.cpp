#include "gate/sandbox/memory.h"

#include <fcntl.h>

#include <algorithm>
#include <charconv>

#include "common/io.h"

namespace backupctl::sandbox {

std::uint64_t half_of_available_memory() {
  constexpr std::uint64_t least = 256 << 20, kib = 1024;
  constexpr std::string_view key = "MemAvailable:";
  const UniqueFd file(::open("/proc/meminfo", O_RDONLY | O_CLOEXEC));
  const std::string text = file ? read_all(file.get(), 1 << 16).value_or("") : "";
  const std::size_t found = text.find(key);
  if (found == std::string::npos) return least;
  const std::size_t digits = text.find_first_not_of(' ', found + key.size());
  std::uint64_t available = 0;
  if (digits != std::string::npos) std::from_chars(text.data() + digits, text.data() + text.size(), available);
  return std::max(available * kib / 2, least);
}

}  // namespace backupctl::sandbox
