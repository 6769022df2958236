#pragma once

#include <string>

#include "gate/step/context.h"

namespace backupctl::step {

/// For a service that is not backed up hot: that it stands still before it is read, and was not started meanwhile (wire.md:
/// sync and archive of a running service end 69; architecture.md, "a cold read"). Nothing to check for a hot one.
class AtRest {
 public:
  /// Error: Exit::unavailable, the service runs; nothing was read.
  static Result<AtRest> check(Context& context, const policy::Service& service);
  /// Error: Exit::unavailable, it was started while it was read; what was read must not be kept as a good copy.
  Result<> still(Context& context) const;

 private:
  const policy::Service* service_ = nullptr;
  const policy::Controller* controller_ = nullptr;  ///< nullptr: nothing to check
  std::string started_;
};

}  // namespace backupctl::step
