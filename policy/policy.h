#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

/// The policy file as validated values (policy.md, schema 1). Every default is already filled in, every reference resolves,
/// every path is absolute and canonical. Pure data: nothing here opens, runs or decides.
namespace backupctl::policy {

using Seconds = std::chrono::seconds;
using Argv = std::vector<std::string>;

/// A number of files, or a share of them in percent.
struct Limit {
  std::uint64_t value = 0;
  bool percent = false;
};

struct Timeouts {
  Seconds stop, start, sync, archive, backup, verify, export_;
};

struct Gate {
  std::string state_dir;
  std::string rclone_config;
  std::uint32_t worker_uids = 0;
  std::uint32_t slots = 1;
  Seconds lock_wait{};
  std::string timezone;  ///< "host" or an IANA name
  Timeouts timeouts{};
};

/// How many archives to keep (policy.md, "Retention").
struct Keep {
  std::uint32_t daily = 0, weekly = 0, monthly = 0;
  bool operator==(const Keep&) const = default;
};
struct Retention {
  Keep keep;
  std::uint32_t keep_last = 0;
  std::uint32_t max_delete = 0;  ///< per service and day
  Keep floors;                   ///< nobody can ask for less (daily has none)
};

struct Guard {
  Limit max_delete_files;
  Seconds mirror_history{};    ///< 0: off
  std::uint64_t min_size = 0;  ///< bytes
  Limit max_shrink;
  Seconds max_down{}, idle_down{}, min_up{}, max_down_per_day{};
};

struct Remote {
  std::string name;
  std::string root;  ///< as written; compared literally with --remote
  bool history = true;
  std::string directory;  ///< not empty: a directory of this host
  std::string env_file;   ///< not empty: Azure account and key
  std::string access_tier;
};

enum class ControllerKind { none, command, podman, compose, systemd };
struct Controller {
  std::string name;
  ControllerKind kind = ControllerKind::none;
  Argv stop, start, status;             ///< command; "{service}" not yet replaced
  std::vector<std::string> containers;  ///< podman
  std::string pod;                      ///< podman; not empty instead of containers
  std::string user;                     ///< podman, rootless; empty: root's
  std::string project, engine;          ///< compose
  std::vector<std::string> services;    ///< compose
  Argv up;                              ///< compose
  std::vector<std::string> units;       ///< systemd
  Seconds grace{};                      ///< podman, compose
};

enum class Consistency { cold, snapshot, hot };
enum class SourceKind { tree, volumes, postgres, redis, bucket };
enum class ArchiveFormat { tar_gz, tar_zst };

struct Postgres {
  std::string host;
  std::uint16_t port = 5432;
  std::string user, database, password_file, sslmode, sslrootcert;
  bool globals = false;
};
struct Redis {
  std::string host;
  std::uint16_t port = 6379;
  std::string user, password_file, tls_ca, data_dir;
  bool tls = false;
};
struct Bucket {
  std::string remote;
  std::vector<std::string> prefixes;
};
struct Health {
  std::string url;
  std::map<std::string, std::string> json;
  Seconds within{};
};

struct Service {
  std::string name;
  std::string controller;  ///< key of Policy::controllers; empty: none
  SourceKind source = SourceKind::tree;
  std::string path;                  ///< tree
  std::vector<std::string> exclude;  ///< tree: rclone-style globs, relative to path
  std::vector<std::string> sqlite;   ///< tree: files relative to path
  std::vector<std::string> volumes;
  std::string volume_engine;
  Postgres postgres;
  Redis redis;
  Bucket bucket;                     ///< the one that `source` names is filled
  std::vector<std::string> remotes;  ///< keys of Policy::remotes, at least one
  Consistency consistency = Consistency::hot;
  ArchiveFormat format = ArchiveFormat::tar_gz;
  std::string staging;  ///< volumes: empty for a place beside the engine's own directory of volumes
  Seconds snapshot_max_age{};
  Retention retention;  ///< the file's, with the service's own `keep` laid over
  Guard guard;
  std::map<std::string, std::uint32_t> keep_snapshots;
  std::optional<Health> health;
  std::map<std::string, Argv> probe;
  bool export_ = false;
};

struct ExtraTarget {
  std::string name, path;
  std::vector<std::string> exclude;
  std::vector<std::string> remotes;
  Guard guard;
};

struct Client {
  std::string name;
  std::vector<std::string> services;         ///< names of services and targets, or "*"
  std::vector<std::string> actions;          ///< verb words without the dashes
  std::optional<std::pair<int, int>> hours;  ///< minutes since midnight, from and until; may wrap around midnight
  std::optional<std::uint32_t> per_hour;
  bool implied = false;  ///< not in the file: it has no client table
};

struct Recovery {
  std::string name;
  std::vector<std::string> steps;
};

struct Policy {
  Gate gate;
  std::map<std::string, Remote> remotes;
  std::map<std::string, Controller> controllers;
  std::map<std::string, Service> services;
  std::map<std::string, ExtraTarget> extra_targets;
  std::map<std::string, Client> clients;  ///< empty in the file: one "default" that may use every verb but --export
  std::map<std::string, Recovery> recoveries;
  std::string digest;  ///< hex SHA-256 of the file's bytes; filled by the caller that has libcrypto
};

}  // namespace backupctl::policy
