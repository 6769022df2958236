#pragma once

#include <string_view>

namespace backupctl::client {

/// Where one stream of a child goes.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void pass(std::string_view bytes) = 0;
  /// The stream has ended.
  virtual void finish() {}
  /// Nothing of what may still come is wanted: the child is asked to end.
  [[nodiscard]] virtual bool over() const { return false; }
};

}  // namespace backupctl::client
