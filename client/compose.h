#pragma once

#include "client/command_line.h"
#include "client/environment.h"
#include "common/request.h"
#include "common/result.h"

namespace backupctl::client {

/// The request of one verb from command line and environment; an explicit option wins over its variable. A variable is left
/// out where the verb does not take the option; an explicit option is then an error, except with --run, where each step takes
/// what its verb takes.
/// Error: Exit::not_a_request for what the command line says, Exit::bad_config for what a variable says. What is returned
/// serializes to a request that the grammar accepts (X1).
Result<Request> compose(Verb verb, const CommandLine& line, const Environment& environment);

}  // namespace backupctl::client
