#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/credentials.h"
#include "client/host.h"
#include "client/process.h"
#include "common/request.h"

namespace backupctl::client {

/// Finds the ssh program in PATH's absolute directories. Error: Exit::bad_config with one sentence.
Result<std::string> find_ssh(std::string_view path_variable);

/// The ssh command that sends one request: reads no configuration file, no agent and no terminal, forwards nothing, accepts no
/// password, notices a dead link within a minute. The request is the one and last argument.
/// @param key  path of the private key
std::vector<std::string> ssh_arguments(const Host& host, const std::string& key, const HostProof& proof,
                                       const std::string& request);

/// What ssh may know of our environment ("NAME=value" each): all but our own variables and what would let an agent or a dialog
/// in.
std::vector<std::string> ssh_environment(const char* const* environment);

/// Seconds ssh may take for a request: its --timeout, and what connecting and a clean end on the host take beyond it; for
/// requests without one a minute where the gate answers at once, otherwise a day.
std::chrono::seconds ssh_deadline(const Request& request);

/// What to check after ssh itself failed (its exit code 255), judged by the last words it wrote (ssh.c, sshconnect.c of
/// OpenSSH 9). Always a sentence.
std::string explain_ssh_failure(std::string_view last_words, const Host& host);

}  // namespace backupctl::client
