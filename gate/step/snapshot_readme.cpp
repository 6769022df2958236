#include "gate/step/snapshot_readme.h"

#include <fmt/format.h>

namespace backupctl::step {
namespace {

/// Names of engines need no quotes in a shell.
std::string joined(const std::vector<std::string>& words, bool reverse) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) text += " " + words[reverse ? words.size() - 1 - i : i];
  return text;
}

}  // namespace

std::string snapshot_readme(const policy::Service& service, const std::string& id, const std::string& host,
                            const std::vector<std::string>& containers, const std::string& ending,
                            const std::map<std::string, std::string>& probes) {
  const std::string& engine = service.volume_engine;
  std::string text = fmt::format(
      "# Snapshot {0} of {1}\n\n"
      "Taken on host {2} by backupctl. All volumes are of the same moment, at which the service stood still.\n\n"
      "| file | what it is |\n|---|---|\n",
      id, service.name, host);
  for (const std::string& volume : service.volumes)
    text += fmt::format("| {0}.{1} | the volume {0} of {2}: a tar archive with everything beneath `data/` |\n", volume, ending,
                        engine);
  text +=
      "| MANIFEST.sha256 | their SHA-256 |\n"
      "| manifest.json | signed by the host; no manifest, no backup: a folder without it is an upload that was cut off |\n\n"
      "## Check it\n\n"
      "    sha256sum -c MANIFEST.sha256          # on macOS: shasum -a 256 -c MANIFEST.sha256\n\n"
      "Every line must say OK. If one does not, stop here and take another snapshot: this one was damaged or changed.\n\n"
      "## Restore it without backupctl\n\n"
      "As root, in this folder, on a host with " +
      engine + ". What is there now is kept beside the volume.\n\n";
  if (!containers.empty())
    text += fmt::format("    {} stop{}           # where they exist\n", engine, joined(containers, false));
  text += "    for volume in";
  for (const std::string& volume : service.volumes) text += " " + volume;
  text += fmt::format(
      "; do\n"
      "      {0} volume inspect $volume >/dev/null 2>&1 || {0} volume create $volume\n"
      "      dir=$({0} volume inspect --format '{{{{.Mountpoint}}}}' $volume)\n"
      "      mv \"$dir\" \"$dir.before-{1}\"\n"
      "      tar -xpf $volume.{2} --numeric-owner --acls --xattrs --xattrs-include='*' "
      "--transform=\"s,^data,${{dir##*/}},S\" -C \"${{dir%/*}}\"\n"
      "    done\n",
      engine, id, ending);
  if (!containers.empty())
    text += fmt::format("    {} start{}\n\nContainers that do not exist yet are made by the stack's own compose file.\n",
                        engine, joined(containers, true));
  if (service.health) text += fmt::format("\nThen ask for its health:\n\n    curl -fsS {}\n", service.health->url);
  if (!probes.empty()) {
    text += "\nWhen the snapshot was taken these commands printed:\n\n";
    for (const auto& [name, value] : probes) {
      const auto probe = service.probe.find(name);
      std::string command;
      if (probe != service.probe.end())
        for (const std::string& word : probe->second) command += (command.empty() ? "" : " ") + word;
      text += fmt::format("- {}: `{}` printed `{}`\n", name, command, value);
    }
  }
  text +=
      "\nTo go back, stop the service again and exchange each directory with the one kept beside it. Remove those when you are "
      "content.\n\n"
      "Who signed it: `manifest.json` names the key; the host's public key checks it with nothing but openssl, as backupctl(8) "
      "describes.\n";
  return text;
}

}  // namespace backupctl::step
