#include "gate/service/podman_inspect.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "gate/service/kinds.h"
#include "gate/service/signals.h"

namespace backupctl::service::podman {
namespace {

/// Six words a line (Go templates over podman's inspect data; the fields have these names since 3.0). No JSON: the monitor
/// parses nothing whose shape it did not ask for.
constexpr std::string_view container_format =
    "{{.Name}} {{.State.Status}} {{.Config.StopSignal}} {{.HostConfig.AutoRemove}} {{.State.StartedAt.UnixNano}} "
    "{{.State.Pid}}";
constexpr std::string_view pod_format = "{{.InfraContainerID}}{{range .Containers}} {{.ID}} {{.Name}}{{end}}";
/// Longest answer that is looked at, in bytes; some 300 containers.
constexpr std::size_t max_answer = 64 * 1024;

tl::unexpected<Error> not_understood() {
  return fail(Exit::unavailable, "podman said what is not understood; whether the service runs is not known");
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

template <class Number>
bool parse_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

std::optional<Container> parse_container(std::string_view line) {
  const auto words = split(line, ' ');
  if (words.size() != 6 || words[0].empty() || words[1].empty()) return std::nullopt;
  Container container;
  container.name = words[0];
  container.status = words[1];
  container.stop_signal = signal_number(words[2]);
  container.removed_when_stopped = words[3] == "true";
  if (words[3] != "true" && words[3] != "false") return std::nullopt;
  if (!parse_number(words[4], container.started_at) || !parse_number(words[5], container.pid) || container.pid < 0)
    return std::nullopt;
  return container;
}

}  // namespace

bool Container::at_rest() const {
  // libpod/define/containerstate.go; "stopped" is the moment between the process's end and the clean-up.
  constexpr std::array<std::string_view, 5> resting{"configured", "created", "initialized", "stopped", "exited"};
  return std::find(resting.begin(), resting.end(), status) != resting.end();
}

Result<policy::Argv> program(const policy::Controller& controller, const Runner& run) {
  constexpr const char* podman = "/usr/bin/podman";
  if (controller.user.empty()) return policy::Argv{podman};
  // getent as a process, so that the monitor loads no name-service module.
  auto line = run_checked(run, {"/usr/bin/getent", "--", "passwd", controller.user}, query_time,
                          "looking up the account " + controller.user);
  if (!line) return pass(Error{Exit::bad_config, std::move(line.error().sentence)});
  while (line->ends_with('\n')) line->pop_back();
  const auto fields = split(*line, ':');  // passwd(5)
  std::uint32_t uid = 0;
  if (fields.size() != 7 || fields[0] != controller.user || !parse_number(fields[2], uid) || !fields[5].starts_with('/'))
    return fail(Exit::bad_config, "the account {} of controller {} is not usable", controller.user, controller.name);
  // Rootless podman finds its containers through these two (podman(1), "Rootless mode").
  return policy::Argv{"/usr/sbin/runuser",
                      "-u",
                      controller.user,
                      "--",
                      "/usr/bin/env",
                      "HOME=" + std::string(fields[5]),
                      fmt::format("XDG_RUNTIME_DIR=/run/user/{}", uid),
                      podman};
}

policy::Argv with(policy::Argv podman, std::initializer_list<std::string_view> words, const Names& names) {
  podman.insert(podman.end(), words.begin(), words.end());
  podman.insert(podman.end(), names.begin(), names.end());
  return podman;
}

Result<std::vector<Container>> inspect(const policy::Argv& podman, const Names& names, const Runner& run) {
  auto output = run(with(podman, {"container", "inspect", "--format", container_format, "--"}, names), query_time);
  if (!output) return pass(std::move(output.error()));
  if (output->timed_out) return fail(Exit::unavailable, "podman did not answer within {} s", query_time.count());
  if (output->out.size() > max_answer) return not_understood();
  std::vector<Container> found;
  for (const std::string_view line : split(output->out, '\n')) {
    if (line.empty()) continue;
    auto container = parse_container(line);
    if (!container) return not_understood();
    found.push_back(std::move(*container));
  }
  // podman also takes a prefix of an id for a name, and prints those that exist before it fails for those that do not.
  std::vector<Container> known;
  for (const std::string& name : names) {
    const auto row = std::find_if(found.begin(), found.end(), [&](const Container& each) { return each.name == name; });
    if (row != found.end()) {
      known.push_back(std::move(*row));
      continue;
    }
    auto exists = run(with(podman, {"container", "exists", "--"}, {name}), query_time);
    if (!exists) return pass(std::move(exists.error()));
    if (exists->status == 0 && output->status == 0) continue;  // exists as the id of another
    if (exists->timed_out || exists->status != 1)              // podman-container-exists(1): 1 is "does not exist"
      return fail(Exit::unavailable, "podman cannot be asked for container {}: {}", name, last_words(*output));
  }
  return known;
}

Result<std::optional<Names>> members(const policy::Argv& podman, const std::string& pod, const Runner& run) {
  auto exists = run(with(podman, {"pod", "exists", "--"}, {pod}), query_time);
  if (!exists) return pass(std::move(exists.error()));
  if (!exists->timed_out && exists->status == 1) return std::optional<Names>{};
  auto out = run_checked(run, with(podman, {"pod", "inspect", "--format", pod_format, "--"}, {pod}), query_time,
                         "asking podman for pod " + pod);
  if (!out) return pass(Error{Exit::unavailable, std::move(out.error().sentence)});
  while (out->ends_with('\n')) out->pop_back();
  const auto words = split(*out, ' ');
  if (out->size() > max_answer || words.size() % 2 == 0) return not_understood();
  Names names;
  for (std::size_t i = 1; i + 1 < words.size(); i += 2) {
    if (words[i].empty() || words[i + 1].empty()) return not_understood();
    if (words[i] != words[0]) names.emplace_back(words[i + 1]);
  }
  return std::optional<Names>{std::move(names)};
}

}  // namespace backupctl::service::podman
