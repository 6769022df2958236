#pragma once

#include <fmt/format.h>

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

/// An Error ready to be returned from any function with a Result: `return fail(Exit::bad_config, "{} is empty", path);`
template <class... Args>
tl::unexpected<Error> fail(Exit exit, fmt::format_string<Args...> format, Args&&... args) {
  return tl::make_unexpected(Error{exit, fmt::format(format, std::forward<Args>(args)...)});
}

/// Like fail(), with the system's own words for errno value `code` after a colon. Pass errno at once, before any other call.
template <class... Args>
tl::unexpected<Error> fail_errno(Exit exit, int code, fmt::format_string<Args...> format, Args&&... args);

/// The system's words for an errno value ("No such file or directory"), without locale and thread-safe.
std::string errno_text(int code);

template <class... Args>
tl::unexpected<Error> fail_errno(Exit exit, int code, fmt::format_string<Args...> format, Args&&... args) {
  return tl::make_unexpected(
      Error{exit, fmt::format(format, std::forward<Args>(args)...) + ": " + errno_text(code)});
}

/// Hands an inner Error on with an outer return type.
inline tl::unexpected<Error> pass(Error error) { return tl::make_unexpected(std::move(error)); }

}  // namespace backupctl
