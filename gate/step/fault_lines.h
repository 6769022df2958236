#pragma once

#include <string>

#include "common/record.h"
#include "gate/monitor/output.h"

namespace backupctl::step {

/// What a child could not read, as lines for the user, of which a tree cannot make too many (X11).
class FaultLines {
 public:
  explicit FaultLines(monitor::Output& output) : output_(output) {}

  /// @return whether the record was one of those (Record::Kind::not_read)
  bool take(const Record& record);
  /// After the last.
  void finish();
  /// The first that makes the work incomplete (D2), escaped; empty for none.
  [[nodiscard]] const std::string& first() const { return first_; }

 private:
  monitor::Output& output_;
  std::string first_;
  std::size_t lines_ = 0;
};

}  // namespace backupctl::step
