#include "policy/read_source.h"

#include <algorithm>
#include <array>

#include "policy/in_tree_staging.h"

namespace backupctl::policy {
namespace {

constexpr std::pair<std::string_view, ArchiveFormat> formats[] = {{"tar.gz", ArchiveFormat::tar_gz},
                                                                  {"tar.zst", ArchiveFormat::tar_zst}};
constexpr std::pair<std::string_view, std::string_view> engines[] = {{"docker", "docker"}, {"podman", "podman"}};
// libpq, "SSL Mode Descriptions".
constexpr std::pair<std::string_view, std::string_view> ssl_modes[] = {
    {"disable", "disable"}, {"allow", "allow"},         {"prefer", "prefer"},
    {"require", "require"}, {"verify-ca", "verify-ca"}, {"verify-full", "verify-full"}};
constexpr std::uint32_t most_kept = 999'999;

/// What is an archive in the end, and a snapshot before.
void read_archive(Table& table, Service& service) {
  service.format = table.word("format", formats).value_or(ArchiveFormat::tar_gz);
  service.snapshot_max_age = table.duration("snapshot_max_age", Seconds{0}).value_or(std::chrono::hours{12});
}

void read_tree(Table& table, Service& service) {
  service.path = table.text("path", form::absolute_path).value_or("");
  service.exclude = table.texts("exclude", form::any, 0);
  service.exclude.push_back(fmt::format("/{}/**", in_tree_staging));
  service.sqlite = table.texts("sqlite", form::database_path, 0);
  read_archive(table, service);
  // On the source's own file system, where a snapshot can share its blocks.
  const std::string parent = service.path.substr(0, service.path.rfind('/') + 1);
  service.staging = table.text("staging", form::absolute_path)
                        .value_or(service.path.empty() ? "" : fmt::format("{}.backupctl-staging/{}", parent, service.name));
}

void read_volumes(Table& table, Service& service) {
  service.volumes = table.texts("volumes", form::engine_name);
  service.exclude.push_back(fmt::format("/{}/**", in_tree_staging));
  service.volume_engine = table.word("volume_engine", engines).value_or("docker");
  read_archive(table, service);
  service.staging = table.text("staging", form::absolute_path).value_or("");
  if (auto numbers = table.table("keep_snapshots"))
    for (const std::string& place : numbers->names(form::remote_name))
      service.keep_snapshots[place] = numbers->number(place, place == local_snapshots ? 0 : 1, most_kept).value_or(1);
}

void read_postgres(Table& table, Service& service) {
  auto keys = table.table("postgres");
  if (!keys) return;
  Postgres& postgres = service.postgres;
  keys->require({"user", "database"});
  postgres.host = keys->text("host", form::host_or_socket).value_or("localhost");
  postgres.port = static_cast<std::uint16_t>(keys->number("port", 1, 65'535).value_or(5432));
  postgres.user = keys->text("user", form::any).value_or("");
  postgres.database = keys->text("database", form::any).value_or("");
  postgres.password_file = keys->text("password_file", form::absolute_path).value_or("");
  postgres.sslmode = keys->word("sslmode", ssl_modes).value_or("");
  postgres.sslrootcert = keys->text("sslrootcert", form::absolute_path).value_or("");
  // What else libpq would look for is a file in the home of the account that asks, and there is none.
  if (postgres.sslmode.starts_with("verify-") && !keys->has("sslrootcert"))
    keys->error("sslmode", fmt::format("\"{}\" needs sslrootcert, the certificates that it trusts", postgres.sslmode));
  postgres.globals = keys->flag("globals").value_or(false);
  keys->reject_others();
}

void read_redis(Table& table, Service& service) {
  auto keys = table.table("redis");
  if (!keys) return;
  Redis& redis = service.redis;
  redis.host = keys->text("host", form::host).value_or("localhost");
  redis.port = static_cast<std::uint16_t>(keys->number("port", 1, 65'535).value_or(6379));
  redis.user = keys->text("user", form::any).value_or("");
  redis.password_file = keys->text("password_file", form::absolute_path).value_or("");
  redis.data_dir = keys->text("data_dir", form::absolute_path).value_or("");
  if (auto tls = keys->table("tls")) {
    redis.tls = true;
    redis.tls_ca = tls->text("ca", form::absolute_path).value_or("");
    tls->reject_others();
  }
  keys->reject_others();
}

void read_bucket(Table& table, Service& service) {
  auto keys = table.table("bucket");
  if (!keys) return;
  keys->require({"remote"});
  service.bucket.remote = keys->text("remote", form::remote_name).value_or("");
  service.bucket.prefixes = keys->texts("prefixes", form::relative_path, 0);
  keys->reject_others();
}

/// What distinguishes the kinds of source. A new one is one row here (and one file in gate/source).
struct Kind {
  SourceKind kind;
  std::string_view key;  ///< its presence says that the service is of this kind
  void (*read)(Table& table, Service& service);
};
constexpr Kind kinds[] = {{SourceKind::tree, "path", read_tree},
                          {SourceKind::volumes, "volumes", read_volumes},
                          {SourceKind::postgres, "postgres", read_postgres},
                          {SourceKind::redis, "redis", read_redis},
                          {SourceKind::bucket, "bucket", read_bucket}};

}  // namespace

bool read_source(Table& table, Service& service) {
  const Kind* found = nullptr;
  for (const Kind& kind : kinds) {
    if (!table.has(kind.key)) continue;
    if (found != nullptr) {
      table.error(kind.key, fmt::format("a service has one source, and this one already has {}", found->key));
      return false;
    }
    found = &kind;
  }
  if (found == nullptr) {
    table.error("path", "the service has no source: one of path, volumes, postgres, redis, bucket is required");
    return false;
  }
  service.source = found->kind;
  found->read(table, service);
  return true;
}

}  // namespace backupctl::policy
