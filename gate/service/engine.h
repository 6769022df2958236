#pragma once

#include <cstdint>

#include "gate/service/controller.h"

/// What podman says of containers and pods, in words that are checked one by one.
namespace backupctl::service::podman {

/// One container (podman-container-inspect(1)).
struct Container {
  std::string name;
  std::string status;                 ///< "running", "exited", "stopping", …
  int stop_signal = 0;                ///< 0: not known by number
  bool removed_when_stopped = false;  ///< made with --rm
  std::int64_t started_at = 0;        ///< nanoseconds since 1970; negative for one that never was started
  int pid = 0;                        ///< on the host; 0 when there is no process

  [[nodiscard]] bool runs() const { return status == "running"; }
  [[nodiscard]] bool at_rest() const;
};

/// podman as the controller's user: root's own, or through runuser(1), which needs no shell.
/// @return the argv to which the subcommand is appended. Error: Exit::bad_config, there is no such user.
Result<policy::Argv> program(const policy::Controller& controller, const Runner& run);

/// What is known of `names`, in their order; those that do not exist are left out.
/// @param podman  from program()
Result<std::vector<Container>> inspect(const policy::Argv& podman, const Names& names, const Runner& run);

/// The names of a pod's containers, without the one that only holds its namespaces; nothing when there is no such pod.
Result<std::optional<Names>> members(const policy::Argv& podman, const std::string& pod, const Runner& run);

/// `podman`'s argv with more arguments.
policy::Argv with(policy::Argv podman, std::initializer_list<std::string_view> words, const Names& names = {});

}  // namespace backupctl::service::podman
