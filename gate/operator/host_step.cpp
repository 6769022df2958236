#include "gate/operator/host_step.h"

#include <unistd.h>

#include <csignal>

#include "common/io.h"
#include "gate/journal/journal.h"

namespace backupctl::operate {

Exit run_host_step(const policy::Policy& policy, const std::string& policy_path, const std::string& verb, const Args& args,
                   const std::string& name, const std::function<Result<step::Report>(step::Context&)>& run, int times) {
  ::signal(SIGHUP, SIG_IGN);
  const auto state = state::StateDir::open(policy.gate.state_dir);
  if (!state) return complain(state.error());
  std::string request = "backupctl " + verb;
  for (const std::string& word : args) request += " " + word;
  const std::string subject = verb.substr(2) + " " + name;
  if (auto written =
          journal::append(*state, {"request", {{"request", request}, {"client", "operator"}}}, journal::Durability::now);
      !written)
    return complain(written.error());
  monitor::Output output(false, subject);
  monitor::Session session(output, times * policy.gate.timeouts.backup, false);
  step::Context context{policy, policy_path, *state, session, output, "operator", false, false};
  const auto began = monitor::Clock::now();
  const auto report = run(context);
  const double seconds = std::chrono::duration<double>(monitor::Clock::now() - began).count();
  const Exit exit = report ? report->exit : report.error().exit;
  journal::Entry end{"end",
                     {{"step", subject},
                      {"client", "operator"},
                      {"exit", std::to_string(to_status(exit))},
                      {"seconds", fmt::format("{:.3f}", seconds)},
                      {"text", report ? report->text : report.error().sentence}}};
  if (report)
    for (const monitor::Field& field : report->fields) end.fields.emplace_back(field.name, field.human);
  const auto head = journal::append(*state, end, journal::Durability::now);
  if (!head) output.note(head.error().sentence, true);
  if (!report) {
    output.error(report.error());
    return exit;
  }
  std::vector<monitor::Field> fields = report->fields;
  fields.push_back(monitor::seconds_field("duration", seconds));
  if (head) fields.push_back(monitor::text_field("journal", *head));
  output.result(report->text, fields);
  return exit;
}

bool is_confirmed(const std::string& question) {
  if (::isatty(0) == 0 || ::isatty(2) == 0) return false;
  static_cast<void>(write_all(2, question + "\nType yes to go on: "));
  char answer[16];
  const ssize_t size = ::read(0, answer, sizeof answer);
  return size > 0 && std::string_view(answer, static_cast<std::size_t>(size)) == "yes\n";
}

}  // namespace backupctl::operate
