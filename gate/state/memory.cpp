#include "gate/state/memory.h"

#include <fcntl.h>
#include <fmt/ranges.h>
#include <time.h>

#include <algorithm>
#include <charconv>

#include "common/io.h"
#include "gate/state/lock.h"

namespace backupctl::state {
namespace {

constexpr std::size_t max_memory = 65536;
constexpr int lock_tries = 250;  // 5 s; each holds it for the time of one fsync

std::string file_of(const std::string& name) { return "history/" + name + ".runs"; }

/// The words of a line, split at single spaces.
std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  for (;;) {
    const std::size_t space = line.find(' ');
    words.push_back(line.substr(0, space));
    if (space == std::string_view::npos) return words;
    line.remove_prefix(space + 1);
  }
}

template <class Number>
bool number(std::string_view text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

void take_line(std::string_view line, Memory& memory) {
  const auto words = words_of(line);
  const std::string verb(words.size() > 1 ? words[1] : "");
  Memory::Run run;
  Memory::Archive archive;
  if (words.size() == 4 && words[0] == "run" && number(words[2], run.when) && number(words[3], run.exit))
    memory.last[verb] = run;
  if (words.size() == 3 && words[0] == "good" && number(words[2], run.when)) memory.good[verb] = run.when;
  if (double seconds = 0; words.size() == 2 && words[0] == "rehearsed" && number(words[1], seconds)) memory.rehearsed = seconds;
  if (words.size() == 2 && words[0] == "first") memory.first_committed = parse_date(verb);
  if (words.size() >= 4 && words[0] == "archive" && number(words[2], archive.when) && number(words[3], archive.bytes))
    if (const auto date = parse_date(verb)) {
      archive.date = *date;
      archive.remotes.insert(words.begin() + 4, words.end());
      remember_archive(memory, archive);
    }
}

std::string serialize(const Memory& memory) {
  std::string text;
  for (const auto& [verb, run] : memory.last) text += fmt::format("run {} {} {}\n", verb, run.when, run.exit);
  for (const auto& [verb, when] : memory.good) text += fmt::format("good {} {}\n", verb, when);
  if (memory.rehearsed) text += fmt::format("rehearsed {:.3f}\n", *memory.rehearsed);
  if (memory.first_committed) text += fmt::format("first {}\n", format_date(*memory.first_committed));
  for (const Memory::Archive& archive : memory.archives)
    text += fmt::format("archive {} {} {}{}{}\n", format_date(archive.date), archive.when, archive.bytes,
                        archive.remotes.empty() ? "" : " ", fmt::join(archive.remotes, " "));
  return text;
}

}  // namespace

bool ended_well(int exit) { return exit == to_status(Exit::done) || exit == to_status(Exit::skipped); }

void remember_archive(Memory& memory, const Memory::Archive& archive) {
  auto& all = memory.archives;
  const auto at =
      std::lower_bound(all.begin(), all.end(), archive, [](const auto& a, const auto& b) { return a.date < b.date; });
  if (at != all.end() && at->date == archive.date) {
    std::set<std::string> remotes = std::move(at->remotes);
    *at = archive;
    at->remotes.merge(remotes);
  } else {
    all.insert(at, archive);
  }
  if (all.size() > archives_remembered) all.erase(all.begin());
}

Memory read_memory(const StateDir& state, const std::string& name) {
  Memory memory;
  UniqueFd fd = open_beneath(state.fd(), file_of(name), O_RDONLY);
  const auto text = fd ? read_all(fd.get(), max_memory) : Result<std::string>("");
  std::string_view rest = text ? std::string_view(*text) : std::string_view();
  for (std::size_t end; (end = rest.find('\n')) != std::string_view::npos; rest.remove_prefix(end + 1))
    take_line(rest.substr(0, end), memory);
  return memory;
}

Result<> change_memory(const StateDir& state, const std::string& name, const std::function<void(Memory&)>& change) {
  for (int tries = 0; tries < lock_tries; ++tries) {
    auto lock = Lock::try_take(state, "memory");
    if (!lock) return pass(lock.error());
    if (lock->has_value()) {
      Memory memory = read_memory(state, name);
      change(memory);
      return write_file_durably(state.at(file_of(name)), serialize(memory), 0600);
    }
    const timespec moment{0, 20'000'000};
    ::nanosleep(&moment, nullptr);
  }
  return fail(Exit::io_error,
              "{} could not be written since another request holds the lock \"memory\", so --check does not know of this run",
              state.at(file_of(name)));
}

}  // namespace backupctl::state
