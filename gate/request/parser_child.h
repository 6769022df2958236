#pragma once

#include <sys/types.h>

#include <optional>
#include <string_view>
#include <tl/expected.hpp>

#include "common/request.h"
#include "common/result.h"
#include "common/unique_fd.h"

namespace backupctl::request {

/// Parses a request in a child that can do nothing else: own uid, no files, no network, no memory to speak of; forked before
/// the policy or any secret is read (architecture.md, "parser"). What it says is checked again here, and against the bytes:
/// what parses must serialize to the same bytes, so that even a compromised parser cannot change a request (X1, X2).
/// Error of start(): Exit::unavailable, none could be started.
class ParserChild {
 public:
  /// @param bytes  must outlive the child
  static Result<ParserChild> start(std::string_view bytes);
  /// Waits for the answer and ends the child; once. Error: Exit::bug when the child broke or lied.
  Result<tl::expected<Request, RefusalCode>> answer();

 private:
  ParserChild(std::string_view bytes, pid_t pid, UniqueFd answer, UniqueFd report)
      : bytes_(bytes), pid_(pid), answer_(std::move(answer)), report_(std::move(report)) {}
  std::string_view bytes_;
  pid_t pid_;
  UniqueFd answer_;
  UniqueFd report_;
};

}  // namespace backupctl::request
