#include "gate/step/restore.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "common/civil_date.h"
#include "common/escape.h"
#include "common/io.h"
#include "common/request.h"
#include "gate/config/policy_file.h"
#include "gate/operator/host_step.h"

namespace backupctl::operate {
namespace {

/// A path relative to a tree, as the archive has it: no "..", nothing doubled. A slash at its end is dropped.
bool make_relative(std::string& path) {
  while (path.ends_with('/')) path.pop_back();
  const std::string framed = "/" + path + "/";
  return !path.empty() && framed.find("//") == std::string::npos && framed.find("/./") == std::string::npos &&
         framed.find("/../") == std::string::npos;
}

/// Leaves out what lies beneath another, and what stands there twice.
void drop_covered(std::vector<std::string>& paths) {
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  const std::vector<std::string> all = paths;
  std::erase_if(paths, [&](const std::string& path) {
    return std::any_of(all.begin(), all.end(), [&](const std::string& other) { return path.starts_with(other + "/"); });
  });
}

/// For which kinds of sources the operator's words mean something.
struct Given {
  bool of_tree = false, of_archive = false, of_snapshot = false, of_database = false;
};

/// What of them means nothing for this one, as a sentence; empty: nothing.
std::string misplaced(const Given& given, policy::SourceKind source) {
  switch (source) {
    case policy::SourceKind::tree:
    case policy::SourceKind::bucket:
      return given.of_snapshot   ? "--snapshot-id and --from are for a service of volumes"
             : given.of_database ? "--into, --table and --with-clients are for a database"
                                 : "";
    case policy::SourceKind::volumes:
      return given.of_tree || given.of_archive || given.of_database
                 ? "a service of volumes is restored with --snapshot-id and --from"
                 : "";
    default:
      return given.of_tree || given.of_snapshot
                 ? "a database is restored with --archive, --remote, --into, --table and --with-clients"
                 : "";
  }
}

/// The operator's words for what step::restore() does.
Result<step::RestoreWish> parse(const Args& args, bool& yes, Given& given) {
  step::RestoreWish wish;
  std::string archive = "latest", snapshot = "latest";
  CLI::App app("backupctl --restore");
  app.add_option("NAME", wish.service)->required();
  auto* const date = app.add_option("--archive", archive);
  auto* const only = app.add_option("--only", wish.only);
  auto* const mirror = app.add_flag("--mirror", wish.mirror)->excludes(date);
  auto* const to = app.add_option("--to", wish.to);
  auto* const remote = app.add_option("--remote", wish.remote);
  auto* const id = app.add_option("--snapshot-id", snapshot);
  auto* const from = app.add_option("--from", wish.snapshot.from);
  for (CLI::Option* const other : {date, only, mirror, to, remote}) id->excludes(other), from->excludes(other);
  auto* const into = app.add_option("--into", wish.into);
  auto* const table = app.add_option("--table", wish.table);
  auto* const clients = app.add_flag("--with-clients", wish.with_clients);
  for (CLI::Option* const one : {into, table, clients})
    for (CLI::Option* const other : {only, mirror, to, id, from}) one->excludes(other);
  app.add_flag("--yes", yes);
  try {
    app.parse(std::vector<std::string>(args.rbegin(), args.rend()));  // CLI11 takes them from the back
  } catch (const CLI::Error& error) {
    return fail(
        Exit::not_a_request,
        "--restore wants NAME [--archive DATE|latest [--only PATH…] | --mirror] [--remote REMOTE] [--to DIR] [--yes], or "
        "of volumes NAME [--snapshot-id ID|latest] [--from local|REMOTE|DIR] [--yes], of a database NAME [--archive "
        "DATE|latest] [--into DATABASE] [--table TABLE] [--with-clients] [--remote REMOTE] [--yes], or of a bucket NAME "
        "--mirror [--only PREFIX…] [--remote REMOTE] [--yes] or --to DIR ({}); nothing was done",
        error.what());
  }
  // An empty word, of a variable that is not set for instance, would stand for what it leaves out: the whole database.
  for (const CLI::Option* const option : {remote, into, table})
    if (option->count() > 0 && option->as<std::string>().empty())
      return fail(Exit::not_a_request, "{} wants a name, and is given an empty one; nothing was done", option->get_name());
  given.of_tree = only->count() + mirror->count() + to->count() > 0;
  given.of_archive = date->count() + remote->count() > 0;
  given.of_snapshot = id->count() + from->count() > 0;
  given.of_database = into->count() + table->count() + clients->count() > 0;
  if (archive != "latest") wish.date = parse_date(archive);
  if (!wish.mirror && archive != "latest" && !wish.date)
    return fail(Exit::not_a_request, "--archive wants a date that exists, YYYY-MM-DD, or \"latest\"; nothing was done");
  if (snapshot != "latest" && !is_snapshot_id(snapshot))
    return fail(Exit::not_a_request, "--snapshot-id wants YYYYMMDD-HHMMSS, or \"latest\"; nothing was done");
  if (snapshot != "latest") wish.snapshot.id = snapshot;
  if (from->count() > 0 && !wish.snapshot.from.starts_with('/') && !is_remote_name(wish.snapshot.from))
    return fail(Exit::not_a_request, "--from wants local, a remote or an absolute path; nothing was done");
  for (std::string& path : wish.only)
    if (!make_relative(path))
      return fail(Exit::not_a_request, "--only wants a path relative to the tree, without \"..\"; nothing was done");
  drop_covered(wish.only);
  if (to->count() > 0 && !wish.to.starts_with('/'))
    return fail(Exit::not_a_request, "--to wants an absolute path; nothing was done");
  while (wish.to.size() > 1 && wish.to.ends_with('/')) wish.to.pop_back();
  return wish;
}

std::string question(const step::RestoreWish& wish, const policy::Service& service) {
  if (service.source == policy::SourceKind::volumes)
    return fmt::format(
        "the {} volumes of {} would be replaced by {}, with the service stopped meanwhile, and the old ones kept until "
        "--restore-commit",
        service.volumes.size(), service.name, wish.snapshot.id ? "snapshot " + *wish.snapshot.id : "the newest snapshot");
  if (service.source == policy::SourceKind::postgres)
    return fmt::format(
        "{} of the database {} would be replaced by the archive of {}, and what is there kept until --restore-commit",
        wish.table.empty() ? "all" : "the table " + wish.table, service.postgres.database,
        wish.date ? format_date(*wish.date) : "the latest date");
  if (service.source == policy::SourceKind::bucket)
    return fmt::format(
        "objects of {} in the bucket of {} would be overwritten by the mirror's, and those that differ kept on its "
        "remote; whatever writes there should stand still",
        wish.only.empty() ? "all prefixes" : fmt::format("{} prefixes", wish.only.size()), service.name);
  if (service.source == policy::SourceKind::redis)
    return fmt::format(
        "all keys of {}:{} would be replaced by the archive of {}, and what is there kept until --restore-commit",
        service.redis.host, service.redis.port, wish.date ? format_date(*wish.date) : "the latest date");
  const std::string& path = service.path;
  const std::string what = wish.only.empty() ? path : fmt::format("{} of the named paths in {}", wish.only.size(), path);
  const std::string by = wish.mirror ? "mirror" : "archive of " + (wish.date ? format_date(*wish.date) : "the latest date");
  if (::access(path.c_str(), F_OK) != 0)
    return fmt::format("{}, where nothing is now, would come from the {}, with the service stopped meanwhile", what, by);
  return fmt::format(
      "{} would be replaced by the {}, with the service stopped meanwhile, and the old files kept until --restore-commit", what,
      by);
}

}  // namespace

Exit restore(const std::string& policy_path, const Args& args) {
  bool yes = false;
  Given given;
  const auto wish = parse(args, yes, given);
  if (!wish) return complain(wish.error());
  const auto policy = config::read_policy(policy_path);
  if (!policy) return complain(policy.error());
  const auto service = policy->services.find(wish->service);
  if (service == policy->services.end())
    return complain(
        {Exit::not_permitted, fmt::format("the policy names no service {}; nothing was done", escape_line(wish->service, 64))});
  const policy::SourceKind source = service->second.source;
  if (const std::string wrong = misplaced(given, source); !wrong.empty())
    return complain({Exit::not_a_request, wrong + "; nothing was done"});
  // Which lines of a manifest belong to a path, hard links included, is not worked out yet.
  const bool bucket = source == policy::SourceKind::bucket;
  if (wish->mirror && !wish->only.empty() && (!bucket || !wish->to.empty()))
    return complain({Exit::not_a_request, bucket
                                              ? "--only is for a restore into the bucket, and --to takes all; nothing was done"
                                              : "--mirror excludes --only; nothing was done"});
  if (bucket && !wish->mirror)
    return complain({Exit::not_a_request, "a bucket has no archives: restore it with --mirror; nothing was done"});
  const bool tree = source == policy::SourceKind::tree;
  if (const std::string asked = question(*wish, service->second);
      wish->to.empty() && wish->into.empty() && !yes && !is_confirmed(asked))
    return complain(
        {Exit::not_a_request, asked + (tree ? ": say --yes to do it, or name another place with --to; nothing was done"
                                            : ": say --yes to do it; nothing was done")});
  return run_host_step(*policy, policy_path, "--restore", args, wish->service,
                       [&](step::Context& context) { return step::restore(context, *wish); });
}

}  // namespace backupctl::operate
