#include <time.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "common/civil_date.h"
#include "common/io.h"
#include "gate/config/policy_file.h"
#include "gate/journal/journal.h"
#include "gate/operator/operator.h"
#include "gate/step/restore.h"

namespace backupctl::operate {
namespace {

/// The operator's words for what step::restore() does.
Result<step::RestoreWish> parse(const Args& args) {
  step::RestoreWish wish;
  std::string archive;
  CLI::App app("backupctl --restore");
  app.add_option("NAME", wish.service)->required();
  auto* const date = app.add_option("--archive", archive);
  app.add_flag("--mirror", wish.mirror)->excludes(date);
  app.add_option("--to", wish.to)->required();
  try {
    app.parse(std::vector<std::string>(args.rbegin(), args.rend()));  // CLI11 takes them from the back
  } catch (const CLI::Error& error) {
    return fail(Exit::not_a_request, "--restore wants NAME --archive DATE|latest or --mirror, and --to DIR ({}); nothing was done", error.what());
  }
  if (!wish.mirror && date->empty())
    return fail(Exit::not_a_request, "--restore wants to know from what: --archive DATE|latest or --mirror; nothing was done");
  if (archive != "latest") wish.date = parse_date(archive);
  if (!wish.mirror && archive != "latest" && !wish.date)
    return fail(Exit::not_a_request, "--archive wants a date that exists, YYYY-MM-DD, or \"latest\"; nothing was done");
  if (!wish.to.starts_with('/')) return fail(Exit::not_a_request, "--to wants an absolute path; nothing was done");
  while (wish.to.size() > 1 && wish.to.ends_with('/')) wish.to.pop_back();
  return wish;
}

}  // namespace

Exit restore(const std::string& policy_path, const Args& args) {
  const auto wish = parse(args);
  if (!wish) return complain(wish.error());
  const auto policy = config::read_policy(policy_path);
  if (!policy) return complain(policy.error());
  const auto state = state::StateDir::open(policy->gate.state_dir);
  if (!state) return complain(state.error());
  monitor::Output output(false, "restore " + wish->service);
  monitor::Session session(output, policy->gate.timeouts.backup, false);
  step::Context context{*policy, policy_path, *state, session, output, "operator", false, false};
  std::string request = "backupctl --restore";
  for (const std::string& word : args) request += " " + word;
  if (auto written = journal::append(*state, {"request", {{"request", request}, {"client", "operator"}}}, journal::Durability::now); !written)
    return complain(written.error());
  const auto began = monitor::Clock::now();
  const auto report = step::restore(context, *wish);
  const Exit exit = report ? Exit::done : report.error().exit;
  const auto head = journal::append(*state, {"end", {{"step", "restore " + wish->service}, {"client", "operator"}, {"exit", std::to_string(to_status(exit))},
                                                     {"text", report ? report->text : report.error().sentence}}}, journal::Durability::now);
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
