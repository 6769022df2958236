#include "gate/step/served.h"

#include <fmt/ranges.h>

namespace backupctl::step {

bool Served::take(const Error& error) {
  if (!fault_) {
    fault_ = error;
  } else {
    context_.output.note(error.sentence, true);
  }
  return context_.session.over();
}

Error Served::error() const {
  if (names_.empty()) return *fault_;
  return {fault_->exit, fmt::format("{}; served were {}", fault_->sentence, fmt::join(names_, ", "))};
}

}  // namespace backupctl::step
