#include "gate/service/engine.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

#include "gate/service/kinds.h"
#include "gate/service/signals.h"

namespace backupctl::service {
namespace {

/// Six words a line (Go templates; podman's fields have these names since 3.0, docker's since 1.10). No JSON: the monitor
/// parses nothing whose shape it did not ask for.
constexpr std::string_view podman_format =
    "{{.Name}} {{.State.Status}} {{.Config.StopSignal}} {{.HostConfig.AutoRemove}} {{.State.StartedAt.UnixNano}} "
    "{{.State.Pid}}";
constexpr std::string_view docker_format =
    "{{.Name}} {{.State.Status}} {{if .Config.StopSignal}}{{.Config.StopSignal}}{{else}}SIGTERM{{end}} "
    "{{.HostConfig.AutoRemove}} {{.State.StartedAt}} {{.State.Pid}}";
/// And a seventh where compose's labels are asked for (compose-spec; pkg/api/labels.go of docker compose).
constexpr std::string_view label_format =
    " {{index .Config.Labels \"com.docker.compose.service\"}}:{{index .Config.Labels \"com.docker.compose.oneoff\"}}";
constexpr std::string_view project_label = "com.docker.compose.project";
constexpr std::string_view pod_format = "{{.InfraContainerID}}{{range .Containers}} {{.ID}} {{.Name}}{{end}}";
/// Longest answer that is looked at, in bytes; some 300 containers.
constexpr std::size_t max_answer = 64 * 1024;

tl::unexpected<Error> not_understood(const Engine& engine) {
  return fail(Exit::unavailable, "{} said what is not understood; whether the service runs is not known", engine.word());
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

/// Nanoseconds since 1970, or RFC 3339.
bool is_time(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789-+:.TZ") == std::string_view::npos;
}

std::optional<Container> parse_container(std::string_view line, bool labelled) {
  const auto words = split(line, ' ');
  if (words.size() != (labelled ? 7 : 6)) return std::nullopt;
  Container container;
  container.name = words[0].substr(words[0].starts_with('/') ? 1 : 0);  // docker's names begin with one
  container.status = words[1];
  container.stop_signal = words[2];
  container.removed_when_stopped = words[3] == "true";
  container.started_at = words[4];
  if (container.name.empty() || container.status.empty() || (words[3] != "true" && words[3] != "false") || !is_time(words[4]) ||
      !parse_number(words[5], container.pid) || container.pid < 0)
    return std::nullopt;
  if (!labelled) return container;
  const auto colon = words[6].rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  container.service = words[6].substr(0, colon);
  container.oneoff = words[6].substr(colon + 1) == "True";
  return container;
}

/// The lines of an answer to `container inspect`.
Result<std::vector<Container>> parse_all(const Engine& engine, const CommandOutput& output, bool labelled) {
  if (output.timed_out) return fail(Exit::unavailable, "{} did not answer within {} s", engine.word(), query_time.count());
  if (output.out.size() > max_answer) return not_understood(engine);
  std::vector<Container> found;
  for (const std::string_view line : split(output.out, '\n')) {
    if (line.empty()) continue;
    auto container = parse_container(line, labelled);
    if (!container) return not_understood(engine);
    found.push_back(std::move(*container));
  }
  return found;
}

/// That the engine has no container of this name. Error: Exit::unavailable, it has one, or cannot tell.
Result<> check_missing(const Engine& engine, const std::string& name, const CommandOutput& inspected, const Runner& run) {
  const policy::Argv ask = engine.docker
                               ? with(engine, {"container", "ls", "--all", "--quiet", "--filter", "name=^/" + name + "$"})
                               : with(engine, {"container", "exists", "--"}, {name});
  auto answer = run(ask, query_time);
  if (!answer) return pass(std::move(answer.error()));
  if (!answer->timed_out && engine.docker && answer->status == 0 && answer->out.empty()) return {};
  if (!answer->timed_out && !engine.docker && answer->status == 0 && inspected.status == 0)
    return {};                                                                 // exists as the id of another
  if (!answer->timed_out && !engine.docker && answer->status == 1) return {};  // podman-container-exists(1)
  return fail(Exit::unavailable, "{} cannot be asked for container {}: {}", engine.word(), name, last_words(inspected));
}

}  // namespace

bool Container::at_rest() const {
  // libpod/define/containerstate.go, where "stopped" is the moment between the process's end and the clean-up; docker's
  // container/state.go.
  constexpr std::array<std::string_view, 6> resting{"configured", "created", "initialized", "stopped", "exited", "dead"};
  return std::find(resting.begin(), resting.end(), status) != resting.end();
}

Result<Engine> engine_of(const policy::Controller& controller, const Runner& run) {
  constexpr const char* podman = "/usr/bin/podman";
  if (controller.engine == "docker") return Engine{{"/usr/bin/docker"}, true};
  if (controller.user.empty()) return Engine{{podman}, false};
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
  return Engine{{"/usr/sbin/runuser", "-u", controller.user, "--", "/usr/bin/env", "HOME=" + std::string(fields[5]),
                 fmt::format("XDG_RUNTIME_DIR=/run/user/{}", uid), podman}};
}

policy::Argv with(const Engine& engine, std::initializer_list<std::string_view> words, const Names& names) {
  policy::Argv argv = engine.argv;
  argv.insert(argv.end(), words.begin(), words.end());
  argv.insert(argv.end(), names.begin(), names.end());
  return argv;
}

Result<std::vector<Container>> inspect(const Engine& engine, const Names& names, const Runner& run) {
  const auto format = engine.docker ? docker_format : podman_format;
  auto output = run(with(engine, {"container", "inspect", "--format", format, "--"}, names), query_time);
  if (!output) return pass(std::move(output.error()));
  auto found = parse_all(engine, *output, false);
  if (!found) return found;
  // An engine also takes a prefix of an id for a name, and prints those that exist before it fails for those that do not.
  std::vector<Container> known;
  for (const std::string& name : names) {
    const auto row = std::find_if(found->begin(), found->end(), [&](const Container& each) { return each.name == name; });
    if (row != found->end()) {
      known.push_back(std::move(*row));
      continue;
    }
    auto missing = check_missing(engine, name, *output, run);
    if (!missing) return pass(std::move(missing.error()));
  }
  return known;
}

Result<std::vector<Container>> in_project(const Engine& engine, const std::string& project, const Runner& run) {
  auto ids = run_checked(run,
                         with(engine, {"container", "ls", "--all", "--quiet", "--no-trunc", "--filter",
                                       fmt::format("label={}={}", project_label, project)}),
                         query_time, fmt::format("asking {} for the containers of project {}", engine.word(), project));
  if (!ids) return pass(Error{Exit::unavailable, std::move(ids.error().sentence)});
  Names named;
  for (const std::string_view id : split(*ids, '\n'))
    if (!id.empty()) named.emplace_back(id);
  if (named.empty()) return std::vector<Container>{};
  const std::string format = fmt::format("{}{}", engine.docker ? docker_format : podman_format, label_format);
  auto output = run(with(engine, {"container", "inspect", "--format", format, "--"}, named), query_time);
  if (!output) return pass(std::move(output.error()));
  auto found = parse_all(engine, *output, true);
  if (!found) return found;
  // One that was removed in this moment: another look tells, and the next run has it.
  if (output->status != 0 || found->size() != named.size())
    return fail(Exit::unavailable, "{} cannot be asked for the containers of project {}: {}", engine.word(), project,
                last_words(*output));
  std::erase_if(*found, [](const Container& each) { return each.oneoff; });
  std::sort(found->begin(), found->end(), [](const Container& a, const Container& b) { return a.name < b.name; });
  return found;
}

Result<bool> told_to_stop(const Engine& engine, const Container& container, const Runner& run) {
  auto events =
      run_checked(run,
                  with(engine, {"events", "--since", container.started_at, "--until", std::to_string(std::time(nullptr)),
                                "--filter", "type=container", "--filter", "event=kill", "--filter",
                                "container=" + container.name, "--format", "{{.Actor.Attributes.signal}}"}),
                  query_time, "asking docker what " + container.name + " was told");
  if (!events) return pass(Error{Exit::unavailable, std::move(events.error().sentence)});
  const std::string stop_signal = std::to_string(signal_number(container.stop_signal));
  for (const std::string_view signal : split(*events, '\n'))
    if (signal == stop_signal || signal == container.stop_signal) return true;
  return false;
}

Result<std::optional<Names>> members(const Engine& engine, const std::string& pod, const Runner& run) {
  auto exists = run(with(engine, {"pod", "exists", "--"}, {pod}), query_time);
  if (!exists) return pass(std::move(exists.error()));
  if (!exists->timed_out && exists->status == 1) return std::optional<Names>{};
  auto out = run_checked(run, with(engine, {"pod", "inspect", "--format", pod_format, "--"}, {pod}), query_time,
                         "asking podman for pod " + pod);
  if (!out) return pass(Error{Exit::unavailable, std::move(out.error().sentence)});
  while (out->ends_with('\n')) out->pop_back();
  const auto words = split(*out, ' ');
  if (out->size() > max_answer || words.size() % 2 == 0) return not_understood(engine);
  Names names;
  for (std::size_t i = 1; i + 1 < words.size(); i += 2) {
    if (words[i].empty() || words[i + 1].empty()) return not_understood(engine);
    if (words[i] != words[0]) names.emplace_back(words[i + 1]);
  }
  return std::optional<Names>{std::move(names)};
}

}  // namespace backupctl::service
