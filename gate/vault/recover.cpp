#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>

#include "common/io.h"
#include "gate/vault/child_files.h"
#include "gate/vault/private_dir.h"
#include "gate/vault/vault.h"

namespace backupctl::vault {
namespace {

/// The copy as it would be made today, if it has the same tokens as the one that was left.
std::optional<Copy> same_copy(const Ini& root, const Ledger& ledger) {
  const auto selection = select_sections(root, ledger.remote, ledger.source);
  if (!selection) return {};
  Copy copy(root, *selection);
  const bool same = std::ranges::equal(copy.owners(), ledger.tokens, {}, {}, &Ledger::Token::section);
  return same ? std::optional<Copy>(std::move(copy)) : std::nullopt;
}

/// Judges one leftover whose locks are held here. @return what it came to; empty when nothing had been renewed.
Result<std::string> recover(const Places& places, Ledger ledger) {
  const std::string directory = places.copy(ledger.remote);
  const std::string ledger_path = places.ledger(ledger.remote);
  const std::string remote = ledger.remote;
  std::string said;
  UniqueFd dir = open_no_symlinks(directory, O_RDONLY | O_DIRECTORY);
  if (!dir && errno != ENOENT) return fail_errno(Exit::io_error, errno, "cannot open the credential copy {}", directory);
  if (dir) {
    auto root = open_config(places.rclone_config);
    if (!root) return pass(root.error());
    // Sections that were changed since make another copy: what was left then differs from it and is parked, not lost.
    auto copy = same_copy(*root, ledger);
    if (!copy) copy.emplace(*root, Selection{});
    Judge judge(places, std::move(*copy), std::move(ledger));
    judge.look_at_all(dir.get());
    if (judge.unsaved()) return pass(*judge.failure());
    if (judge.carried()) said = fmt::format("a token of {} that a crashed run had renewed was saved", remote);
    if (judge.failure()) said = "left by a crashed run: " + judge.failure()->sentence;
    if (auto wiped = wipe_directory(directory); !wiped) return pass(wiped.error());
  }
  // Last, so that a copy never lies there without the ledger that tells how to judge it.
  if (::unlink(ledger_path.c_str()) != 0) return fail_errno(Exit::io_error, errno, "cannot remove {}", ledger_path);
  return said;
}

}  // namespace

Result<std::vector<UniqueFd>> lock_sections(const Places& places, std::vector<std::string> sections) {
  auto dir = open_private_dir(places.locks());
  if (!dir) return pass(dir.error());
  std::ranges::sort(sections);
  std::vector<UniqueFd> held;
  for (const std::string& section : sections) {
    auto lock = try_lock(dir->get(), "credential." + section);
    if (!lock) return pass(lock.error());
    if (!*lock) return std::vector<UniqueFd>{};
    held.push_back(std::move(*lock));
  }
  return held;
}

Result<std::vector<std::string>> ledger_names(const Places& places) {
  std::vector<std::string> names;
  const std::string path = places.vault() + "/ledgers";
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(path.c_str()), ::closedir);
  if (listing == nullptr && errno == ENOENT) return names;
  if (listing == nullptr) return fail_errno(Exit::io_error, errno, "cannot read {}", path);
  while (const dirent* entry = ::readdir(listing.get()))
    if (section_name_ok(entry->d_name) && !std::string_view(entry->d_name).ends_with(".tmp")) names.emplace_back(entry->d_name);
  return names;
}

Result<std::vector<std::string>> recover_leftovers(const Places& places, const std::vector<std::string>* needed) {
  auto names = ledger_names(places);
  if (!names) return pass(names.error());
  std::vector<std::string> said;
  for (const std::string& name : *names) {
    const std::string path = places.ledger(name);
    auto ledger = Ledger::load(path);
    if (!ledger && ::access(path.c_str(), F_OK) != 0) continue;  // its run ended meanwhile
    if (!ledger) return pass(ledger.error());
    auto locks = lock_sections(places, ledger->sections);
    if (!locks) return pass(locks.error());
    if (locks->empty()) continue;
    // Read again: the run that held the locks until now may have renewed tokens or ended.
    ledger = Ledger::load(path);
    if (!ledger && ::access(path.c_str(), F_OK) != 0) continue;
    if (!ledger) return pass(ledger.error());
    const bool concerned = needed == nullptr || std::ranges::find_first_of(ledger->sections, *needed) != ledger->sections.end();
    auto found = recover(places, std::move(*ledger));
    if (!found && concerned) return pass(found.error());
    if (!found)
      said.push_back(fmt::format("what a crashed run of {} left could not be cleared, so {} is not served: {}", name, name,
                                 found.error().sentence));
    else if (!found->empty())
      said.push_back(std::move(*found));
  }
  return said;
}

}  // namespace backupctl::vault
