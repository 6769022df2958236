#include "gate/service/controller.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "common/escape.h"
#include "gate/service/kinds.h"

namespace backupctl::service {
namespace {

/// A row for each of policy::ControllerKind. A new one is a file and a line here.
const std::array<const Kind*, 5> kinds{&none_kind, &command_kind, &podman_kind, &compose_kind, &systemd_kind};

const Kind& row_of(policy::ControllerKind kind) {
  return **std::find_if(kinds.begin(), kinds.end(), [&](const Kind* row) { return row->kind == kind; });
}

}  // namespace

Names ServiceState::to_stop() const {
  Names units = running;
  for (const std::string& unit : other) units.push_back(unit.substr(0, unit.find(" (")));
  return units;
}

std::string_view word(policy::ControllerKind kind) { return row_of(kind).word; }

std::optional<policy::ControllerKind> kind_of(std::string_view word) {
  for (const Kind* row : kinds)
    if (row->word == word) return row->kind;
  return std::nullopt;
}

policy::Controller narrowed(policy::Controller controller, const Names& units) {
  controller.pod.clear();
  controller.project.clear();
  if (controller.kind == policy::ControllerKind::podman || controller.kind == policy::ControllerKind::compose)
    controller.containers = units;
  if (controller.kind == policy::ControllerKind::systemd) controller.units = units;
  return controller;
}

Result<ServiceState> query(const policy::Controller& controller, std::string_view service, const Runner& run,
                           std::optional<bool> last_known) {
  return row_of(controller.kind).query(controller, service, run, last_known);
}

Result<> stop(const policy::Controller& controller, std::string_view service, const Names& units, Seconds within,
              const Runner& run) {
  return units.empty() ? Result<>{} : row_of(controller.kind).stop(controller, service, units, within, run);
}

Result<> start(const policy::Controller& controller, std::string_view service, const Names& units, Seconds within,
               const Runner& run) {
  return units.empty() ? Result<>{} : row_of(controller.kind).start(controller, service, units, within, run);
}

std::string last_words(const CommandOutput& output) {
  std::string_view text = output.err;
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.remove_suffix(1);
  if (const auto newline = text.rfind('\n'); newline != std::string_view::npos) text.remove_prefix(newline + 1);
  return text.empty() ? "no message" : escape_line(text, 300);
}

Result<std::string> run_checked(const Runner& run, const policy::Argv& argv, Seconds within, std::string_view what) {
  if (within <= Seconds{0}) return fail(Exit::timed_out, "{}: no time was left for it", what);
  auto output = run(argv, within);
  if (!output) return pass(std::move(output.error()));
  if (output->timed_out) return fail(Exit::timed_out, "{} took longer than {} s and was ended", what, within.count());
  if (output->status != 0)
    return fail(Exit::unavailable, "{} failed with status {}: {}", what, output->status, last_words(*output));
  return std::move(output->out);
}

std::string join(const Names& names) { return fmt::format("{}", fmt::join(names, ", ")); }

}  // namespace backupctl::service
