#include "gate/remote/layout.h"

#include "gate/remote/names.h"
#include "gate/sandbox/helper.h"

namespace backupctl::remote {
namespace {

std::string dated(std::string path, std::string_view date) {
  if (!date.empty()) path.append("/").append(date);
  return path;
}

}  // namespace

Layout::Layout(const policy::Remote& remote) {
  std::string root = remote.root;
  while (!root.empty() && root.back() == '/') root.pop_back();
  if (!remote.directory.empty()) {
    base_ = sandbox::target_dir;
    if (!root.empty() && root.front() != '/') base_ += '/';
  } else {
    base_ = (remote.env_file.empty() ? remote.name : std::string(azure_name)) + ":";
  }
  base_ += root;
  // "/" alone must stay one: on sftp `name:x` lies in the home directory, `name:/x` at the top.
  const bool bare = base_.back() == ':' && remote.root.empty();
  if (!bare && base_.back() != '/') base_ += '/';
}

std::string Layout::at(std::string_view below) const {
  std::string path = base_ + std::string(below);
  if (below.empty() && path.size() > 1 && path.back() == '/' && path[path.size() - 2] != ':') path.pop_back();
  return path;
}

std::string Layout::archive(std::string_view service, std::string_view file) const {
  return archives(service).append("/").append(file);
}

std::string Layout::history(std::string_view service, std::string_view date) const {
  return dated(at(std::string(service) + "/history"), date);
}

std::string Layout::extra_history(std::string_view target, std::string_view date) const {
  return dated(at("extra/.history/" + std::string(target)), date);
}

}  // namespace backupctl::remote
