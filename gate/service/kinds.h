#pragma once

#include <algorithm>

#include "gate/service/controller.h"

/// One row a kind of controller; for the files of this folder alone.
namespace backupctl::service {

struct Kind {
  policy::ControllerKind kind;
  std::string_view word;
  Result<ServiceState> (*query)(const policy::Controller&, std::string_view service, const Runner&,
                                std::optional<bool> last_known);
  Result<> (*stop)(const policy::Controller&, std::string_view service, const Names& units, Seconds within, const Runner&);
  Result<> (*start)(const policy::Controller&, std::string_view service, const Names& units, Seconds within, const Runner&);
};

extern const Kind none_kind;
extern const Kind command_kind;
extern const Kind podman_kind;
extern const Kind compose_kind;
extern const Kind systemd_kind;

/// How long a manager may take to say what runs.
inline constexpr Seconds query_time{30};

/// What is left of a step's time, from the moment it is made.
class Budget {
 public:
  explicit Budget(Seconds within) : end_(std::chrono::steady_clock::now() + within) {}
  /// Whole seconds left, rounded up; 0 when it is over.
  [[nodiscard]] Seconds left() const {
    return std::max(Seconds{0}, std::chrono::ceil<Seconds>(end_ - std::chrono::steady_clock::now()));
  }

 private:
  std::chrono::steady_clock::time_point end_;
};

/// Runs argv and wants exit status 0. @param what  names the act in error sentences ("stopping container planka").
/// @return standard output. Error: Exit::timed_out, or Exit::unavailable with the last line the program wrote.
Result<std::string> run_checked(const Runner& run, const policy::Argv& argv, Seconds within, std::string_view what);

/// The last line a program wrote to standard error, fit for a sentence (X10); "no message" when there is none.
std::string last_words(const CommandOutput& output);

/// "planka, planka-db".
std::string join(const Names& names);

}  // namespace backupctl::service
