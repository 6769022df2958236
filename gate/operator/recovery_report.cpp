#include "gate/operator/recovery_report.h"

#include "common/civil_date.h"
#include "common/escape.h"
#include "gate/step/drill_record.h"
#include "gate/step/recovery_step.h"

namespace backupctl::operate {

std::string report_lines(step::Context& context, const state::Recovery& progress) {
  std::string text = fmt::format("    {:<24} {:<9} {:>9} {:>9}  {}\n", "STEP", "RESULT", "TOOK", "DRILL", "WHAT");
  const auto seconds = [](double value) { return fmt::format("{:.1f} s", value); };
  std::size_t number = 0;
  for (const state::Recovery::Step& step : progress.steps) {
    const auto drill = step::estimate(context, step.name).seconds;
    std::string line = fmt::format("{:>2}. {:<24} {:<9} {:>9} {:>9}  {}", ++number, step.name, state::word(step.phase),
                                   step.seconds > 0 ? seconds(step.seconds) : "-", drill ? seconds(*drill) : "-", step.text);
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

Result<std::string> write_report(step::Context& context, const state::Recovery& progress) {
  std::string steps;
  for (const state::Recovery::Step& step : progress.steps) {
    const auto drill = step::estimate(context, step.name).seconds;
    steps += fmt::format(R"({}{{"step":{},"result":"{}","seconds":{:.3f},"drill_seconds":{},"text":{}}})",
                         steps.empty() ? "" : ",", json_string(step.name), state::word(step.phase), step.seconds,
                         drill ? fmt::format("{:.3f}", *drill) : "null", json_string(step.text));
  }
  return step::write_signed_record(context, "recoveries", "recovery", "plan", progress.plan,
                                   fmt::format(R"("begun":{},"steps":[{}],"result":"{}")", progress.begun, steps,
                                               progress.next() == progress.steps.size() ? "recovered" : "failed"));
}

std::string moment(const policy::Policy& policy, std::int64_t unix_seconds) {
  const auto time = time_in_zone(unix_seconds, policy.gate.timezone);
  if (!time) return "an unknown time";
  return fmt::format("{} {:02}:{:02}", format_date(time->date), time->minute_of_day / 60, time->minute_of_day % 60);
}

}  // namespace backupctl::operate
