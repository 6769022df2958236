#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <utility>

#include "common/exit_code.h"

namespace backupctl {

/// Why something could not be done: the exit code it leads to, and one sentence for the user (what failed, on what, what it
/// means, what to do). A sentence ends without a full stop and holds no secret.
struct Error {
  Exit exit = Exit::bug;
  std::string sentence;
};

/// A value of type T, or the Error that explains its absence.
template <class T = void>
using Result = tl::expected<T, Error>;

/// What fail() and fail_errno() come down to, in one place rather than in each that fails. @param code  errno's value, for
/// fail_errno()
tl::unexpected<Error> fail_with(Exit exit, std::optional<int> code, fmt::string_view format, fmt::format_args args);

/// An Error ready to be returned from any function with a Result: `return fail(Exit::bad_config, "{} is empty", path);`
template <class... Args>
tl::unexpected<Error> fail(Exit exit, fmt::format_string<Args...> format, Args&&... args) {
  return fail_with(exit, {}, format, fmt::make_format_args(args...));
}

/// Like fail(), with the system's own words for errno value `code` after a colon. Pass errno at once, before any other call.
template <class... Args>
tl::unexpected<Error> fail_errno(Exit exit, int code, fmt::format_string<Args...> format, Args&&... args) {
  return fail_with(exit, code, format, fmt::make_format_args(args...));
}

/// The system's words for an errno value ("No such file or directory"), without locale and thread-safe.
std::string errno_text(int code);

/// Hands an inner Error on with an outer return type.
inline tl::unexpected<Error> pass(Error error) { return tl::make_unexpected(std::move(error)); }

}  // namespace backupctl
