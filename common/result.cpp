#include "common/result.h"

#include <cstring>

namespace backupctl {

std::string errno_text(int code) {
  const char* words = strerrordesc_np(code);
  return words != nullptr ? words : "error " + std::to_string(code);
}

}  // namespace backupctl
