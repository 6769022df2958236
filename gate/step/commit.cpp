#include "gate/step/commit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "common/io.h"
#include "gate/step/signed_manifest.h"
#include "policy/retention.h"

namespace backupctl::step {
namespace {

/// What an archive of that format is compressed with as it lies there (PostgreSQL's custom format compresses with zlib inside).
std::string_view compression(std::string_view format) {
  return format == "tar.gz" ? "gzip" : format == "tar.zst" ? "zstd" : format == "dump" ? "zlib" : "none";
}

/// D1: what lies on the remote is, byte for byte, what was made here.
Result<> verify_copy(RemoteFiles& remote, const std::string& service, const std::string& name, const FileDigest& made) {
  const auto there = remote.examine(service, name);
  if (!there) return pass(there.error());
  if (there->first == made.size && there->second == made.digest) return {};
  return fail(Exit::bad_data,
              "what {} holds after the upload is not what was sent ({} bytes instead of {}, or another content): it was not "
              "made a backup, and nothing was deleted",
              remote.remote().name, there->first, made.size);
}

}  // namespace

std::string archive_command(const policy::Service& service) {
  return fmt::format("backupctl {} {}", service.source == policy::SourceKind::tree ? "--archive" : "--backup", service.name);
}

Result<Presence> look_for(RemoteFiles& remote, const std::string& service, const std::string& archive,
                          const std::string& keys) {
  auto entries = remote.list(remote.layout().archives(service));
  if (!entries) return pass(entries.error());
  const std::string manifest = archive + std::string(manifest_ending);
  Presence presence;
  presence.entries = std::move(*entries);
  const Entry* entry = find(presence.entries, archive);
  if (entry == nullptr || find(presence.entries, manifest) == nullptr) return presence;
  const auto checked = remote.check_manifest(remote.layout().archive(service, manifest), service, archive, keys);
  if (!checked && checked.error().exit != Exit::bad_data) return pass(checked.error());
  presence.committed = checked && checked->number[2] == 1 && checked->number[0] == entry->size;
  if (presence.committed && checked->number[6] != 1) presence.created = checked->number[1];
  return presence;
}

Result<> write_manifest(Context& context, const policy::Service& service, CivilDate date, const std::string& name,
                        const TreeRead& read, const state::Spool& spool, const std::string& keys, bool adopted) {
  // What was found is what its name says, of whatever format archives are made now.
  const auto found = policy::parse_archive_name(name);
  const std::string_view format = adopted && found ? found->ending.substr(1) : policy::archive_ending(service);
  manifest::Manifest manifest = tree_manifest(context, service, date, read);
  manifest.adopted = adopted;
  if (adopted) manifest.consistency = "unknown";
  manifest.archive = name;
  manifest.format = format;
  manifest.compression = compression(format);
  manifest.size = read.archive_bytes;
  manifest.sha256 = read.digest;
  manifest.members = read.members;
  if (::mkdirat(spool.fd(), beside_folder, 0755) != 0 || ::fchmodat(spool.fd(), beside_folder, 0755, 0) != 0)
    return fail_errno(Exit::io_error, errno, "cannot make a folder in {}; nothing was sent", spool.path());
  const std::string file = fmt::format("{}/{}", beside_folder, name);
  UniqueFd sum = open_beneath(spool.fd(), file + std::string(checksum_ending), O_WRONLY | O_CREAT | O_EXCL, 0644);
  if (!sum) return fail_errno(Exit::io_error, errno, "cannot write the checksum in {}; nothing was sent", spool.path());
  ::fchmod(sum.get(), 0644);
  if (auto written = write_all(sum.get(), fmt::format("{}  {}\n", to_hex(read.digest), name)); !written) return written;
  return write_signed(context, manifest, spool, file + std::string(manifest_ending), keys);
}

Result<> commit(Context& context, RemoteFiles& remote, const std::string& service, const std::string& name, bool old_manifest,
                const TreeRead& read, const state::Spool& spool, bool last) {
  const auto at = [&](std::string_view file) { return remote.layout().archive(service, file); };
  const std::string uploaded = remote.can().rename ? name + std::string(partial_ending) : name;
  context.output.step(fmt::format("sending {} to {}", name, remote.remote().name));
  if (old_manifest && uploaded == name)
    if (auto removed = remote.remove(at(name + std::string(manifest_ending))); !removed) return removed;
  if (auto sent = remote.put(spool.path(), "archive", at(uploaded)); !sent) return sent;
  context.output.step(fmt::format("verifying {} on {}", name, remote.remote().name));
  if (auto verified = verify_copy(remote, service, uploaded, {read.archive_bytes, read.digest}); !verified) {
    static_cast<void>(remote.remove(at(uploaded)));
    return verified;
  }
  const std::string globals = name + std::string(globals_ending);
  const std::string sent_globals = uploaded == name ? globals : globals + std::string(partial_ending);
  if (read.globals) {
    if (auto sent = remote.put(spool.path(), globals_file, at(sent_globals)); !sent) return sent;
    if (auto verified = verify_copy(remote, service, sent_globals, *read.globals); !verified) {
      static_cast<void>(remote.remove(at(sent_globals)));
      return verified;
    }
  }
  if (old_manifest && uploaded != name)
    if (auto removed = remote.remove(at(name + std::string(manifest_ending))); !removed) return removed;
  if (read.globals && sent_globals != globals)
    if (auto renamed = remote.rename(at(sent_globals), at(globals)); !renamed) return renamed;
  if (uploaded != name)
    if (auto renamed = remote.rename(at(uploaded), at(name)); !renamed) return renamed;
  // The checksum is the smaller of the two, so the manifest, which commits, comes last.
  // Giving up a large file takes a moment, which rclone needs to begin.
  return remote.put_all(spool.path() + "/" + beside_folder, remote.layout().archives(service), [&] {
    if (last) ::unlinkat(spool.fd(), "archive", 0);
  });
}

}  // namespace backupctl::step
