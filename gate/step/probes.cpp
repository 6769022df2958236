#include "gate/step/probes.h"

#include "common/escape.h"
#include "gate/step/runner.h"

namespace backupctl::step {
namespace {

constexpr policy::Seconds probe_time{60};
constexpr std::size_t most_probed = 4096;  ///< bytes of a probe's output that are kept
constexpr std::size_t most_shown = 128;    ///< bytes of it in a line for people

}  // namespace

std::map<std::string, std::string> run_probes(Context& context, const policy::Service& service) {
  std::map<std::string, std::string> values;
  const service::Runner run = controller_runner(context.session);
  for (const auto& [name, argv] : service.probe) {
    const auto output = run(argv, probe_time);
    if (!output || output->timed_out || output->status != 0) {
      context.output.note(fmt::format("probe {} failed and tells nothing: {}", name,
                                      !output             ? output.error().sentence
                                      : output->timed_out ? "it took too long"
                                                          : fmt::format("status {}", output->status)),
                          true);
      continue;
    }
    std::string value = output->out.substr(0, most_probed);
    while (value.ends_with('\n')) value.pop_back();
    values[name] = escape_line(value, most_probed);
  }
  return values;
}

int compare_probes(Context& context, const policy::Service& service, const SnapshotRecord& record) {
  if (record.probes.empty()) return 0;
  const auto values = run_probes(context, service);
  int differ = 0;
  for (const SnapshotRecord::Probe& probe : record.probes) {
    const auto now = values.find(probe.name);
    const bool same = now != values.end() && sha256(now->second) == probe.output;
    differ += same ? 0 : 1;
    const std::string name = escape_line(probe.name, 64);
    const std::string then = escape_line(probe.begin, most_shown);
    if (same)
      context.output.note(fmt::format("probe {} prints {}, as when the snapshot was taken", name, then), false);
    else if (now != values.end())
      context.output.note(fmt::format("probe {} prints {}, and printed {} when the snapshot was taken", name,
                                      now->second.substr(0, most_shown), then),
                          true);
    else if (!service.probe.contains(probe.name))
      context.output.note(fmt::format("probe {} is not in the policy; it printed {} when the snapshot was taken", name, then),
                          true);
  }
  return differ;
}

}  // namespace backupctl::step
