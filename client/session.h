#pragma once

#include <string>

#include "client/credentials.h"
#include "client/night.h"
#include "client/signals.h"
#include "client/sink.h"
#include "common/request.h"

namespace backupctl::client {

/// Sends requests to one host, one ssh each.
class Session {
 public:
  /// @param environment  as main() got it, for ssh. @param signals  outlives the session.
  Session(Host host, Credentials credentials, std::string ssh, std::vector<std::string> environment, Signals& signals);

  /// Sends one request and passes the gate's output on: error output through us, standard output untouched.
  /// @param label  not empty: put before each line, except standard output that is JSON.
  /// @param finish  go on to the end although we were asked to end
  /// @param out  standard output goes there instead; not with a label
  StepEnd send(const Request& request, const std::string& label = {}, bool finish = false, Sink* out = nullptr);

 private:
  Host host_;
  Credentials credentials_;
  std::string ssh_;
  std::vector<std::string> environment_;
  Signals& signals_;
};

/// Prints one line of our own on standard error.
void say(std::string_view sentence);

}  // namespace backupctl::client
