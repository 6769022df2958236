#pragma once

#include <string>
#include <string_view>

#include "client/sink.h"
#include "common/unique_fd.h"

namespace backupctl::client {

/// Passes one stream of a child on: whole lines with a prefix, or without a prefix the bytes as they come. A reader that has
/// not made room for ten seconds, or has gone, loses the rest: no stalled log may keep a service down.
class Relay : public Sink {
 public:
  /// @param to  descriptor to write to, not owned. @param prefix  put before each line; empty: bytes pass untouched.
  Relay(int to, std::string prefix) : to_(to), prefix_(std::move(prefix)) {}

  void pass(std::string_view bytes) override;
  /// Writes a last line that had no end.
  void finish() override;
  /// The last 4 KiB that came.
  [[nodiscard]] std::string_view tail() const { return tail_; }

 private:
  void write(std::string_view bytes);

  int to_;
  std::string prefix_;
  std::string line_;
  std::string tail_;
  bool lost_ = false;
};

}  // namespace backupctl::client
