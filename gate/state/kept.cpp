#include "gate/state/kept.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "common/io.h"

namespace backupctl::state {
namespace {

std::string name_of(const std::string& service) { return "kept/" + service; }
std::string begun_name(const std::string& service) { return name_of(service) + ".begun"; }  // no service has a dot in its name

}  // namespace

Result<std::optional<UniqueFd>> open_kept(const StateDir& state, const std::string& service) {
  UniqueFd file = open_beneath(state.fd(), name_of(service), O_RDONLY);
  if (!file && errno == ENOENT) return std::optional<UniqueFd>{};
  if (!file) return fail_errno(Exit::io_error, errno, "cannot open {}", state.at(name_of(service)));
  return std::optional(std::move(file));
}

Result<UniqueFd> begin_kept(const StateDir& state, const std::string& service) {
  ::unlinkat(state.fd(), begun_name(service).c_str(), 0);
  UniqueFd file = open_beneath(state.fd(), begun_name(service), O_RDWR | O_CREAT | O_EXCL, 0600);
  if (!file) return fail_errno(Exit::io_error, errno, "cannot make {}; nothing was changed", state.at(begun_name(service)));
  return file;
}

Result<> keep(const StateDir& state, const std::string& service, const UniqueFd& file) {
  const UniqueFd folder = open_beneath(state.fd(), "kept", O_RDONLY | O_DIRECTORY);
  if (::fsync(file.get()) != 0 || !folder ||
      ::renameat(state.fd(), begun_name(service).c_str(), state.fd(), name_of(service).c_str()) != 0 ||
      ::fsync(folder.get()) != 0)
    return fail_errno(Exit::io_error, errno, "cannot keep {}; nothing was changed", state.at(name_of(service)));
  return {};
}

Result<> remove_kept(const StateDir& state, const std::string& service) {
  for (const std::string& name : {name_of(service), begun_name(service)})
    if (::unlinkat(state.fd(), name.c_str(), 0) != 0 && errno != ENOENT)
      return fail_errno(Exit::io_error, errno, "cannot remove {}; try again", state.at(name));
  return {};
}

}  // namespace backupctl::state
