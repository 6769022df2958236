#include "gate/step/signed_manifest.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

#include "common/io.h"
#include "gate/journal/journal.h"
#include "gate/step/helpers.h"
#include "policy/verb_rules.h"
#include "version.h"

namespace backupctl::step {
namespace {

std::string host_name() {
  char name[256] = {};
  ::gethostname(name, sizeof name - 1);
  return name;
}

std::string_view word(policy::Consistency consistency) {
  switch (consistency) {
    case policy::Consistency::cold:
      return "cold";
    case policy::Consistency::snapshot:
      return "snapshot";
    case policy::Consistency::hot:
      return "hot";
  }
  return "";
}

}  // namespace

manifest::Manifest tree_manifest(const Context& context, const policy::Service& service, CivilDate date, const TreeRead& read) {
  manifest::Manifest manifest;
  manifest.service = service.name;
  manifest.host = host_name();
  manifest.source = service.source == policy::SourceKind::tree ? "tree" : policy::source_rule(service.source).word;
  manifest.created = ::time(nullptr);
  manifest.date = format_date(date);
  manifest.source_bytes = read.source_bytes;
  manifest.files_count = read.files;
  manifest.files_sha256 = read.files_digest;
  manifest.complete = read.faults == 0;
  manifest.consistency = word(service.consistency);
  manifest.downtime_seconds = read.downtime;
  manifest.tool_name = "backupctl";
  manifest.tool_version = version_text;
  manifest.policy_sha256 = from_hex(context.policy.digest);
  manifest.journal_head = journal::head(context.state);
  return manifest;
}

Result<> write_signed(Context& context, const manifest::Manifest& manifest, const state::Spool& spool, const std::string& file,
                      const std::string& keys) {
  auto object = manifest::signed_object(manifest);
  if (!object) return pass(object.error());
  auto signature = sign(context, *object);
  if (!signature) return pass(signature.error());
  UniqueFd list = open_beneath(spool.fd(), "files.jsonl", O_RDONLY);
  UniqueFd out = open_beneath(spool.fd(), file, O_WRONLY | O_CREAT | O_EXCL, 0644);
  if (!list || !out)
    return fail_errno(Exit::io_error, errno, "cannot write the manifest in {}; nothing was sent", spool.path());
  ::fchmod(out.get(), 0644);
  if (auto assembled = manifest::assemble(out.get(), *object, *signature, list.get()); !assembled) return assembled;
  const UniqueFd whole = open_beneath(spool.fd(), file, O_RDONLY);
  auto trusted = memory_file(keys);
  if (!whole || !trusted)
    return fail_errno(Exit::io_error, errno, "cannot read the manifest back in {}; nothing was sent", spool.path());
  const std::string mode = manifest.source == "volumes" ? "snapshot" : "manifest";
  if (auto checked = run_relay(context, {mode, manifest.service, manifest.archive}, whole.get(), {trusted->get()}); !checked)
    return fail(checked.error().exit == Exit::bad_data ? Exit::bug : checked.error().exit,
                "the manifest of {} would not be accepted by a restore, so nothing was sent: {}", manifest.archive,
                checked.error().sentence);
  return {};
}

}  // namespace backupctl::step
