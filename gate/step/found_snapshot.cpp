#include "gate/step/found_snapshot.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "common/civil_date.h"
#include "common/escape.h"
#include "common/io.h"
#include "common/request.h"
#include "common/room.h"
#include "gate/remote/names.h"
#include "gate/state/snapshots.h"
#include "gate/step/extraction.h"
#include "gate/step/served.h"
#include "gate/step/snapshot_remote.h"
#include "gate/step/volume_snapshot.h"
#include "policy/read_source.h"

namespace backupctl::step {
namespace {

constexpr const char* manifest_name = "manifest.json";
constexpr const char* checksums_name = "MANIFEST.sha256";
constexpr const char* readme_name = "README.md";
/// Most bytes of a snapshot's small files: a line an archive (kept in memory) and the policy's own words.
constexpr std::int64_t most_small = 8 << 20;

Result<> check_complete(const SnapshotRecord& record, const std::string& id, const std::string& from) {
  if (record.complete) return {};
  return fail(Exit::bad_data, "snapshot {} in {} is incomplete, and says so itself; nothing was done: take another", id,
              escape_line(from, 256));
}

/// In an opened folder.
Result<FoundSnapshot> read_folder(Context& context, const policy::Service& service, UniqueFd folder, const std::string& id,
                                  const std::string& from, const std::string& keys) {
  FoundSnapshot found{id, from, {}, std::move(folder)};
  auto record = read_snapshot_record(context, service.name, found.folder.get(), id, keys);
  if (!record) return pass(record.error());
  found.record = std::move(*record);
  if (auto complete = check_complete(found.record, id, from); !complete) return pass(complete.error());
  return found;
}

/// This host's own; nothing where it has none.
Result<std::optional<FoundSnapshot>> find_local(Context& context, const policy::Service& service,
                                                const std::optional<std::string>& id, const std::string& keys) {
  const auto store = state::Snapshots::open(context.state, service.name);
  if (!store) return pass(store.error());
  const auto ids = store->ids();
  if (!ids) return pass(ids.error());
  if (ids->empty() || (id && std::find(ids->begin(), ids->end(), *id) == ids->end())) return std::optional<FoundSnapshot>{};
  const std::string& wanted = id ? *id : ids->back();
  auto folder = store->open_for_reading(wanted);
  if (!folder) return pass(folder.error());
  auto found = read_folder(context, service, std::move(*folder), wanted, std::string(policy::local_snapshots), keys);
  return found ? Result<std::optional<FoundSnapshot>>(std::move(*found)) : pass(found.error());
}

/// A folder that somebody pulled: a snapshot's, or one that holds several.
Result<FoundSnapshot> find_in(Context& context, const policy::Service& service, const SnapshotWish& wish,
                              const std::string& keys) {
  std::error_code error;
  std::string path = wish.from;
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  const std::filesystem::path dir(path);
  const auto read = [&](const std::string& folder, const std::string& id) -> Result<FoundSnapshot> {
    UniqueFd opened = open_no_symlinks(folder, O_RDONLY | O_DIRECTORY);
    if (!opened)
      return fail_errno(Exit::io_error, errno, "cannot open {} (no link may lead there); nothing was done",
                        escape_line(folder, 512));
    return read_folder(context, service, std::move(opened), id, path, keys);
  };
  const auto has_manifest = [&](const std::filesystem::path& folder) {
    return std::filesystem::exists(folder / manifest_name, error);
  };
  if (has_manifest(dir)) {
    const std::string name = dir.filename();
    if (is_snapshot_id(name) || wish.id) return read(path, wish.id.value_or(name));
    return fail(Exit::bad_data,
                "{} is not named by a snapshot's id: say which it should be with --snapshot-id; nothing was done",
                escape_line(path, 512));
  }
  std::string newest;
  for (std::filesystem::directory_iterator at(dir, error); !error && at != std::filesystem::directory_iterator();
       at.increment(error)) {
    const std::string name = at->path().filename();
    if (is_snapshot_id(name) && name > newest && (!wish.id || name == *wish.id) && has_manifest(at->path())) newest = name;
  }
  if (!newest.empty()) return read(dir / newest, newest);
  return fail(Exit::bad_data, "there is no snapshot{}{} in {} (a folder with a {}); nothing was done", wish.id ? " " : "",
              wish.id.value_or(""), escape_line(path, 512), manifest_name);
}

Result<FoundSnapshot> find_remote(Context& context, const policy::Service& service, const SnapshotWish& wish,
                                  const std::string& keys) {
  std::optional<FoundSnapshot> found;
  std::string none;
  const auto asked =
      ask_remotes(context, wish.from.empty() || wish.from == any_remote ? service.remotes : std::vector{wish.from},
                  [&](RemoteFiles& files) -> Result<bool> {
                    if (found) return true;
                    const auto id = newest_snapshot(files, service.name, wish.id);
                    if (!id && id.error().exit != Exit::bad_data) return pass(id.error());
                    if (!id) {
                      none = id.error().sentence;
                      return false;
                    }
                    auto record = files.check_snapshot(service.name, *id, keys);
                    if (!record) return pass(record.error());
                    found = FoundSnapshot{*id, files.remote().name, std::move(*record), {}, &files.remote()};
                    return true;
                  });
  if (!asked) return pass(asked.error());
  if (!found) return fail(Exit::bad_data, "{}; nothing was done", none);
  if (auto complete = check_complete(found->record, found->id, found->from); !complete) return pass(complete.error());
  return std::move(*found);
}

Result<> fetch_file(RemoteFiles& files, const std::string& id, const std::string& name, std::int64_t size, int folder) {
  const UniqueFd file = open_beneath(folder, name, O_RDWR | O_CREAT | O_EXCL, 0644);
  if (!file || ::fchmod(file.get(), 0644) != 0) return fail_errno(Exit::io_error, errno, "cannot write {}", name);
  return files.fetch(files.layout().snapshot(id, name), file.get(), size);
}

}  // namespace

Result<FoundSnapshot> find_snapshot(Context& context, const policy::Service& service, const SnapshotWish& wish,
                                    const std::string& keys) {
  if (wish.from.starts_with('/')) return find_in(context, service, wish, keys);
  if (wish.from.empty() || wish.from == policy::local_snapshots) {
    auto local = find_local(context, service, wish.id, keys);
    if (local && local->has_value()) return std::move(**local);
    if (!local && (!wish.from.empty() || context.session.over())) return pass(local.error());
    if (!local) context.output.note(local.error().sentence + "; the remotes are asked", true);
    if (!wish.from.empty())
      return fail(Exit::bad_data, "this host has no snapshot{}{} of {} of its own; nothing was done", wish.id ? " " : "",
                  wish.id.value_or(""), service.name);
  } else if (wish.from != any_remote &&
             std::find(service.remotes.begin(), service.remotes.end(), wish.from) == service.remotes.end()) {
    return fail(Exit::not_permitted, "service.{}.remotes does not have {}; nothing was done", service.name,
                escape_line(wish.from, 64));
  }
  return find_remote(context, service, wish, keys);
}

std::vector<std::string> announced(const SnapshotRecord::Archive& archive) {
  return {"--members",       std::to_string(archive.members),
          "--content-bytes", std::to_string(archive.content),
          "--root",          "data",
          "--format",        archive.name.ends_with(".tar.zst") ? "tar.zst" : "tar.gz"};
}

Result<> check_small_files(const FoundSnapshot& found) {
  const auto text_of = [&](const char* name) -> Result<std::string> {
    const UniqueFd file = open_beneath(found.folder.get(), name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (!file) return fail_errno(Exit::bad_data, errno, "{} of snapshot {} cannot be read", name, found.id);
    return read_all(file.get(), most_small);
  };
  const auto sums = text_of(checksums_name);
  const auto readme = text_of(readme_name);
  if (!sums || !readme) return pass(sums ? readme.error() : sums.error());
  const bool good = sha256(*sums) == found.record.checksums &&
                    sums->find(fmt::format("{}  {}\n", to_hex(sha256(*readme)), readme_name)) != std::string::npos;
  if (good) return {};
  return fail(Exit::bad_data, "{} of snapshot {} in {} is not what was signed; nothing was done", checksums_name, found.id,
              found.from);
}

Result<> fetch_snapshot(Context& context, const policy::Service& service, FoundSnapshot& found, int folder,
                        const std::string& keys) {
  auto files = RemoteFiles::open(context, *found.remote);
  if (!files) return pass(files.error());
  // Asked now: who waited for the credential has found room that others took since.
  const auto room = room_on(folder);
  if (!room) return pass(room.error());
  if (room->bytes < static_cast<std::uint64_t>(found.record.bytes() + 3 * most_small))
    return fail(Exit::io_error, "the snapshot needs {} in {}, and there is not that much room; nothing was done",
                monitor::human_bytes(found.record.bytes()), context.policy.gate.state_dir);
  const auto entries = files->list(files->layout().snapshot(found.id));
  if (!entries) return pass(entries.error());
  for (const SnapshotRecord::Archive& archive : found.record.archives) {
    const Entry* entry = find(*entries, archive.name);
    if (entry == nullptr || entry->size != archive.size)
      return fail(Exit::bad_data,
                  "{} of snapshot {} on {} is missing, or not as large as its signed manifest says; nothing was done: take "
                  "another snapshot, or another place (--from)",
                  archive.name, found.id, found.from);
    if (entry->tier == remote::archive_tier)
      return fail(Exit::unavailable,
                  "{} of snapshot {} on {} lies in the archive tier, where it cannot be read: have Azure bring it back to a "
                  "warmer one first, which takes hours; nothing was done",
                  archive.name, found.id, found.from);
  }
  for (const SnapshotRecord::Archive& archive : found.record.archives) {
    context.output.step(fmt::format("fetching {} from {}", archive.name, found.from));
    if (auto done = fetch_file(*files, found.id, archive.name, archive.size, folder); !done) return done;
  }
  for (const char* name : {readme_name, checksums_name, manifest_name}) {
    const Entry* entry = find(*entries, name);
    if (entry == nullptr || entry->size < 0 || entry->size > most_small)
      return fail(Exit::bad_data, "{} of snapshot {} on {} is missing or too large; nothing was done", name, found.id,
                  found.from);
    if (auto done = fetch_file(*files, found.id, name, entry->size, folder); !done) return done;
  }
  if (auto closed = files->close(); !closed) return closed;
  found.folder = open_beneath(folder, ".", O_RDONLY | O_DIRECTORY);
  // What was fetched is what counts, and not what the remote showed before.
  auto record = read_snapshot_record(context, service.name, folder, found.id, keys);
  if (!record) return pass(record.error());
  found.record = std::move(*record);
  return check_complete(found.record, found.id, found.from);
}

Result<> verify_archives(Context& context, const FoundSnapshot& found) {
  if (auto small = check_small_files(found); !small) return small;
  for (const SnapshotRecord::Archive& archive : found.record.archives) {
    context.output.step(fmt::format("verifying every byte and member of {}", archive.name));
    const UniqueFd file = open_beneath(found.folder.get(), archive.name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    struct stat st {};
    const bool there = file && ::fstat(file.get(), &st) == 0 && S_ISREG(st.st_mode) && st.st_size == archive.size;
    auto read = there ? run_extractor(context, {.args = announced(archive), .in = file.get()})
                      : fail(Exit::bad_data, "it is missing, or not as large as its signed manifest says");
    if (read && read->digest == archive.sha256) continue;
    if (!read && read.error().exit != Exit::bad_data) return pass(read.error());
    return fail(
        Exit::bad_data,
        "{} of snapshot {} in {} is not what its signed manifest says ({}); nothing was done: take another snapshot, or "
        "another place (--from)",
        archive.name, found.id, escape_line(found.from, 256), read ? "SHA-256" : read.error().sentence);
  }
  return {};
}

Result<> bring_here(Context& context, const policy::Service& service, FoundSnapshot& found, const std::string& keys) {
  // One of tomorrow would be this host's newest for ever, and no snapshot could be taken after it.
  const auto tomorrow = date_in_zone(::time(nullptr) + 86'400, context.policy.gate.timezone);
  std::string latest = tomorrow ? format_date(*tomorrow) : "";
  std::erase(latest, '-');
  if (found.id.substr(0, 8) > latest)
    return fail(Exit::bad_config, "snapshot {} is dated in the future; nothing was done: look at this host's clock", found.id);
  const auto store = state::Snapshots::open(context.state, service.name);
  if (!store) return pass(store.error());
  auto folder = store->begin(found.id);
  if (!folder) return pass(folder.error());
  const auto fill = [&]() -> Result<> {
    if (auto fetched = fetch_snapshot(context, service, found, folder->get(), keys); !fetched) return fetched;
    if (auto verified = verify_archives(context, found); !verified) return verified;
    return store->commit(found.id);
  };
  auto filled = fill();
  if (!filled) {
    store->discard(found.id);
    return filled;
  }
  folder->reset();
  auto here = store->open_for_reading(found.id);
  if (!here) return pass(here.error());
  found.folder = std::move(*here);
  return {};
}

}  // namespace backupctl::step
