#include "gate/step/scratch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

#include "common/io.h"

namespace backupctl::step {
namespace {

std::string record_of(const state::StateDir& state, const std::string& service) {
  return state.at("drills/" + service + ".scratch");
}
std::string last_part(const std::string& service) { return "/backupctl-drill-" + service; }

}  // namespace

Result<> Scratch::sweep(const state::StateDir& state, const std::string& service) {
  const std::string record = record_of(state, service);
  UniqueFd fd = open_no_symlinks(record, O_RDONLY);
  if (!fd) return errno == ENOENT ? Result<>{} : fail_errno(Exit::io_error, errno, "cannot read {}", record);
  const auto path = read_all(fd.get(), PATH_MAX);
  if (!path) return pass(path.error());
  // Whatever the file says, nothing is removed that a drill cannot have made.
  if (path->ends_with(last_part(service)) && !state::remove_tree(*path))
    return fail(Exit::io_error, "{}, which a drill left that was broken off, cannot be removed; remove it and {} by hand",
                *path, record);
  ::unlink(record.c_str());
  return {};
}

Result<Scratch> Scratch::make(const state::StateDir& state, const std::string& service, const std::string& where) {
  if (auto swept = sweep(state, service); !swept) return pass(swept.error());
  Scratch scratch;
  if (where.empty()) {
    auto spool = state::Spool::make(state);
    if (!spool) return pass(spool.error());
    scratch.spool_.emplace(std::move(*spool));
    return scratch;
  }
  if (auto trusted = open_trusted(where); !trusted) return pass(trusted.error());
  const std::string path = where + last_part(service);
  struct stat st {};
  if (::lstat(path.c_str(), &st) == 0)
    return fail(Exit::io_error, "{} is there already, and no drill of this host made it; nothing was done", path);
  if (auto recorded = write_file_durably(record_of(state, service), path, 0600); !recorded) return pass(recorded.error());
  scratch.record_ = record_of(state, service);
  if (::mkdir(path.c_str(), 0700) != 0) return fail_errno(Exit::io_error, errno, "cannot make {}; nothing was done", path);
  scratch.path_ = path;
  scratch.fd_ = open_no_symlinks(path, O_RDONLY | O_DIRECTORY);
  if (!scratch.fd_) return fail_errno(Exit::io_error, errno, "cannot open {}; nothing was done", path);
  return scratch;
}

Scratch::Scratch(Scratch&& other) noexcept
    : spool_(std::move(other.spool_)),
      path_(std::exchange(other.path_, "")),
      record_(std::exchange(other.record_, "")),
      fd_(std::move(other.fd_)) {
  other.spool_.reset();
}

Scratch::~Scratch() {
  fd_.reset();
  if (!path_.empty() && !state::remove_tree(path_)) return;  // the record stays, for the next drill
  if (!record_.empty()) ::unlink(record_.c_str());
}

}  // namespace backupctl::step
