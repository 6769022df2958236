#include "client/secret.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace backupctl::client {

Secret::Secret(std::size_t capacity) { text_.reserve(std::max<std::size_t>(capacity, 64)); }

Secret::~Secret() { ::explicit_bzero(text_.data(), text_.capacity()); }

bool Secret::append(std::string_view text) {
  if (text.size() > text_.capacity() - text_.size()) return false;
  text_.append(text);
  return true;
}

void wipe_variable(const char* name) {
  if (char* value = std::getenv(name); value != nullptr) ::explicit_bzero(value, std::strlen(value));
  ::unsetenv(name);
}

}  // namespace backupctl::client
