#include "gate/service/volumes.h"

#include <filesystem>

#include "gate/service/kinds.h"

namespace backupctl::service {
namespace {

/// A line a word, since paths have blanks (docker-volume-inspect(1), podman-volume-inspect(1)). `device` and `o` are options of
/// the driver "local" (docker-volume-create(1), "Driver specific options").
constexpr std::string_view format =
    "{{.Driver}}\n{{index .Options \"type\"}}\n{{index .Options \"o\"}}\n{{index .Options \"device\"}}\n{{.Mountpoint}}";
constexpr std::size_t max_answer = 16 * 1024;

struct Answer {
  std::string driver, type, options, device, mountpoint;
};

std::optional<Answer> parse(std::string text) {
  Answer answer;
  for (std::string* field : {&answer.driver, &answer.type, &answer.options, &answer.device, &answer.mountpoint}) {
    const std::size_t end = text.find('\n');
    if (end == std::string::npos) return std::nullopt;
    *field = text.substr(0, end);
    text.erase(0, end + 1);
    if (*field == "<no value>") field->clear();
  }
  return text.empty() || text == "\n" ? std::optional(std::move(answer)) : std::nullopt;
}

/// One of the words between commas.
bool has_option(std::string_view options, std::string_view wanted) {
  for (;;) {
    const std::size_t end = options.find(',');
    if (options.substr(0, end) == wanted) return true;
    if (end == std::string_view::npos) return false;
    options.remove_prefix(end + 1);
  }
}

tl::unexpected<Error> why_not(const Engine& engine, const std::string& name, const CommandOutput& inspected,
                              const Runner& run) {
  auto listed = run(with(engine, {"volume", "ls", "--quiet"}), query_time);
  if (!listed) return pass(std::move(listed.error()));
  if (listed->timed_out || listed->status != 0)
    return fail(Exit::unavailable, "{} cannot be asked for volume {}: {}", engine.word(), name, last_words(inspected));
  return fail(Exit::bad_config, "{} has no volume {}: create it or mend `volumes` in the policy; nothing was read",
              engine.word(), name);
}

Result<Volume> find_volume(const Engine& engine, const std::string& name, const Runner& run) {
  auto output = run(with(engine, {"volume", "inspect", "--format", format, "--"}, {name}), query_time);
  if (!output) return pass(std::move(output.error()));
  if (output->timed_out) return fail(Exit::unavailable, "{} did not answer within {} s", engine.word(), query_time.count());
  if (output->status != 0) return why_not(engine, name, *output, run);
  const auto answer = output->out.size() > max_answer ? std::nullopt : parse(output->out);
  if (!answer)
    return fail(Exit::unavailable, "{} said what is not understood of volume {}; nothing was read", engine.word(), name);
  const bool bind = has_option(answer->options, "bind") || has_option(answer->options, "rbind");
  if (answer->driver == "local" && !answer->device.empty() && !bind)
    return fail(Exit::bad_config,
                "volume {} is a mount of type {} that is there only while a container uses it, so it cannot be read at rest; "
                "nothing was read: back up what it mounts",
                name, answer->type);
  if (answer->driver == "local" && bind) {  // others may own what leads there: no link is followed (X5)
    std::string device = std::filesystem::path(answer->device).lexically_normal();
    while (device.size() > 1 && device.ends_with('/')) device.pop_back();
    if (device.starts_with('/') && device.size() > 1) return Volume{name, std::move(device)};
    return fail(Exit::bad_config, "volume {} is bound to {}, which is no absolute path of a directory; nothing was read", name,
                answer->device);
  }
  const std::string& said = answer->mountpoint;
  std::error_code error;
  // The engine's own directory is root's, and may be a link to a larger disk.
  const auto path = said.starts_with('/') ? std::filesystem::canonical(said, error) : std::filesystem::path();
  if (path.empty() || error)
    return fail(Exit::bad_config, "volume {} (driver {}) has no directory on this host ({}); nothing was read", name,
                answer->driver, said.empty() ? "no mountpoint" : said);
  return Volume{name, path.string()};
}

}  // namespace

Result<std::vector<Volume>> find_volumes(const std::string& engine_word, const Names& names, const Runner& run) {
  policy::Controller controller;
  controller.engine = engine_word;
  auto engine = engine_of(controller, run);
  if (!engine) return pass(std::move(engine.error()));
  std::vector<Volume> volumes;
  for (const std::string& name : names) {
    auto volume = find_volume(*engine, name, run);
    if (!volume) return pass(std::move(volume.error()));
    volumes.push_back(std::move(*volume));
  }
  return volumes;
}

Result<Names> users_of(const std::string& engine_word, const Names& volumes, const Runner& run) {
  policy::Controller controller;
  controller.engine = engine_word;
  auto engine = engine_of(controller, run);
  if (!engine) return pass(std::move(engine.error()));
  policy::Argv ask = with(*engine, {"container", "ls", "--format", "{{.Names}}"});
  for (const std::string& volume : volumes) ask.insert(ask.end(), {"--filter", "volume=" + volume});  // any of them
  auto listed = run_checked(run, ask, query_time, fmt::format("asking {} who uses the volumes", engine->word()));
  if (!listed) return pass(Error{Exit::unavailable, std::move(listed.error().sentence)});
  Names names;
  for (std::string_view rest = *listed; !rest.empty();) {  // names in a line are divided by commas
    const std::size_t end = std::min(rest.find_first_of(",\n"), rest.size());
    if (end > 0) names.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return names;
}

Result<Names> create_missing_volumes(const std::string& engine_word, const Names& names, const Runner& run) {
  policy::Controller controller;
  controller.engine = engine_word;
  auto engine = engine_of(controller, run);
  if (!engine) return pass(std::move(engine.error()));
  Names made;
  for (const std::string& name : names) {
    auto known = run(with(*engine, {"volume", "inspect", "--format", "{{.Name}}", "--"}, {name}), query_time);
    if (!known) return pass(std::move(known.error()));
    if (!known->timed_out && known->status == 0) continue;
    auto created = run_checked(run, with(*engine, {"volume", "create", "--"}, {name}), query_time, "creating volume " + name);
    if (!created) return pass(Error{Exit::unavailable, std::move(created.error().sentence)});
    made.push_back(name);
  }
  return made;
}

std::string staging_beside(const std::string& volume_path, const std::string& leaf) {
  const std::filesystem::path path(volume_path);
  const bool engines_own = path.filename() == "_data" && path.parent_path().parent_path().filename() == "volumes";
  const auto above = engines_own ? path.parent_path().parent_path().parent_path() : path.parent_path();
  return (above / ".backupctl-staging" / leaf).string();
}

}  // namespace backupctl::service
