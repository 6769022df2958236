#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace backupctl::sandbox {

/// The child processes of the gate (architecture.md, "Processes"). guardian is no role: it is the gate itself, re-executed.
enum class RoleName : std::uint8_t {
  parser,
  controller,
  reader,
  transfer,
  relay,
  extractor,
  signer,
  stager,
  prober,
  dumper,
  local_dumper,
  copier,
  loader
};
inline constexpr std::size_t role_count = 13;

/// Which capabilities a role has *in its own user namespace*, over the idmapped trees alone.
enum class TreeAccess : std::uint8_t {
  none,
  read_any,   ///< CAP_DAC_READ_SEARCH
  write_any,  ///< what extracting needs: CAP_CHOWN, DAC_OVERRIDE, FOWNER, FSETID, SETFCAP
};

/// Which sockets a role may open.
enum class Network : std::uint8_t {
  none,
  internet,  ///< IPv4 and IPv6 alone
  local,     ///< AF_UNIX alone, in a network namespace of its own: of the host's sockets just those that its root holds
};

/// Role::max_memory of who needs as much as a server's data wants: half of what the host has available when it starts.
inline constexpr std::uint64_t half_available = ~std::uint64_t{0};

/// One row of the role table: everything that a role may do. What is not here it cannot do.
struct Role {
  RoleName name;
  std::string_view word;
  bool confined;  ///< false only for the controller: containers it starts would inherit the confinement
  bool own_root;  ///< pivoted mount namespace with nothing but its binds
  TreeAccess tree;
  Network network;
  bool runs_program;         ///< executes one program of other people (rclone, pg_dump); everyone else executes nothing
  bool serves;               ///< forks copies of itself, no more than most_processes, and makes a socket where it may write
  std::uint64_t max_memory;  ///< RLIMIT_AS in bytes, or half_available; 0: none (Go reserves address space)
  std::uint32_t max_files;   ///< RLIMIT_NOFILE
  std::span<const std::string_view> syscalls;  ///< allowed beyond the base set
};

/// RLIMIT_NPROC of a role that serves: a server with its threads and one copy that writes what it holds; its uid has no others.
inline constexpr std::uint32_t most_processes = 64;

/// The role table, in the enum's order.
std::span<const Role> role_table();
const Role& role(RoleName name);

}  // namespace backupctl::sandbox
