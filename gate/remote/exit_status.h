#pragma once

#include <string_view>

#include "common/exit_code.h"

namespace backupctl::remote {

/// What the end of an rclone process means.
struct Meaning {
  Exit exit;
  bool not_found;          ///< it says that what was named is not there; a listing of it is empty then, not failed
  std::string_view words;  ///< to be put after "rclone …": what failed and what it means
};

/// @param status  its exit status, or 128 + signal.
/// Source: rclone.org/docs, "Exit code". 1 and 2 changed places in 1.69 ("syntax error" and "not otherwise categorised"), a Go
/// panic is 2, and 1.60 ends with 1 for nearly every failure of a server, so the two mean the same here.
Meaning meaning(int status);

/// What rclone's own words say beyond its status, which is 1 for a full remote, a wrong password and a broken line alike.
/// Only chooses among failures: no words make a failed call a good one (X6).
struct Hint {
  std::string_view part;  ///< of the message, lower case
  Exit exit;
  std::string_view words;
};
/// The first row of the table that a line of rclone's log contains, ignoring case; nullptr when none does.
const Hint* hint(std::string_view message);

}  // namespace backupctl::remote
