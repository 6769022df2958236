#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "gate/step/remote_files.h"

namespace backupctl::step {

/// What became of a plan's remotes: one that is down does not cost the others their copy.
class Served {
 public:
  explicit Served(Context& context) : context_(context) {}

  void add(const std::string& remote) { names_.push_back(remote); }
  /// Takes what went wrong with one remote; the first is the step's own error, later ones are told as warnings. What did not
  /// verify weighs more than a remote that is down: trying again is no answer to it.
  /// @return whether the step must end with it, the session being over: then it is no fault of the remote
  bool take(const Error& error);
  [[nodiscard]] bool fault() const { return fault_.has_value(); }
  /// The first fault, and which remotes were served all the same. Call it only where fault() is true.
  [[nodiscard]] Error error() const;

 private:
  Context& context_;
  std::vector<std::string> names_;
  std::optional<Error> fault_;
};

/// Looks on remotes for what a restore needs; one that cannot be asked is passed over, with a warning.
/// @param look  whether anything is found by now. Error: the session is over; or nothing was found, and what went wrong with a
///   remote may be why.
Result<> ask_remotes(Context& context, const std::vector<std::string>& remotes,
                     const std::function<Result<bool>(RemoteFiles&)>& look);

}  // namespace backupctl::step
