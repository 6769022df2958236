#include "gate/journal/journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>

#include "common/escape.h"
#include "common/io.h"
#include "common/sha256.h"
#include "gate/journal/line.h"

namespace backupctl::journal {
namespace {

constexpr const char* file_name = "journal/journal.jsonl";
constexpr off_t rotate_above = 64 << 20;
constexpr std::size_t tail_size = 16384;  // longer than any line
constexpr int most_reopenings = 16;       // each means 64 MiB written by others within the wait for one lock

/// The journal, opened and locked, and where its chain stands.
struct Opened {
  UniqueFd fd;
  Position position;
  off_t size = 0;
  bool repaired = false;
  std::uint64_t missing = 0;  ///< entries that the head names and the file has not
};

std::string rotated_name(std::uint64_t sequence) { return fmt::format("journal/journal-{:012}.jsonl", sequence); }

/// Tells a journal that was just rotated from one that somebody emptied.
bool was_rotated_at(const state::StateDir& state, std::uint64_t sequence) {
  return static_cast<bool>(open_beneath(state.fd(), rotated_name(sequence), O_PATH));
}

/// The file that has the journal's name, locked. While somebody waits for the lock the file may be rotated away: what was
/// locked must still have the name, or two writers would go on with two ends of the chain (X9).
Result<UniqueFd> lock_current(const state::StateDir& state) {
  const auto failed = [](const char* what) { return fail_errno(Exit::io_error, errno, "cannot {} the journal", what); };
  for (int tries = 0; tries < most_reopenings; ++tries) {
    UniqueFd fd = open_beneath(state.fd(), file_name, O_RDWR | O_CREAT | O_APPEND, 0600);
    if (!fd) return failed("open");
    if (::flock(fd.get(), LOCK_EX) != 0) return failed("lock");
    struct stat held {};
    struct stat named {};
    if (::fstat(fd.get(), &held) != 0) return failed("stat");
    if (::fstatat(state.fd(), file_name, &named, AT_SYMLINK_NOFOLLOW) == 0 && held.st_ino == named.st_ino &&
        held.st_dev == named.st_dev)
      return fd;
  }
  return fail(Exit::io_error,
              "the journal was replaced again and again while it was opened: somebody moves files of the state directory");
}

Result<Opened> open_locked(const state::StateDir& state) {
  const auto failed = [](const char* what) { return fail_errno(Exit::io_error, errno, "cannot {} the journal", what); };
  Opened journal;
  auto locked = lock_current(state);
  if (!locked) return pass(locked.error());
  journal.fd = std::move(*locked);
  struct stat st {};
  if (::fstat(journal.fd.get(), &st) != 0) return failed("stat");
  std::string tail(std::min<std::size_t>(tail_size, static_cast<std::size_t>(st.st_size)), '\0');
  const ssize_t n = ::pread(journal.fd.get(), tail.data(), tail.size(), st.st_size - static_cast<off_t>(tail.size()));
  if (n != static_cast<ssize_t>(tail.size())) return failed("read");
  const std::size_t end = tail.rfind('\n');
  const std::size_t whole = end == std::string::npos ? 0 : end + 1;
  journal.repaired = whole != tail.size();
  journal.size = st.st_size - static_cast<off_t>(tail.size() - whole);
  if (journal.repaired && ::ftruncate(journal.fd.get(), journal.size) != 0) return failed("repair");
  tail.resize(whole);
  const auto written_last = read_head(state);
  if (!tail.empty()) {
    tail.pop_back();
    const std::size_t start = tail.rfind('\n');
    const std::string_view last = std::string_view(tail).substr(start == std::string::npos ? 0 : start + 1);
    journal.position = {sequence_of(last), to_hex(sha256(last))};
  } else if (written_last && was_rotated_at(state, written_last->sequence)) {
    journal.position = *written_last;
  }
  if (written_last && written_last->sequence > journal.position.sequence)
    journal.missing = written_last->sequence - journal.position.sequence;
  return journal;
}

Result<> write_entry(Opened& journal, const Entry& entry) {
  const std::string line = format_line(entry, journal.position, ::time(nullptr));
  const std::string bytes = line + "\n";
  const ssize_t n = ::write(journal.fd.get(), bytes.data(), bytes.size());
  if (n != static_cast<ssize_t>(bytes.size())) {
    const int code = n < 0 ? errno : ENOSPC;
    // A torn line would be repaired by the next writer anyway; a full disk must not leave it until then.
    [[maybe_unused]] const int truncated = ::ftruncate(journal.fd.get(), journal.size);
    return fail_errno(Exit::io_error, code, "cannot write the journal");
  }
  journal.size += n;
  journal.position = {journal.position.sequence + 1, to_hex(sha256(line))};
  return {};
}

/// Puts the full file aside and opens the next. The full one stays locked until then: whoever waits for it finds its name
/// gone only when the new one can be opened. It is on disk, with the head that tells the next file where the chain stands,
/// before its name changes.
Result<> rotate(const state::StateDir& state, Opened& journal) {
  const auto failed = [] { return fail_errno(Exit::io_error, errno, "cannot rotate the journal"); };
  write_head(state, journal.position);
  UniqueFd head = open_beneath(state.fd(), "journal/head", O_RDONLY);
  if (!head || ::fsync(head.get()) != 0 || ::fsync(journal.fd.get()) != 0) return failed();
  // Never over a journal that is there (X9).
  if (::renameat2(state.fd(), file_name, state.fd(), rotated_name(journal.position.sequence).c_str(), RENAME_NOREPLACE) != 0)
    return failed();
  UniqueFd dir = open_beneath(state.fd(), "journal", O_RDONLY | O_DIRECTORY);
  ::fsync(dir.get());
  // Another writer may have been first in the new file, so what it holds is read as on any other day.
  auto next = open_locked(state);
  if (!next) return pass(next.error());
  journal = std::move(*next);
  return {};
}

/// Says what was found wrong with the end of the journal, right behind it.
Result<> write_faults(Opened& journal) {
  if (journal.repaired)
    if (auto said = write_entry(journal, {"repaired", {{"text", "the last line was cut off and has been removed"}}}); !said)
      return said;
  if (journal.missing > 0)
    return write_entry(
        journal, {std::string(gap_event), {{"text", fmt::format("{} entries are missing before this one", journal.missing)}}});
  return {};
}

}  // namespace

Result<std::string> append(const state::StateDir& state, const Entry& entry, Durability durability) {
  auto journal = open_locked(state);
  if (!journal) return pass(journal.error());
  if (auto said = write_faults(*journal); !said) return pass(said.error());
  if (journal->size > rotate_above) {
    if (auto rotated = rotate(state, *journal); !rotated) return pass(rotated.error());
    if (auto said = write_faults(*journal); !said) return pass(said.error());
  }
  if (auto written = write_entry(*journal, entry); !written) return pass(written.error());
  write_head(state, journal->position);
  if (durability == Durability::later) return journal->position.hash;
  ::flock(journal->fd.get(), LOCK_UN);  // the line has its place, and who need not wait for the disk should not wait for us
  if (::fdatasync(journal->fd.get()) != 0) return fail_errno(Exit::io_error, errno, "cannot sync the journal");
  return journal->position.hash;
}

std::string head(const state::StateDir& state) {
  const auto position = read_head(state);
  return position ? position->hash : std::string();
}

}  // namespace backupctl::journal
