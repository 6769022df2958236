#include "gate/step/stored_mirror.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "common/io.h"
#include "common/room.h"
#include "gate/state/history.h"
#include "gate/step/extraction.h"
#include "gate/step/helpers.h"
#include "gate/step/mirror_manifest.h"
#include "gate/step/served.h"

namespace backupctl::step {
namespace {

/// The mirror on one remote; nothing where it has no good manifest, which is told.
Result<std::optional<StoredMirror>> find_on(Context& context, RemoteFiles& files, const std::string& service,
                                            const std::string& keys) {
  auto entries = files.list(files.layout().at(service));
  if (!entries) return pass(entries.error());
  const auto passed_over = [&](std::string_view why) {
    context.output.note(fmt::format("the mirror of {} on {} is passed over: {}", service, files.remote().name, why), true);
    return std::optional<StoredMirror>{};
  };
  const Entry* entry = find(*entries, mirror_manifest_file);
  if (entry == nullptr || entry->size < 0)
    return passed_over("it has no manifest; a --sync or --backup of this version writes one");
  const std::string spool = context.state.at("spool");
  if (entry->size > free_bytes(spool) / 2)
    return fail(Exit::io_error, "the manifest of the mirror has {}, and there is not that much room in {}; nothing was written",
                monitor::human_bytes(entry->size), spool);
  StoredMirror stored{&files.remote(), UniqueFd(::open(spool.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)), {}};
  if (!stored.manifest) return fail_errno(Exit::io_error, errno, "cannot make a file in {}", spool);
  if (auto fetched = files.fetch(files.layout().mirror_manifest(service), stored.manifest.get(), entry->size); !fetched)
    return pass(fetched.error());
  auto trusted = memory_file(keys);
  if (!trusted) return pass(trusted.error());
  if (::lseek(stored.manifest.get(), 0, SEEK_SET) != 0)
    return fail_errno(Exit::io_error, errno, "cannot read the fetched manifest");
  auto checked = run_relay(context, {"manifest", service, std::string(mirror_name)}, stored.manifest.get(), {trusted->get()});
  // Only what is wrong with the manifest leads to another remote's mirror; what fails otherwise must not (X6).
  if (!checked && checked.error().exit != Exit::bad_data) return pass(checked.error());
  if (!checked) return passed_over(checked.error().sentence);
  stored.record = *checked;
  return std::optional(std::move(stored));
}

std::string hour_of(std::int64_t unix_seconds) {
  const time_t when = static_cast<time_t>(unix_seconds);
  struct tm utc {};
  char text[32] = {};
  ::gmtime_r(&when, &utc);
  ::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &utc);
  return text;
}

std::string_view or_archive(const policy::Service& service) {
  return service.source == policy::SourceKind::tree ? ", or from an archive" : "";
}

/// @param target  -1: verify only
Result<Record> run_extractor(Context& context, const StoredMirror& stored, int mirror, int target, const std::string& to) {
  std::vector<std::string> args = {"--mirror",
                                   "--list-digest",
                                   to_hex(stored.record.digest),
                                   "--members",
                                   std::to_string(stored.files()),
                                   "--content-bytes",
                                   std::to_string(stored.record.number[4])};
  if (stored.may_differ()) args.emplace_back("--leave-out");
  return run_extractor(context,
                       {.args = std::move(args), .in = stored.manifest.get(), .mirror = mirror, .target = target, .to = to});
}

}  // namespace

Result<StoredMirror> find_mirror(Context& context, const policy::Service& service, const std::string& keys,
                                 const std::vector<std::string>& remotes) {
  std::optional<StoredMirror> best;
  const auto asked = ask_remotes(context, remotes, [&](RemoteFiles& files) -> Result<bool> {
    auto found = find_on(context, files, service.name, keys);
    if (!found) return pass(found.error());
    if (found->has_value() && (!best || std::pair((*found)->complete(), (*found)->record.number[1]) >
                                            std::pair(best->complete(), best->record.number[1])))
      best = std::move(**found);
    return best.has_value();
  });
  if (!asked) return pass(asked.error());
  if (best) {
    if (const std::int64_t last = state::last_mirrored(context.state, service.name); last > best->record.number[1])
      context.output.note(fmt::format("this host finished a sync after {}, but the newest mirror on the remotes is of {}: "
                                      "somebody gave an older one back",
                                      hour_of(last), hour_of(best->record.number[1])),
                          true);
    return std::move(*best);
  }
  return fail(Exit::bad_data,
              "no mirror of {} on its remotes has a signed manifest that is good, so none can be told from a changed one: "
              "nothing was written; {}copy the mirror by hand (backupctl-recovery(7))",
              service.name, service.source == policy::SourceKind::tree ? "restore an archive (--archive latest), or " : "");
}

void add_left_out(std::vector<monitor::Field>& fields, std::int64_t keys) {
  if (keys > 0) fields.push_back(monitor::number_field("left-out", keys));
}

Result<UniqueFd> fetch_data(RemoteFiles& files, const policy::Service& service, const state::Spool& spool,
                            std::int64_t known_bytes, std::int64_t known_files) {
  const auto room = room_on(spool.fd());
  if (!room) return pass(room.error());
  // Where inodes are made as they are needed, the smallest file takes a block.
  const auto inodes = static_cast<std::int64_t>(std::min(room->files, room->free / room->block));
  const auto most = [](std::int64_t known, std::int64_t free) { return known + std::max<std::int64_t>(0, free - known) / 2; };
  UniqueFd folder;
  if (::mkdirat(spool.fd(), "mirror", 0700) == 0) folder = open_beneath(spool.fd(), "mirror", O_RDONLY | O_DIRECTORY);
  if (!folder) return fail_errno(Exit::io_error, errno, "cannot make a folder in {}", spool.path());
  if (auto fetched = files.fetch_tree(files.layout().data(service.name), folder.get(), spool.path(),
                                      most(known_bytes, static_cast<std::int64_t>(room->free)), most(known_files, inodes));
      !fetched)
    return pass(fetched.error());
  return folder;
}

Result<UniqueFd> fetch_mirror(Context& context, const policy::Service& service, const StoredMirror& stored,
                              const state::Spool& spool) {
  const std::int64_t room = free_bytes(spool.path());
  if (room < stored.bytes())
    return fail(Exit::io_error, "the mirror needs {} in {}, and there is not that much room; nothing was written",
                monitor::human_bytes(stored.bytes()), spool.path());
  auto files = RemoteFiles::open(context, *stored.remote);
  if (!files) return pass(files.error());
  context.output.step(fmt::format("fetching the mirror of {} from {}", hour_of(stored.record.number[1]), stored.remote->name));
  // What else lies there is fetched as well, and ignored.
  auto folder = fetch_data(*files, service, spool, stored.bytes(), stored.files());
  if (!folder) return folder;
  if (auto closed = files->close(); !closed) return pass(closed.error());
  return folder;
}

Result<std::int64_t> verify_mirror(Context& context, const StoredMirror& stored, int mirror) {
  context.output.step("verifying every file");
  if (stored.left_out() > 0)
    context.output.note(fmt::format("{} keys of the bucket could be no paths when the mirror was made, so they are not in it",
                                    stored.left_out()),
                        true);
  const auto read = run_extractor(context, stored, mirror, -1, "");
  if (!read) return pass(read.error());
  if (read->digest != stored.record.digest)
    return fail(Exit::bug, "the extractor verified another list of files; nothing was written");
  if (read->number[6] > 0)
    context.output.note(fmt::format("{} files of the mirror are not in its manifest and are ignored", read->number[6]), true);
  return read->number[5];
}

Result<> check_in_place(Context& context, const policy::Service& service, const StoredMirror& stored) {
  if (state::last_mirrored(context.state, service.name) > stored.record.number[1])
    return fail(Exit::bad_data,
                "the newest mirror on the remotes is older than the last that this host made, so it does not take the data's "
                "place and nothing was done; restore with --to and look{}",
                or_archive(service));
  // What the run could not read has no line in the manifest, so nothing would be missed.
  if (!stored.complete())
    return fail(Exit::io_error,
                "the run that made the mirror was not complete, so it does not take the data's place and nothing was done; "
                "restore with --to and look{}",
                or_archive(service));
  return {};
}

Result<FetchedMirror> obtain_mirror(Context& context, const policy::Service& service, const std::string& keys,
                                    const std::vector<std::string>& remotes, bool in_place) {
  auto stored = find_mirror(context, service, keys, remotes);
  if (!stored) return pass(stored.error());
  if (in_place)
    if (auto may = check_in_place(context, service, *stored); !may) return pass(may.error());
  auto spool = state::Spool::make(context.state);
  if (!spool) return pass(spool.error());
  auto folder = fetch_mirror(context, service, *stored, *spool);
  if (!folder) return pass(folder.error());
  const auto left_out = verify_mirror(context, *stored, folder->get());
  if (!left_out) return pass(left_out.error());
  if (*left_out > 0 && in_place)
    return fail(service.source == policy::SourceKind::bucket ? Exit::bad_data : Exit::io_error,
                "{} files of the mirror are not what its manifest says (named above), so it does not take the data's place and "
                "nothing was done; restore with --to and look{}",
                *left_out, or_archive(service));
  return FetchedMirror{std::move(*stored), std::move(*spool), std::move(*folder), *left_out};
}

Result<Record> extract_mirror(Context& context, const StoredMirror& stored, int mirror, int target, const std::string& to) {
  context.output.step(fmt::format("writing to {}", to));
  auto done = run_extractor(context, stored, mirror, target, to);
  if (!done) return fail(done.error().exit, "{}; what was written so far is in {}, incomplete", done.error().sentence, to);
  return done;
}

}  // namespace backupctl::step
