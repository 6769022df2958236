#include "gate/step/drill.h"

#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <csignal>

#include "common/escape.h"
#include "common/io.h"
#include "gate/config/policy_file.h"
#include "gate/operator/host_step.h"

namespace backupctl::operate {
namespace {

struct Wish {
  std::string name;
  std::string scratch;
  bool all = false;
};

Result<Wish> parse(const Args& args) {
  Wish wish;
  CLI::App app("backupctl --drill");
  app.add_option("NAME", wish.name);
  app.add_flag("--all", wish.all);
  const auto* const scratch = app.add_option("--scratch", wish.scratch);
  std::string why = "one of the two";
  try {
    app.parse(std::vector<std::string>(args.rbegin(), args.rend()));  // CLI11 takes them from the back
  } catch (const CLI::Error& error) {
    why = escape_line(error.what(), 200);
    wish = {};
  }
  if (wish.all == !wish.name.empty())
    return fail(Exit::not_a_request, "--drill wants NAME or --all, and [--scratch DIR] ({}); nothing was done", why);
  if (scratch->count() > 0 && !wish.scratch.starts_with('/'))
    return fail(Exit::not_a_request, "--scratch wants an absolute path; nothing was done");
  while (wish.scratch.size() > 1 && wish.scratch.ends_with('/')) wish.scratch.pop_back();
  return wish;
}

/// A signal waits (monitor::Session blocks them): to a step that gives way, or to whoever rehearses.
bool told_to_end() {
  sigset_t waiting;
  ::sigpending(&waiting);
  return sigismember(&waiting, SIGTERM) == 1 || sigismember(&waiting, SIGINT) == 1;
}

}  // namespace

Exit drill(const std::string& policy_path, const Args& args) {
  const auto wish = parse(args);
  if (!wish) return complain(wish.error());
  const auto policy = config::read_policy(policy_path);
  if (!policy) return complain(policy.error());
  // Else each service would get a record that says it could not be restored.
  if (!wish->scratch.empty()) {
    const auto trusted = open_trusted(wish->scratch);
    struct stat st {};
    if (!trusted || ::fstat(trusted->get(), &st) != 0 || !S_ISDIR(st.st_mode))
      return complain({Exit::bad_config,
                       fmt::format("{}: --scratch wants a directory that is there and that root alone can write, so nothing "
                                   "was rehearsed or recorded",
                                   trusted ? wish->scratch + " is no directory" : trusted.error().sentence)});
  }
  std::vector<std::string> names;
  for (const auto& [name, service] : policy->services)
    if (wish->all && step::can_rehearse(service)) names.push_back(name);
  if (!wish->all) names.push_back(wish->name);
  Exit worst = Exit::done;
  for (const std::string& name : names) {
    Args words = {name};
    if (!wish->scratch.empty()) words.insert(words.end(), {"--scratch", wish->scratch});
    const Exit exit = run_host_step(*policy, policy_path, "--drill", words, name, [&](step::Context& context) {
      return step::drill(context, {name, wish->scratch});
    });
    // What cannot be restored weighs most.
    if (worst == Exit::done || exit == Exit::bad_data) worst = exit;
    if (told_to_end()) break;
  }
  return worst;
}

}  // namespace backupctl::operate
