#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "client/relay.h"
#include "client/signals.h"
#include "common/result.h"

namespace backupctl::client {

/// A program to run: no shell, its arguments as they are.
struct Program {
  std::string path;                      ///< absolute
  std::vector<std::string> arguments;    ///< the name first
  std::vector<std::string> environment;  ///< NAME=value
};

/// How a child ended.
struct Ending {
  enum class Why { by_itself, killed, interrupted, timed_out, unwanted };
  Why why = Why::by_itself;  ///< unwanted: its output was not wanted any more
  int status = 0;            ///< by_itself: the exit code; interrupted: 128 + the signal we got; else 128 + the one it died of
};

/// How to run it.
struct Watch {
  std::chrono::seconds deadline;  ///< then SIGTERM, five seconds later SIGKILL
  bool finish = false;            ///< go on to the end although we were asked to end (the start of a service)
};

/// Runs a program to its end with /dev/null as standard input; it dies with us.
/// @param out  its standard output goes there; nullptr: it inherits ours, and bytes pass untouched at full speed.
/// @param err  its standard error goes there.
/// Error: Exit::unavailable when it could not be started.
Result<Ending> run_program(const Program& program, Sink* out, Relay& err, Signals& signals, Watch watch);

}  // namespace backupctl::client
