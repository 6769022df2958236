#include "common/io.h"
#include "gate/config/policy_file.h"
#include "gate/journal/journal.h"
#include "gate/operator/operator.h"

namespace backupctl::operate {

Exit verify_journal(const std::string& policy_path, const Args& args) {
  if (!args.empty()) return complain({Exit::not_a_request, "--verify-journal takes no argument"});
  const auto state = state::StateDir::open(config::state_dir_of(policy_path));
  if (!state) return complain(state.error());
  const auto verdict = journal::verify(*state);
  if (!verdict) return complain(verdict.error());
  for (const std::string& fault : verdict->faults) complain({Exit::bad_data, fault});
  if (!verdict->faults.empty()) return Exit::bad_data;
  static_cast<void>(write_all(1, fmt::format("the journal is whole: {} entries, head {}\n", verdict->entries, verdict->head)));
  return Exit::done;
}

}  // namespace backupctl::operate
