#include "gate/operator/recorded.h"

#include "gate/journal/journal.h"

namespace backupctl::operate {

Exit run_recorded(const policy::Policy& policy, const std::string& policy_path, const std::string& word, const Args& args,
                  const std::string& subject, const std::function<Result<step::Report>(step::Context&)>& work) {
  const auto state = state::StateDir::open(policy.gate.state_dir);
  if (!state) return complain(state.error());
  monitor::Output output(false, subject);
  monitor::Session session(output, policy.gate.timeouts.backup, false);
  step::Context context{policy, policy_path, *state, session, output, "operator", false, false};
  std::string request = "backupctl " + word;
  for (const std::string& argument : args) request += " " + argument;
  if (auto written =
          journal::append(*state, {"request", {{"request", request}, {"client", "operator"}}}, journal::Durability::now);
      !written)
    return complain(written.error());
  const auto began = monitor::Clock::now();
  const auto report = work(context);
  const Exit exit = report ? report->exit : report.error().exit;
  const auto head = journal::append(*state,
                                    {"end",
                                     {{"step", subject},
                                      {"client", "operator"},
                                      {"exit", std::to_string(to_status(exit))},
                                      {"text", report ? report->text : report.error().sentence}}},
                                    journal::Durability::now);
  if (!report) {
    output.error(report.error());
    return exit;
  }
  std::vector<monitor::Field> fields = report->fields;
  fields.push_back(monitor::seconds_field("duration", std::chrono::duration<double>(monitor::Clock::now() - began).count()));
  if (head) fields.push_back(monitor::text_field("journal", *head));
  output.result(report->text, fields);
  return exit;
}

}  // namespace backupctl::operate
