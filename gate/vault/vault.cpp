#include "gate/vault/vault.h"

#include <fcntl.h>
#include <sys/inotify.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "common/io.h"
#include "common/sha256.h"
#include "gate/vault/child_files.h"
#include "gate/vault/private_dir.h"

namespace backupctl::vault {
namespace {

/// A copy lies there, or is made right now, that shares one of these sections: a leftover that could not be judged yet.
Result<bool> shared_with_another(const Places& places, const std::vector<std::string>& sections) {
  auto names = ledger_names(places);
  if (!names) return pass(names.error());
  for (const std::string& name : *names) {
    auto ledger = Ledger::load(places.ledger(name));
    if (!ledger) return true;  // it is being removed, or the next recover_leftovers() says what is wrong with it
    for (const std::string& section : ledger->sections)
      if (std::ranges::find(sections, section) != sections.end()) return true;
  }
  return false;
}

struct Locked {
  Ini config;
  Selection selection;
  std::vector<UniqueFd> locks;
};

/// One try to have the sections to ourselves; no locks when somebody else has them.
Result<Locked> try_locked(const Places& places, std::string_view remote, std::string_view source) {
  auto before = open_config(places.rclone_config);
  if (!before) return pass(before.error());
  auto wanted = select_sections(*before, remote, source);
  if (!wanted) return pass(wanted.error());
  auto locks = lock_sections(places, wanted->sections);
  if (!locks) return pass(locks.error());
  // Read again under the locks: whoever had them may have carried a newer token.
  auto config = open_config(places.rclone_config);
  if (!config) return pass(config.error());
  auto selection = select_sections(*config, remote, source);
  if (!selection) return pass(selection.error());
  auto shared = shared_with_another(places, wanted->sections);
  if (!shared) return pass(shared.error());
  if (*shared || selection->sections != wanted->sections) locks->clear();
  return Locked{std::move(*config), std::move(*selection), std::move(*locks)};
}

/// The child's directory with its file, made as root's and handed over when everything is on disk.
Result<UniqueFd> hand_over(const std::string& directory, std::string_view bytes, uid_t uid) {
  if (::mkdir(directory.c_str(), 0700) != 0)
    return fail_errno(Exit::io_error, errno, "cannot create the credential copy {}", directory);
  UniqueFd dir = open_no_symlinks(directory, O_RDONLY | O_DIRECTORY);
  if (!dir) return fail_errno(Exit::io_error, errno, "cannot open {}", directory);
  if (auto written = write_file_durably(directory + "/" + config_name, bytes, 0600); !written) return pass(written.error());
  UniqueFd file = open_beneath(dir.get(), config_name, O_RDONLY);
  if (!file || ::fchown(file.get(), uid, uid) != 0 || ::fsync(file.get()) != 0 || ::fchown(dir.get(), uid, uid) != 0 ||
      ::fsync(dir.get()) != 0)
    return fail_errno(Exit::io_error, errno, "cannot hand over the credential copy {}", directory);
  return dir;
}

Result<UniqueFd> watch(const std::string& directory) {
  UniqueFd fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!fd || ::inotify_add_watch(fd.get(), directory.c_str(), IN_CLOSE_WRITE | IN_MOVED_TO | IN_ONLYDIR) < 0)
    return fail_errno(Exit::unavailable, errno, "cannot watch {}", directory);
  return fd;
}

/// Takes the events that wait; whether one of them says that the file rclone reads may be new.
bool drain(int fd) {
  bool news = false;
  alignas(inotify_event) std::array<char, 16384> buffer;
  for (int reads = 0; reads < 16; ++reads) {  // a child that makes events faster than this has the rest wait (X11)
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n <= 0) break;
    for (std::size_t at = 0; at + sizeof(inotify_event) <= static_cast<std::size_t>(n);) {
      inotify_event event;
      std::memcpy(&event, buffer.data() + at, sizeof event);
      const char* name = buffer.data() + at + sizeof event;
      news |= (event.mask & IN_Q_OVERFLOW) != 0 || (event.len > 0 && std::strcmp(name, config_name) == 0);
      at += sizeof event + event.len;
    }
  }
  return news;
}

}  // namespace

Result<Vault> Vault::copy_out(const Places& places, std::string_view remote, uid_t uid, const Wait& wait,
                              std::string_view source) {
  for (const std::string& path : {places.vault(), places.vault() + "/copies", places.vault() + "/ledgers", places.parked()})
    if (auto dir = open_private_dir(path); !dir) return pass(dir.error());
  std::vector<std::string> warnings;
  for (;;) {
    auto config = open_config(places.rclone_config);
    if (!config) return pass(config.error());
    const auto wanted = select_sections(*config, remote, source);
    if (!wanted) return pass(wanted.error());
    auto recovered = recover_leftovers(places, &wanted->sections);
    if (!recovered) return pass(recovered.error());
    for (std::string& warning : *recovered)
      if (std::ranges::find(warnings, warning) == warnings.end()) warnings.push_back(std::move(warning));
    auto locked = try_locked(places, remote, source);
    if (!locked) return pass(locked.error());
    if (locked->locks.empty()) {
      if (auto more = wait(); !more) return pass(more.error());
      continue;
    }
    Copy copy(locked->config, locked->selection);
    Ledger ledger{std::string(remote), uid, locked->selection.sections, {}, std::string(source)};
    for (std::size_t i = 0; i < copy.owners().size(); ++i)
      ledger.tokens.push_back({copy.owners()[i], {to_hex(sha256(copy.tokens()[i].bytes))}});
    // The ledger first: no copy without the means to judge it (D5).
    if (auto saved = ledger.save(places.ledger(ledger.remote)); !saved) return pass(saved.error());
    const std::string directory = places.copy(ledger.remote);
    auto dir = hand_over(directory, copy.bytes().bytes, uid);
    if (!dir) return pass(dir.error());
    auto watching = watch(directory);
    if (!watching) return pass(watching.error());
    warnings.insert(warnings.end(), locked->selection.warnings.begin(), locked->selection.warnings.end());
    Vault vault(Judge(places, std::move(copy), std::move(ledger)), std::move(locked->selection));
    vault.directory_ = directory;
    vault.warnings_ = std::move(warnings);
    vault.locks_ = std::move(locked->locks);
    vault.dir_ = std::move(*dir);
    vault.watch_ = std::move(*watching);
    return vault;
  }
}

Result<> Vault::on_change() {
  if (drain(watch_.get())) judge_.look(dir_.get());
  if (judge_.failure()) return pass(*judge_.failure());
  return {};
}

Result<> Vault::finish() {
  watch_.reset();
  judge_.look_at_all(dir_.get());
  if (!judge_.unsaved()) {
    const std::string ledger = judge_.places().ledger(judge_.ledger().remote);
    if (auto wiped = wipe_directory(directory_); !wiped) return wiped;
    if (::unlink(ledger.c_str()) != 0) return fail_errno(Exit::io_error, errno, "cannot remove {}", ledger);
  }
  dir_.reset();
  locks_.clear();
  if (judge_.failure()) return pass(*judge_.failure());
  return {};
}

}  // namespace backupctl::vault
