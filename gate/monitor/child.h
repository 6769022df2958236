#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "common/result.h"
#include "common/unique_fd.h"
#include "gate/sandbox/cage.h"

namespace backupctl::monitor {

/// What to start and in which cage. Descriptors are not owned; -1 for the standard three means /dev/null.
struct Spawn {
  sandbox::Cage cage;             ///< its binds' and userns' descriptors are the caller's numbers
  std::string program;            ///< absolute path
  std::vector<std::string> argv;  ///< argv[0] first; for a helper program of ours the cage is put in as argv[1]
  std::vector<std::string> env;   ///< the whole environment, "NAME=value"
  int in = -1, out = -1, err = -1;
  std::vector<int> extra;  ///< become descriptors 4, 5, … (helper.h, first_extra_fd)
};

/// A running child. Owned: its end is waited for, and a child still running when this goes out of scope is killed (S5).
class Child {
 public:
  Child(pid_t pid, UniqueFd pidfd, UniqueFd report, sandbox::RoleName role)
      : pid_(pid), pidfd_(std::move(pidfd)), report_(std::move(report)), role_(role) {}
  Child(Child&& other) noexcept = default;
  Child& operator=(Child&& other) noexcept = delete;
  ~Child();

  [[nodiscard]] int pidfd() const { return pidfd_.get(); }
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] int report() const { return report_.get(); }  ///< where its Records arrive
  void close_report() { report_.reset(); }                    ///< after its end of input
  [[nodiscard]] sandbox::RoleName role() const { return role_; }
  /// Sends a signal to the child; the controller's whole process group, as it may have children of its own. The confined need
  /// no more: they are the first of a PID namespace, and with them all in it end.
  void signal(int number) const;
  /// Collects the child once its pidfd is readable: exit status, or 128 + signal. Nothing while it runs.
  std::optional<int> collect();

 private:
  pid_t pid_;
  UniqueFd pidfd_;
  UniqueFd report_;
  sandbox::RoleName role_;
};

/// The limit of core dumps (RLIMIT_CORE) that this process was started with: what it is at the first call, which must come
/// before the process lowers its own. The one limit that the monitor changes for itself.
const rlimit& core_limit_at_start();

/// Starts a child: own session, signals and nice value reset, only the listed descriptors, no environment but the given; a
/// controller with the limits that this process was started with, which the containers it starts inherit; the confined in a PID
/// namespace of their own, helper programs entering the cage themselves before they read anything.
Result<Child> spawn(const Spawn& what);

/// The absolute path of a helper program of ours ("backupctl-reader"), beside or below our own executable.
std::string helper_path(const std::string& name);

}  // namespace backupctl::monitor
