#include "gate/step/drill.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "common/escape.h"
#include "common/io.h"
#include "common/room.h"
#include "gate/config/policy_file.h"
#include "gate/step/commit.h"
#include "gate/step/drill_record.h"
#include "gate/step/helpers.h"
#include "gate/step/read_tree.h"
#include "gate/step/remember.h"
#include "gate/step/scratch.h"
#include "gate/step/stored_archive.h"
#include "gate/step/watch.h"

namespace backupctl::step {
namespace {

/// The longest manifest that is fetched for its list of files.
constexpr std::int64_t max_manifest = std::int64_t{8} << 30;

/// What the signed manifest says of its list of files.
struct SignedList {
  UniqueFd manifest;  ///< the whole of it, checked
  std::int64_t files = 0;
  Digest digest{};
};

/// Fetches the archive's manifest once more, whole, and has it checked again: its list is what is compared with.
Result<SignedList> signed_list(Context& context, const policy::Service& service, const StoredArchive& stored,
                               const std::string& keys) {
  SignedList list;
  const std::string spool = context.state.at("spool");
  list.manifest.reset(::open(spool.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!list.manifest) return fail_errno(Exit::io_error, errno, "cannot make a file in {}", spool);
  auto files = RemoteFiles::open(context, *stored.remote);
  if (!files) return pass(files.error());
  const std::string name = stored.name + std::string(manifest_ending);
  auto entries = files->list(files->layout().archives(service.name));
  if (!entries) return pass(entries.error());
  const Entry* entry = find(*entries, name);
  if (entry == nullptr || entry->size < 0 || entry->size > max_manifest)
    return fail(Exit::bad_data, "the manifest of {} is gone from {}", stored.name, stored.remote->name);
  if (auto fetched = files->fetch(files->layout().archive(service.name, name), list.manifest.get(), entry->size); !fetched)
    return pass(fetched.error());
  if (auto closed = files->close(); !closed) return pass(closed.error());
  auto trusted = memory_file(keys);
  if (!trusted) return pass(trusted.error());
  ::lseek(list.manifest.get(), 0, SEEK_SET);
  const auto checked = run_relay(context, {"manifest", service.name, stored.name}, list.manifest.get(), {trusted->get()},
                                 [&](const Record& record) {
                                   if (record.kind != Record::Kind::entry) return false;
                                   list.files = record.number[1];
                                   list.digest = record.digest;
                                   return true;
                                 });
  if (!checked) return pass(checked.error());
  if (checked->digest != stored.manifest.digest)
    return fail(Exit::bad_data, "the manifest of {} on {} was exchanged meanwhile", stored.name, stored.remote->name);
  return list;
}

/// The first paths that differ, by name.
Result<std::string> differences(Context& context, const SignedList& list, const state::Spool& spool) {
  UniqueFd got = open_beneath(spool.fd(), "files.jsonl", O_RDONLY);
  if (!got || ::lseek(list.manifest.get(), 0, SEEK_SET) != 0)
    return fail_errno(Exit::io_error, errno, "cannot read the list of what was restored");
  std::string named;
  std::int64_t shown = 0;
  const auto compared = run_relay(context, {"compare"}, list.manifest.get(), {got.get()}, [&](const Record& record) {
    if (record.kind != Record::Kind::entry) return false;
    const std::string_view how = record.number[0] == 1   ? " is missing"
                                 : record.number[0] == 2 ? " is not in the manifest"
                                                         : " differs";
    if (++shown <= 3) named += (named.empty() ? "" : ", ") + escape_line(record.view(), 200) + std::string(how);
    return true;
  });
  if (!compared) return pass(compared.error());
  return fmt::format("{} of {} files: {}{}", compared->number[0], compared->number[1], named,
                     compared->number[0] > 3 ? ", …" : "");
}

/// The rehearsal; what it learns goes into the record as it goes.
Result<> rehearse(Context& context, const policy::Service& service, const DrillWish& wish, const std::string& keys,
                  DrillRecord& record) {
  Watch watch;
  auto stored = find_archive(context, service, {}, keys, service.remotes);
  if (!stored) return pass(stored.error());
  record.archive = stored->name;
  record.remote = stored->remote->name;
  record.size = stored->manifest.number[0];
  record.sha256 = stored->manifest.digest;
  const std::int64_t content = stored->manifest.number[4];
  // Archive and files at the same time, where both go to the spool.
  if (auto room = check_drill_room(context.state.at("spool"), record.size + (wish.scratch.empty() ? content : 0)); !room)
    return room;
  if (auto room = check_drill_room(wish.scratch.empty() ? context.state.at("spool") : wish.scratch, content); !room)
    return room;
  auto archive = fetch(context, service, *stored);
  if (!archive) return pass(archive.error());
  auto list = signed_list(context, service, *stored, keys);
  if (!list) return pass(list.error());
  record.fetch = watch.lap();
  if (auto verified = verify(context, *stored, archive->get()); !verified) return verified;
  record.verify = watch.lap();
  auto scratch = Scratch::make(context.state, service.name, wish.scratch);
  if (!scratch) return pass(scratch.error());
  const auto extracted = extract(context, *stored, archive->get(), scratch->fd(), scratch->path());
  if (!extracted) return pass(extracted.error());
  record.bytes = extracted->number[2];
  record.extract = watch.lap();
  if (extracted->number[3] > 0)
    return fail(Exit::io_error,
                "{} owners, attributes or times of {} could not be restored in {} (named above); try a --scratch on the "
                "service's own kind of file system",
                extracted->number[3], stored->name, scratch->path());

  context.output.step("comparing every file with the manifest");
  UniqueFd data = open_beneath(scratch->fd(), "data", O_RDONLY | O_DIRECTORY);
  if (!data) return fail(Exit::bad_data, "{} was restored and holds no data/", stored->name);
  auto spool = state::Spool::make(context.state);
  if (!spool) return pass(spool.error());
  auto read = list_tree(context, scratch->path() + "/data", {}, false, data.get(), {}, *spool);
  if (!read) return pass(read.error());
  record.files = read->files;
  record.compared = stored->manifest.number[6] != 1;
  record.compare = watch.lap();
  if (!record.compared || (read->files == list->files && read->files_digest == list->digest)) return {};
  const auto differing = differences(context, *list, *spool);
  if (!differing) return pass(differing.error());
  return fail(Exit::bad_data,
              "what {} gives is not what its signed manifest says, {}; a restore of it would give these; look whether an older "
              "archive is better: --restore {} --archive DATE",
              stored->name, *differing, service.name);
}

/// How each kind of source is rehearsed.
struct Rehearsal {
  policy::SourceKind source;
  Result<> (*run)(Context&, const policy::Service&, const DrillWish&, const std::string& keys, DrillRecord&);
  const char* text;  ///< what a drill that ended well has shown
};
constexpr Rehearsal rehearsals[] = {
    {policy::SourceKind::tree, rehearse, "restorable, every file compared"},
    {policy::SourceKind::volumes, rehearse_volumes, "restorable, every volume extracted as it was signed"},
    {policy::SourceKind::bucket, rehearse_bucket, "restorable, every file compared"},
    {policy::SourceKind::postgres, rehearse_postgres, "restorable, every row of it was read"},
    {policy::SourceKind::redis, rehearse_redis, "restorable, every key of it was read"},
};

const Rehearsal* rehearsal_of(policy::SourceKind source) {
  for (const Rehearsal& one : rehearsals)
    if (one.source == source) return &one;
  return nullptr;
}

}  // namespace

Result<> check_drill_room(const std::string& path, std::int64_t needed) {
  if (free_bytes(path) >= needed) return {};
  return fail(Exit::io_error,
              "the drill needs {} in {}, and there is not that much room; name another directory with --scratch",
              monitor::human_bytes(needed), path);
}

bool can_rehearse(const policy::Service& service) { return rehearsal_of(service.source) != nullptr; }

Result<Report> drill(Context& context, const DrillWish& wish) {
  const auto found = context.policy.services.find(wish.service);
  const Rehearsal* how = found == context.policy.services.end() ? nullptr : rehearsal_of(found->second.source);
  if (how == nullptr)
    return fail(Exit::not_permitted, "the policy names no service {} whose restore can be rehearsed; nothing was done",
                escape_line(wish.service, 64));
  const policy::Service& service = found->second;
  if (auto made = ensure_host_key(context); !made) return pass(made.error());
  const auto keys = config::trusted_keys(context.policy_path, context.policy.gate.state_dir);
  if (!keys) return pass(keys.error());
  auto lock = state::take_any(context.state, {"drill-" + service.name}, context.policy.gate.lock_wait, context.session,
                              fmt::format("another drill of {} has run all the time; nothing was done", service.name));
  if (!lock) return pass(lock.error());
  context.gives_way = true;
  DrillRecord record;
  record.service = service.name;
  Watch watch;
  const auto done = how->run(context, service, wish, *keys, record);
  record.all = watch.lap();
  if (!done) {
    record.fault = done.error().sentence;
    remember_run(context, service.name, "drill", done.error().exit);
    // Broken off is no finding.
    if (context.session.over())
      return fail(done.error().exit, "{}; nothing was changed, run the drill again", done.error().sentence);
  }
  const auto path = write_record(context, record);
  if (!path && done) return pass(path.error());
  if (!path) context.output.note(path.error().sentence, true);
  if (!done)
    return fail(done.error().exit, "the newest backup of {} could not be restored: {}{}", service.name, done.error().sentence,
                path ? "; recorded in " + *path : "");
  remember_run(context, service.name, "drill", Exit::done);
  remember_rehearsal(context, service.name, record.fetch + record.verify + record.extract);
  const bool adopted = how->source == policy::SourceKind::tree && !record.compared;
  return Report{adopted ? "restorable, an adopted archive without a list of files to compare with" : how->text,
                {monitor::text_field("archive", record.archive), monitor::text_field("from", record.remote),
                 monitor::number_field("files", record.files), monitor::bytes_field("bytes", record.bytes),
                 monitor::seconds_field("fetch", record.fetch), monitor::seconds_field("verify", record.verify),
                 monitor::seconds_field("extract", record.extract), monitor::seconds_field("compare", record.compare),
                 monitor::text_field("record", *path)}};
}

}  // namespace backupctl::step
