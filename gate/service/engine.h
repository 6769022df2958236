#pragma once

#include <cstdint>

#include "gate/service/controller.h"

/// What a container engine, podman or docker, says of containers, in words that are checked one by one. Each is asked through
/// its own command line: of the engines' interfaces the only one that both have had, unchanged, for years.
namespace backupctl::service {

/// An engine as the controller names it.
struct Engine {
  policy::Argv argv;    ///< to which the subcommand is appended
  bool docker = false;  ///< else podman
  [[nodiscard]] std::string_view word() const { return docker ? "docker" : "podman"; }
};

/// One container (podman-container-inspect(1), docker container inspect).
struct Container {
  std::string name;
  std::string status;                 ///< "running", "exited", "stopping", …
  std::string stop_signal;            ///< "15", "SIGTERM", …
  bool removed_when_stopped = false;  ///< made with --rm
  std::string started_at;             ///< opaque; differs after each start
  int pid = 0;                        ///< on the host; 0 when there is no process
  std::string service;                ///< of a compose project; empty elsewhere
  bool oneoff = false;                ///< made by `compose run`, which is no part of the stack

  [[nodiscard]] bool runs() const { return status == "running"; }
  [[nodiscard]] bool at_rest() const;
};

/// podman as the controller's user: root's own, or through runuser(1), which needs no shell; or docker.
/// @return Error: Exit::bad_config, there is no such user.
Result<Engine> engine_of(const policy::Controller& controller, const Runner& run);

/// What is known of `names`, in their order; those that do not exist are left out. Error: Exit::unavailable, the engine does
/// not answer, or says what is not understood.
Result<std::vector<Container>> inspect(const Engine& engine, const Names& names, const Runner& run);

/// The containers of a compose project, by the labels that docker compose (1 and 2) and podman-compose put on them, sorted by
/// name; without those of `compose run`.
Result<std::vector<Container>> in_project(const Engine& engine, const std::string& project, const Runner& run);

/// The names of a podman pod's containers, without the one that only holds its namespaces; nothing when there is no such pod.
Result<std::optional<Names>> members(const Engine& engine, const std::string& pod, const Runner& run);

/// Whether a container of docker's that runs was told to stop since it was started: docker has no word for that. By its events,
/// of which it keeps the last 256.
Result<bool> told_to_stop(const Engine& engine, const Container& container, const Runner& run);

/// The engine's argv with more arguments.
policy::Argv with(const Engine& engine, std::initializer_list<std::string_view> words, const Names& names = {});

}  // namespace backupctl::service
