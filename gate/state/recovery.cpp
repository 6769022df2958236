#include "gate/state/recovery.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <memory>

#include "common/escape.h"
#include "common/io.h"
#include "common/request.h"
#include "common/sha256.h"

namespace backupctl::state {
namespace {

constexpr std::string_view version_line = "backupctl-recovery 1";
constexpr std::string_view phases[] = {"waiting", "begun", "failed", "done", "left-out"};
constexpr std::size_t max_size = std::size_t{1} << 20;
constexpr std::size_t digest_size = 64;

std::string file_of(const std::string& plan) { return "recoveries/" + plan; }

/// Up to `end`, which is taken away as well; all of it where there is none.
std::string_view cut(std::string_view& text, char end) {
  const std::size_t at = text.find(end);
  const std::string_view head = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return head;
}

template <class Number>
Number number(std::string_view text) {
  Number value{};
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

std::size_t Recovery::next() const {
  const auto at = std::find_if(steps.begin(), steps.end(),
                               [](const Step& step) { return step.phase != Phase::done && step.phase != Phase::left_out; });
  return static_cast<std::size_t>(at - steps.begin());
}

bool Recovery::under_way() const {
  return std::any_of(steps.begin(), steps.end(), [](const Step& step) { return step.phase != Phase::waiting; });
}

std::string_view word(Recovery::Phase phase) { return phases[static_cast<std::size_t>(phase)]; }

std::string serialize(const Recovery& recovery) {
  std::string text =
      fmt::format("{}\nplan {}\nbegun {}\npolicy {}\n", version_line, recovery.plan, recovery.begun, recovery.policy);
  for (const Recovery::Step& step : recovery.steps)
    text += fmt::format("step {} {} {} {}\n", word(step.phase), static_cast<std::int64_t>(step.seconds * 1000), step.name,
                        escape_line(step.text));
  return to_hex(sha256(text)) + "\n" + text;
}

std::optional<Recovery> parse_recovery(std::string_view bytes) {
  if (bytes.size() <= digest_size || bytes[digest_size] != '\n' ||
      to_hex(sha256(bytes.substr(digest_size + 1))) != bytes.substr(0, digest_size))
    return std::nullopt;
  bytes.remove_prefix(digest_size + 1);
  if (cut(bytes, '\n') != version_line) return std::nullopt;
  Recovery recovery;
  while (!bytes.empty()) {
    std::string_view line = cut(bytes, '\n');
    const std::string_view key = cut(line, ' ');
    if (key == "plan") recovery.plan = line;
    if (key == "begun") recovery.begun = number<std::int64_t>(line);
    if (key == "policy") recovery.policy = line;
    if (key != "step") continue;
    Recovery::Step& step = recovery.steps.emplace_back();
    const auto* phase = std::find(std::begin(phases), std::end(phases), cut(line, ' '));
    if (phase == std::end(phases)) return std::nullopt;
    step.phase = static_cast<Recovery::Phase>(phase - std::begin(phases));
    step.seconds = static_cast<double>(number<std::int64_t>(cut(line, ' '))) / 1000;
    step.name = cut(line, ' ');
    step.text = line;
  }
  return recovery;
}

Result<std::optional<Recovery>> read_recovery(const StateDir& state, const std::string& plan) {
  const UniqueFd fd = open_beneath(state.fd(), file_of(plan), O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!fd && errno == ENOENT) return std::optional<Recovery>{};
  const auto text = fd ? read_all(fd.get(), max_size) : fail_errno(Exit::io_error, errno, "cannot open it");
  auto recovery = text ? parse_recovery(*text) : std::nullopt;
  if (recovery && recovery->plan == plan) return recovery;
  return fail(Exit::io_error,
              "the record of how far the plan {} came, {}, cannot be read or is damaged, and nothing was done: see in the "
              "journal which steps ended, delete that file, and go on with backupctl --recover-plan {} --from STEP",
              plan, state.at(file_of(plan)), plan);
}

Result<> write_recovery(const StateDir& state, const Recovery& recovery) {
  return write_file_durably(state.at(file_of(recovery.plan)), serialize(recovery), 0600);
}

Result<> remove_recovery(const StateDir& state, const std::string& plan) {
  const UniqueFd folder = open_beneath(state.fd(), "recoveries", O_RDONLY | O_DIRECTORY);
  if (!folder || (::unlinkat(folder.get(), plan.c_str(), 0) != 0 && errno != ENOENT) || ::fsync(folder.get()) != 0)
    return fail_errno(Exit::io_error, errno, "cannot remove {}", state.at(file_of(plan)));
  return {};
}

std::vector<std::string> list_recoveries(const StateDir& state) {
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(
      ::fdopendir(open_beneath(state.fd(), "recoveries", O_RDONLY | O_DIRECTORY).release()), ::closedir);
  std::vector<std::string> plans;
  while (const dirent* entry = dir ? ::readdir(dir.get()) : nullptr)
    if (is_name(entry->d_name)) plans.emplace_back(entry->d_name);
  std::sort(plans.begin(), plans.end());
  return plans;
}

}  // namespace backupctl::state
