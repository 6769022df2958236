#include "client/environment.h"

#include <cstdlib>

namespace backupctl::client {

Environment process_environment() {
  return [](const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::string_view{} : std::string_view{value};
  };
}

}  // namespace backupctl::client
