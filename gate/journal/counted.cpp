#include <fcntl.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

#include "common/io.h"
#include "gate/journal/journal.h"

namespace backupctl::journal {
namespace {

/// Entries of which only so many a minute are written (X11).
struct Counted {
  const char* file;
  std::string_view event;  ///< of the entry that tells how many were not
  std::string_view words;
};
constexpr Counted refusals = {"journal/refusals", "refused", "refusals"};
constexpr Counted looks = {"journal/looks", "request", "beginnings and ends of requests that only looked"};
constexpr std::uint32_t most_a_minute = 60;

/// What the counter's file holds.
struct Count {
  std::int64_t minute = 0;
  std::uint32_t written = 0;
  std::uint32_t suppressed = 0;
};

/// Appends unless this minute has had enough of its kind.
Result<std::string> append_counted(const state::StateDir& state, const Entry& entry, const Counted& kind) {
  UniqueFd fd = open_beneath(state.fd(), kind.file, O_RDWR | O_CREAT, 0600);
  if (!fd || ::flock(fd.get(), LOCK_EX) != 0) return fail_errno(Exit::io_error, errno, "cannot open {}", kind.file);
  Count count;
  if (::pread(fd.get(), &count, sizeof count, 0) != static_cast<ssize_t>(sizeof count)) count = {};
  const std::int64_t minute = ::time(nullptr) / 60;
  if (minute != count.minute) {
    if (count.suppressed > 0)
      static_cast<void>(append(
          state,
          {std::string(kind.event), {{"text", fmt::format("{} more {} within one minute", count.suppressed, kind.words)}}},
          Durability::later));
    count = {minute, 0, 0};
  }
  const bool write = count.written < most_a_minute;
  ++(write ? count.written : count.suppressed);
  auto appended = write ? append(state, entry, Durability::later) : Result<std::string>(head(state));
  [[maybe_unused]] const ssize_t n = ::pwrite(fd.get(), &count, sizeof count, 0);
  return appended;
}

}  // namespace

void append_refusal(const state::StateDir& state, const Entry& entry) {
  static_cast<void>(append_counted(state, entry, refusals));  // nothing runs, so nothing depends on it
}

Result<std::string> append_look(const state::StateDir& state, const Entry& entry) {
  return append_counted(state, entry, looks);
}

}  // namespace backupctl::journal
