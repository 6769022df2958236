#include "gate/step/served.h"

#include <fmt/ranges.h>

namespace backupctl::step {

bool Served::take(const Error& error) {
  const bool graver = fault_ && fault_->exit != Exit::bad_data && error.exit == Exit::bad_data;
  if (fault_) context_.output.note(graver ? fault_->sentence : error.sentence, true);
  if (!fault_ || graver) fault_ = error;
  return context_.session.over();
}

Error Served::error() const {
  if (names_.empty()) return *fault_;
  return {fault_->exit, fmt::format("{}; served were {}", fault_->sentence, fmt::join(names_, ", "))};
}

}  // namespace backupctl::step
