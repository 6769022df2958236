#pragma once

#include <functional>
#include <string_view>

namespace backupctl::client {

/// Looks a variable up; empty when it is unset. A variable set to the empty string counts as unset: compose files and
/// schedulers hand on variables that nobody filled in. The view lives as long as the variable.
using Environment = std::function<std::string_view(const char* name)>;

/// The process's own environment.
Environment process_environment();

}  // namespace backupctl::client
