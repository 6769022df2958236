#include "gate/state/kept.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "common/io.h"
#include "common/request.h"

namespace backupctl::state {
namespace {

constexpr char going_on = '?';

std::string name_of(const std::string& service) { return "kept/" + service; }
/// Its content is the part; while the restore goes on, behind a sign and a line with the mark.
std::string part_name(const std::string& service) { return name_of(service) + ".part"; }
std::string begun_name(const std::string& service) { return name_of(service) + ".begun"; }  // no service has a dot in its name

}  // namespace

Result<std::optional<Kept>> open_kept(const StateDir& state, const std::string& service) {
  Kept kept{open_beneath(state.fd(), name_of(service), O_RDONLY), {}, {}, 0, true};
  if (!kept.file && errno == ENOENT) return std::optional<Kept>{};
  if (!kept.file) return fail_errno(Exit::io_error, errno, "cannot open {}", state.at(name_of(service)));
  struct stat st {};
  if (::fstat(kept.file.get(), &st) != 0)
    return fail_errno(Exit::io_error, errno, "cannot stat {}", state.at(name_of(service)));
  kept.made = st.st_mtim.tv_sec;
  const UniqueFd part = open_beneath(state.fd(), part_name(service), O_RDONLY);
  if (!part) return fail_errno(Exit::io_error, errno, "cannot open {}", state.at(part_name(service)));
  auto text = read_all(part.get(), 4096);
  if (!text) return pass(text.error());
  kept.concluded = !text->starts_with(going_on);
  const std::size_t line = text->find('\n');
  if (!kept.concluded && line == std::string::npos)
    return fail(Exit::bad_data, "{} is damaged; look at it and at {}", state.at(part_name(service)),
                state.at(name_of(service)));
  kept.mark = kept.concluded ? "" : text->substr(1, line - 1);
  kept.part = kept.concluded ? *text : text->substr(line + 1);
  return std::optional(std::move(kept));
}

std::vector<std::string> list_kept(const StateDir& state) {
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::fdopendir(open_beneath(state.fd(), "kept", O_RDONLY | O_DIRECTORY).release()),
                                                ::closedir);
  std::vector<std::string> services;
  while (const dirent* entry = dir ? ::readdir(dir.get()) : nullptr)
    if (is_name(entry->d_name)) services.emplace_back(entry->d_name);
  return services;
}

Result<UniqueFd> begin_kept(const StateDir& state, const std::string& service) {
  UniqueFd file = open_beneath(state.fd(), "kept", O_RDWR | O_TMPFILE, 0600);
  if (!file)
    return fail_errno(Exit::io_error, errno, "cannot make a file without a name for what {} holds in {}; nothing was changed",
                      service, state.at("kept"));
  return file;
}

Result<> keep(const StateDir& state, const std::string& service, const UniqueFd& file, const std::string& part,
              const std::string& mark) {
  // The part first: whoever finds the file finds what it is of.
  if (auto written = write_file_durably(state.at(part_name(service)), going_on + mark + "\n" + part, 0600); !written)
    return written;
  const UniqueFd folder = open_beneath(state.fd(), "kept", O_RDONLY | O_DIRECTORY);
  // Under which a run was killed between link and rename, or an earlier version while it dumped.
  ::unlinkat(state.fd(), begun_name(service).c_str(), 0);
  // No call gives a file that has no name one that is taken; by way of /proc as open(2), O_TMPFILE, has it.
  if (::fsync(file.get()) != 0 || !folder ||
      ::linkat(AT_FDCWD, fmt::format("/proc/self/fd/{}", file.get()).c_str(), state.fd(), begun_name(service).c_str(),
               AT_SYMLINK_FOLLOW) != 0 ||
      ::renameat(state.fd(), begun_name(service).c_str(), state.fd(), name_of(service).c_str()) != 0 ||
      ::fsync(folder.get()) != 0)
    return fail_errno(Exit::io_error, errno, "cannot keep {}; nothing was changed", state.at(name_of(service)));
  return {};
}

Result<> conclude_kept(const StateDir& state, const std::string& service) {
  const auto kept = open_kept(state, service);
  if (!kept) return pass(kept.error());
  return kept->has_value() ? write_file_durably(state.at(part_name(service)), (*kept)->part, 0600) : Result<>{};
}

Result<> reopen_kept(const StateDir& state, const std::string& service) {
  const auto kept = open_kept(state, service);
  if (!kept) return pass(kept.error());
  return kept->has_value()
             ? write_file_durably(state.at(part_name(service)), std::string(1, going_on) + "\n" + (*kept)->part, 0600)
             : Result<>{};
}

Result<> remove_kept(const StateDir& state, const std::string& service) {
  for (const std::string& name : {name_of(service), part_name(service), begun_name(service)})
    if (::unlinkat(state.fd(), name.c_str(), 0) != 0 && errno != ENOENT)
      return fail_errno(Exit::io_error, errno, "cannot remove {}; try again", state.at(name));
  // Else a power cut brings back what was decided about.
  const UniqueFd folder = open_beneath(state.fd(), "kept", O_RDONLY | O_DIRECTORY);
  if (!folder || ::fsync(folder.get()) != 0)
    return fail_errno(Exit::io_error, errno, "the disk fails at {}; try again", state.at("kept"));
  return {};
}

}  // namespace backupctl::state
