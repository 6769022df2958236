#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace backupctl::archive {

/// A member's name as a path that lies beneath the target: "./", doubled and trailing slashes are dropped; an empty result is
/// the target itself ("."). Nothing when the name is absolute, empty or has a "..".
std::optional<std::string> safe_path(std::string_view name);

/// Directory and last name of a safe path that is not empty.
std::string_view parent_of(std::string_view path);
std::string_view name_of(std::string_view path);

}  // namespace backupctl::archive
