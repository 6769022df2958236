#include "gate/step/remote_files.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "common/escape.h"
#include "common/io.h"
#include "gate/relay/dry_run.h"
#include "gate/remote/names.h"
#include "gate/sandbox/helper.h"
#include "gate/step/helpers.h"
#include "gate/step/snapshot_record.h"

namespace backupctl::step {
namespace {

/// In the cage.
std::string in_spool(const std::string& file) { return std::string(sandbox::spool_dir) + "/" + file; }

/// Of a directory remote: relative to its directory.
std::string beneath(std::string path) {
  path.erase(0, path.find_first_not_of('/', std::string_view(sandbox::target_dir).size()));
  return path;
}

}  // namespace

const Entry* find(const std::vector<Entry>& entries, std::string_view name) {
  const auto found =
      std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) { return entry.name == name && !entry.directory; });
  return found == entries.end() ? nullptr : &*found;
}

Result<std::vector<Entry>> RemoteFiles::list(const std::string& directory) {
  std::vector<Entry> entries;
  Run what{.doing = "list", .listener = {"listing", std::to_string(most_names)}, .missing_is_fine = true};
  what.on_entry = [&](const Record& record) {
    if (record.kind != Record::Kind::entry) return false;
    Entry entry{std::string(record.view()), record.number[0], record.number[1], record.number[2] == 1, {}};
    if (record.number[3] == 1) entry.sha256 = record.digest;
    if (record.number[4] > 0) entry.tier = remote::access_tiers[static_cast<std::size_t>(record.number[4] - 1) % 3];
    entries.push_back(std::move(entry));
    return true;
  };
  auto ran = run(rclone_.list(directory, can_.sha256), what);
  if (!ran) return pass(ran.error());
  if (ran->listened && ran->listened->number[1] > 0)
    context_->output.note(fmt::format("{} odd or surplus names on {} were left out", ran->listened->number[1], remote_->name),
                          true);
  return entries;
}

Result<bool> RemoteFiles::holds_anything(const std::string& directory) {
  auto ran = run(rclone_.list(directory, false), {.doing = "list", .listener = {"listing", "0"}, .missing_is_fine = true});
  if (!ran) return pass(ran.error());
  return ran->listened && ran->listened->number[1] > 0;
}

Result<UniqueFd> RemoteFiles::open_directory(const std::string& directory) {
  const std::string below = beneath(directory);
  UniqueFd fd = open_beneath(directory_.get(), below.c_str(), O_RDONLY | O_DIRECTORY);
  if (!fd) return fail_errno(Exit::io_error, errno, "cannot open {} of the remote {}", below, remote_->name);
  return fd;
}

std::string RemoteFiles::path_here(const std::string& directory) const { return remote_->directory + "/" + beneath(directory); }

Result<> RemoteFiles::put(const std::string& from, const std::string& file, const std::string& to) {
  auto ran = run(rclone_.copy_file(in_spool(file), to), {.doing = "send a file to", .spool = from, .shows_progress = true});
  return ran ? Result<>{} : pass(ran.error());
}

Result<> RemoteFiles::put_all(const std::string& from, const std::string& directory, const std::function<void()>& meanwhile) {
  auto ran =
      run(rclone_.copy_files(sandbox::spool_dir, directory), {.doing = "send files to", .spool = from, .meanwhile = meanwhile});
  return ran ? Result<>{} : pass(ran.error());
}

Result<std::pair<std::int64_t, Digest>> RemoteFiles::read_back(const std::string& file) {
  auto ran = run(rclone_.cat(file), {.doing = "read a file back from", .listener = {"hash"}, .shows_progress = true});
  if (!ran) return pass(ran.error());
  return std::pair(ran->listened->number[0], ran->listened->digest);
}

Result<std::pair<std::int64_t, Digest>> RemoteFiles::examine(const std::string& service, const std::string& archive) {
  return examine_in(layout().archives(service), archive);
}

Result<std::pair<std::int64_t, Digest>> RemoteFiles::examine_in(const std::string& directory, const std::string& file) {
  if (can_.sha256) {
    auto entries = list(directory);
    if (!entries) return pass(entries.error());
    if (const Entry* entry = find(*entries, file); entry != nullptr && entry->sha256)
      return std::pair(entry->size, *entry->sha256);
  }
  return read_back(directory + "/" + file);
}

Result<> RemoteFiles::fetch(const std::string& file, int out_fd, std::int64_t size) {
  auto ran = run(rclone_.cat(file), {.doing = "fetch a file from", .out_fd = out_fd, .out_size = size, .shows_progress = true});
  return ran ? Result<>{} : pass(ran.error());
}

Result<> RemoteFiles::fetch_tree(const std::string& directory, int into, const std::string& what, std::int64_t most_bytes,
                                 std::int64_t most_files) {
  auto ran = run(rclone_.copy_tree(directory, sandbox::spool_dir, most_bytes), {.doing = "fetch the mirror from",
                                                                                .into_fd = into,
                                                                                .into = what,
                                                                                .shows_progress = true,
                                                                                .missing_is_fine = true,
                                                                                .believes_words = false,
                                                                                .most_files = most_files});
  return ran ? Result<>{} : pass(ran.error());
}

Result<Record> RemoteFiles::check_manifest(const std::string& file, const std::string& service, const std::string& archive,
                                           const std::string& keys, const monitor::Job::OnRecord& on_entry) {
  auto trusted = memory_file(keys);
  if (!trusted) return pass(trusted.error());
  auto ran = run(rclone_.cat(file), {.doing = "read a manifest from",
                                     .listener = {"manifest", service, archive},
                                     .listener_extra = {trusted->get()},
                                     .on_entry = on_entry});
  if (!ran) return pass(ran.error());
  return *ran->listened;
}

Result<SnapshotRecord> RemoteFiles::check_snapshot(const std::string& service, const std::string& id, const std::string& keys) {
  auto trusted = memory_file(keys);
  if (!trusted) return pass(trusted.error());
  SnapshotRecord found;
  auto ran = run(rclone_.cat(layout().snapshot(id, "manifest.json")),
                 {.doing = "read a manifest from",
                  .listener = {"snapshot", service, id},
                  .listener_extra = {trusted->get()},
                  .on_entry = [&](const Record& record) { return take_archive(record, found); }});
  if (!ran) return pass(ran.error());
  take_signed(*ran->listened, found);
  return found;
}

Result<> RemoteFiles::set_tier(const std::string& tier, const std::string& file) {
  auto ran = run(rclone_.set_tier(tier, file), {.doing = "set the access tier of a file on"});
  return ran ? Result<>{} : pass(ran.error());
}

Result<> RemoteFiles::rename(const std::string& from, const std::string& to) {
  auto ran = run(rclone_.move_file(from, to), {.doing = "rename a file on"});
  return ran ? Result<>{} : pass(ran.error());
}

Result<> RemoteFiles::remove(const std::string& file) {
  auto ran = run(rclone_.delete_file(file), {.doing = "delete a file on", .missing_is_fine = true});
  return ran ? Result<>{} : pass(ran.error());
}

Result<> RemoteFiles::purge(const std::string& directory) {
  auto ran = run(rclone_.purge(directory), {.doing = "delete old history on", .missing_is_fine = true});
  return ran ? Result<>{} : pass(ran.error());
}

Result<Ran> RemoteFiles::mirror(const remote::Mirror& mirror, int tree_fd, const std::vector<Instead>& instead, bool dry_run) {
  if (dry_run)
    return run(rclone_.dry_run(mirror, relay::dry_run_flags, rclone_.layout().at(".backupctl-dry-run")),
               {.doing = mirror.bucket ? "compare the bucket with" : "compare the tree with",
                .tree_fd = tree_fd,
                .instead = instead,
                .log_mode = {"dry-run"}});
  const char* const doing = mirror.bucket ? "mirror the bucket to" : "mirror the tree to";
  auto ran = run(
      rclone_.sync(mirror),
      {.doing = doing, .tree_fd = tree_fd, .instead = instead, .shows_progress = true, .most_deleted = mirror.most_deleted});
  // Of an object the server tells the MD5, and a directory's is computed: what lies there is proven, not believed for its time.
  const bool by_hash = mirror.bucket && directory_;
  if (!ran || (can_.times && !by_hash)) return ran;
  auto refreshed =
      run(rclone_.refresh(mirror, by_hash), {.doing = doing, .tree_fd = tree_fd, .instead = instead, .shows_progress = true});
  if (!refreshed) return refreshed;
  for (const std::size_t i : {1U, 2U}) ran->figures.number[i] += refreshed->figures.number[i];  // bytes, transfers
  return ran;
}

Result<Ran> RemoteFiles::keep_changed(const remote::Mirror& mirror, const std::string& compare) {
  // Without times two objects of one size would count as the same.
  return run(
      rclone_.copy_changed(mirror, can_.times ? compare : ""),
      {.doing = "keep what would be overwritten on", .shows_progress = true, .missing_is_fine = true, .believes_words = false});
}

Result<Ran> RemoteFiles::fill_bucket(const remote::Mirror& mirror, int tree_fd) {
  auto ran = run(rclone_.copy_into_bucket(mirror), {.doing = "restore to", .tree_fd = tree_fd, .shows_progress = true});
  if (!ran) return ran;
  if (auto same = run(rclone_.check(mirror), {.doing = "verify what was restored to", .tree_fd = tree_fd}); !same) return same;
  return ran;
}

}  // namespace backupctl::step
