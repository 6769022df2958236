#include "gate/step/mirror_manifest.h"

#include "gate/config/policy_file.h"
#include "gate/step/helpers.h"

namespace backupctl::step {

Result<TreeRead> write_mirror_manifest(Context& context, const policy::Service& service, const Source& source, CivilDate date,
                                       state::Spool& spool, std::int64_t lacking, std::int64_t left_out) {
  if (auto made = ensure_host_key(context); !made) return pass(made.error());
  const auto keys = config::trusted_keys(context.policy_path, context.policy.gate.state_dir);
  if (!keys) return pass(keys.error());
  context.output.step("reading the tree for the mirror's manifest");
  auto read = list_tree(context, source.path, source.excludes(service.exclude), service.consistency == policy::Consistency::hot,
                        source.tree.get(), source.databases.files(), spool);
  if (!read) return read;
  add_snapshot(*read, source);
  read->faults += lacking;
  manifest::Manifest manifest = tree_manifest(context, service, date, *read);
  manifest.archive = mirror_name;
  manifest.format = "files";
  manifest.compression = "none";
  manifest.size = read->file_bytes;
  manifest.sha256 = read->files_digest;
  manifest.members = read->files;
  manifest.left_out = left_out;
  if (auto written = write_signed(context, manifest, spool, mirror_manifest_file, *keys); !written)
    return pass(written.error());
  return read;
}

Result<> send_mirror_manifest(Context& context, const policy::Remote& remote, const policy::Service& service,
                              const state::Spool& spool) {
  auto files = RemoteFiles::open(context, remote);
  if (!files) return pass(files.error());
  if (auto sent = files->put(spool.path(), mirror_manifest_file, files->layout().mirror_manifest(service.name)); !sent)
    return sent;
  return files->close();
}

}  // namespace backupctl::step
