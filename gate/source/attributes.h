#pragma once

#include <string>

#include "common/result.h"
#include "gate/source/member.h"

namespace backupctl::archive {

/// Bytes of attributes that one member may carry: readers of tar refuse extended headers beyond 1 MiB (libarchive 3.6).
inline constexpr std::size_t max_attribute_bytes = 512 * 1024;

/// Where attributes are read from and written to: an open file, or, for what cannot be opened (links, FIFOs), its name in a
/// directory that becomes the working directory. Attributes have no *at() calls before Linux 6.13, and /proc is not there.
struct AttributeSource {
  int fd = -1;  ///< open for reading; or -1, and:
  int dir = -1;
  const char* name = nullptr;  ///< in dir, never followed
};

/// Reads user.* and security.* attributes and the lists (D7). trusted.* needs CAP_SYS_ADMIN and is excepted.
/// @param lost  receives one "name: reason" per attribute that could not be read.
Attributes read_attributes(const AttributeSource& source, std::vector<std::string>& lost);

/// Sets one attribute; 0, or errno.
int set_attribute(const AttributeSource& target, const char* name, const std::string& value);

}  // namespace backupctl::archive
