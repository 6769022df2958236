#include "gate/source/tree_archiver.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>

#include "gate/source/sparse_map.h"

namespace backupctl::archive {
namespace {

constexpr int hot_attempts = 3;  ///< a live file that changes is read again twice (architecture.md, "Committing a backup")

constexpr int databases_told = 5;

const char* special_word(mode_t mode) { return S_ISSOCK(mode) ? "a socket is not archived" : "a device is not archived"; }

}  // namespace

bool TreeArchiver::wanted(std::string_view path, std::uint8_t type) { return type == DT_DIR || !options_.excludes.file(path); }

Result<> TreeArchiver::found(const Found& entry) {
  const mode_t mode = entry.st.st_mode;
  if (S_ISSOCK(mode) || S_ISCHR(mode) || S_ISBLK(mode)) {
    reporter_.not_read(NotRead::special, entry.path, special_word(mode));
    return {};
  }
  Member member;
  member.path = entry.path;
  member.st = entry.st;
  if (linked_before(member)) return header_only(member);
  if (S_ISLNK(mode)) {
    std::array<char, PATH_MAX> target{};
    const ssize_t n = ::readlinkat(entry.fd, "", target.data(), target.size());
    if (n < 0) {
      lost(NotRead::unreadable, entry.path, "the link cannot be read: " + errno_text(errno));
      return {};
    }
    member.symlink.assign(target.data(), static_cast<std::size_t>(n));
  }
  read_attributes_of(entry, member);
  if (S_ISFIFO(mode)) reporter_.not_read(NotRead::special, entry.path, "a FIFO is archived without what it holds");
  auto stored = S_ISREG(mode) ? regular(entry, member) : header_only(member);
  if (stored && !S_ISDIR(mode) && entry.st.st_nlink > 1)
    links_.insert_or_assign({entry.st.st_dev, entry.st.st_ino}, Link{member.path, entry.st.st_nlink - 1});
  return stored;
}

void TreeArchiver::leave(std::string_view path, const struct stat& before, const struct stat& now) {
  const auto same = [](const timespec& a, const timespec& b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; };
  if (!same(before.st_mtim, now.st_mtim) || !same(before.st_ctim, now.st_ctim))
    lost(NotRead::changed, path, "the directory changed while it was read");
}

void TreeArchiver::lost(NotRead why, std::string_view path, std::string_view what) {
  reporter_.not_read(why, path, what, options_.hot && (why == NotRead::changed || why == NotRead::vanished));
}

/// Makes the member a hard link when its inode is in the archive already.
bool TreeArchiver::linked_before(Member& member) {
  if (S_ISDIR(member.st.st_mode) || member.st.st_nlink < 2) return false;
  const auto link = links_.find({member.st.st_dev, member.st.st_ino});
  if (link == links_.end()) return false;
  member.hardlink = link->second.path;
  if (--link->second.left == 0) links_.erase(link);
  return true;
}

void TreeArchiver::read_attributes_of(const Found& entry, Member& member) {
  std::vector<std::string> missing;
  member.attributes = read_attributes(entry.attributes(), missing);
  for (const std::string& what : missing) lost(NotRead::unreadable, entry.path, "an attribute cannot be read, " + what);
}

Result<> TreeArchiver::begin(const Member& member) {
  if (tar_ == nullptr) return {};
  ++members_;
  return tar_->begin(member);
}

Result<> TreeArchiver::header_only(Member& member) {
  if (auto done = begin(member); !done) return done;
  if (auto done = end(); !done) return done;
  return list_.add(member, {});
}

Result<> TreeArchiver::regular(const Found& entry, Member& member) {
  FileReader::Stored stored;
  for (int attempt = 1; attempt <= (options_.hot ? hot_attempts : 1); ++attempt) {
    if (attempt > 1 && ::fstat(entry.fd, &member.st) != 0) break;
    member.sparse = find_holes(entry.fd, member.st.st_size, member.st.st_blocks, member.extents);
    if (auto done = begin(member); !done) return done;
    auto result = reader_.store(entry.fd, member);
    if (!result) return pass(result.error());
    if (auto done = end(); !done) return done;
    stored = *result;
    if (stored.outcome != FileReader::Outcome::changed) break;
  }
  if (options_.hot && stored.database && !covered(entry.path)) tell_database(entry.path);
  if (stored.outcome == FileReader::Outcome::changed) lost(NotRead::changed, entry.path, "changed while it was read");
  if (stored.outcome == FileReader::Outcome::unreadable)
    lost(NotRead::unreadable, entry.path, "cannot be read to its end: " + errno_text(stored.code));
  return list_.add(member, stored.content);
}

/// Pages of several moments are no database, and nothing about the files says so (D2): whoever set the service up is told.
void TreeArchiver::tell_database(std::string_view path) {
  if (++databases_ > databases_told) return;
  reporter_.note(
      databases_ == databases_told
          ? std::string("there are more SQLite databases than these that the service's sqlite does not name")
          : fmt::format("a SQLite database is copied while it may be written, and may not be readable in the backup: "
                        "name it in the service's sqlite: {}",
                        path),
      true);
}

}  // namespace backupctl::archive
