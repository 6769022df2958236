#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "common/io.h"
#include "common/sha256.h"
#include "gate/journal/line.h"

namespace backupctl::journal {
namespace {

struct CloseDir {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

/// The chain's files, oldest first: the rotated ones sort by their sequence number, the current one comes last.
std::vector<std::string> chain_files(const state::StateDir& state) {
  std::vector<std::string> files;
  const std::unique_ptr<DIR, CloseDir> dir(::fdopendir(open_beneath(state.fd(), "journal", O_RDONLY | O_DIRECTORY).release()));
  while (const dirent* entry = dir ? ::readdir(dir.get()) : nullptr) {
    const std::string name = entry->d_name;
    if (name.starts_with("journal-") && name.ends_with(".jsonl")) files.push_back(name);
  }
  std::sort(files.begin(), files.end());
  files.push_back("journal.jsonl");
  return files;
}

/// Follows the chain line by line.
class Follower {
 public:
  Follower(Verdict& verdict, std::optional<Position> head) : verdict_(verdict), head_(std::move(head)) {}

  void line(std::string_view text, const std::string& where) {
    if (sequence_of(text) != at_.sequence + 1 || previous_of(text) != at_.hash)
      verdict_.faults.push_back(fmt::format("{}: entry {} does not follow entry {}: a line was changed, removed or put in",
                                            where, sequence_of(text), at_.sequence));
    at_ = {sequence_of(text), to_hex(sha256(text))};
    ++verdict_.entries;
    if (text.find(fmt::format(",\"event\":\"{}\",", gap_event)) != std::string_view::npos)
      verdict_.faults.push_back(fmt::format("{}: before entry {} entries are missing", where, at_.sequence));
    if (head_ && at_.sequence == head_->sequence) head_met_ = at_.hash == head_->hash;
  }
  /// The head may lag behind the chain (a crash between the two writes), but what it names must be there.
  [[nodiscard]] bool head_met() const { return head_met_; }
  [[nodiscard]] const Position& at() const { return at_; }

 private:
  Verdict& verdict_;
  std::optional<Position> head_;
  bool head_met_ = false;
  Position at_;
};

Result<> follow_file(const state::StateDir& state, const std::string& name, Follower& follower, Verdict& verdict) {
  UniqueFd fd = open_beneath(state.fd(), "journal/" + name, O_RDONLY);
  if (!fd) {
    if (errno == ENOENT) return {};
    return fail_errno(Exit::io_error, errno, "cannot open {}", name);
  }
  ::flock(fd.get(), LOCK_SH);
  std::string pending;
  char buffer[65536];
  for (;;) {
    const ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
    if (n < 0) return fail_errno(Exit::io_error, errno, "cannot read {}", name);
    if (n == 0) break;
    pending.append(buffer, static_cast<std::size_t>(n));
    std::size_t begin = 0;
    for (std::size_t end; (end = pending.find('\n', begin)) != std::string::npos; begin = end + 1)
      follower.line(std::string_view(pending).substr(begin, end - begin), name);
    pending.erase(0, begin);
  }
  if (!pending.empty()) verdict.faults.push_back(fmt::format("{}: the last line is cut off; the next entry repairs it", name));
  return {};
}

}  // namespace

Result<Verdict> verify(const state::StateDir& state) {
  Verdict verdict;
  const auto head = read_head(state);
  Follower follower(verdict, head);
  for (const std::string& name : chain_files(state))
    if (auto followed = follow_file(state, name, follower, verdict); !followed) return pass(followed.error());
  verdict.head = follower.at().hash;
  if (verdict.entries > 0 && !follower.head_met())
    verdict.faults.push_back(
        "the last entry is not the one that was written last: entries are missing at the end, or it was changed");
  if (verdict.entries == 0 && head) verdict.faults.push_back("the journal is empty, but entries were written: it was removed");
  return verdict;
}

}  // namespace backupctl::journal
