#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/request.h"
#include "common/result.h"

namespace backupctl::client {

/// The command line as given, its values not yet judged.
struct CommandLine {
  std::optional<Verb> verb;  ///< nothing with --run
  bool run = false;          ///< --run NAME: the four steps
  std::string name;
  std::optional<std::string> path;
  std::optional<std::string> remote;
  std::optional<std::string> keep_weekly;
  std::optional<std::string> keep_monthly;
  std::optional<std::string> timeout;
  std::optional<std::string> snapshot_id;
  std::optional<std::string> to;       ///< --export: a directory of snapshots
  std::optional<std::string> keep;     ///< … how many stay there
  bool sqlite = false;                 ///< --sqlite-snapshot [SOURCE DESTINATION]
  std::vector<std::string> databases;  ///< the two, or none
  bool json = false;
};

/// What a command line asks for: help to print, or work to do.
struct Asked {
  std::string help;  ///< not empty: print it and end with 0
  CommandLine line;
};

/// Error: Exit::not_a_request (64) with one sentence.
Result<Asked> parse_command_line(int argc, const char* const* argv);

}  // namespace backupctl::client
