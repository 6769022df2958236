#include "policy/sections.h"

namespace backupctl::policy {
namespace {

// The tiers that rclone's azureblob backend knows (--azureblob-access-tier).
constexpr std::pair<std::string_view, std::string_view> tiers[] = {{"hot", "hot"}, {"cool", "cool"}, {"archive", "archive"}};

}  // namespace

Remote read_remote(Table table, const std::string& name) {
  Remote remote;
  remote.name = name;
  table.require({"root"});
  remote.root = table.text("root", form::remote_root).value_or("");
  remote.history = table.flag("history").value_or(true);
  remote.directory = table.text("directory", form::absolute_path).value_or("");
  remote.env_file = table.text("env_file", form::absolute_path).value_or("");
  remote.access_tier = table.word("access_tier", tiers).value_or("");
  if (!remote.directory.empty()) {
    for (const std::string_view key : {"env_file", "access_tier"})
      if (table.has(key)) table.error(key, "is for a remote in the cloud; this one is a directory of this host");
  }
  // AZURE_STORAGE_CONTAINER must equal the root, and a container's name has no slash.
  if (!remote.env_file.empty() && remote.root.find('/') != std::string::npos)
    table.error("root", fmt::format("\"{}\" must be the name of the blob container that env_file names", remote.root));
  table.reject_others();
  return remote;
}

}  // namespace backupctl::policy
