#include "gate/step/restore_in_place.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "common/io.h"
#include "gate/state/directory_attributes.h"
#include "gate/state/history.h"
#include "gate/step/in_place.h"
#include "gate/step/proof.h"
#include "gate/step/service_stop.h"
#include "policy/retention.h"

namespace backupctl::step {
namespace {

std::string list(const std::vector<std::string>& paths) {
  std::string text;
  for (const std::string& path : paths) text += (text.empty() ? "" : ", ") + path;
  return text;
}

std::string suffix_of(const RestoreWish& wish) { return wish.only.empty() ? "" : " (only " + list(wish.only) + ")"; }

/// The paths that change places: beside a database also what its last writers left (policy.md, sqlite). SQLite would take an
/// old -wal or -journal for the restored database's own, and damage it.
std::vector<std::string> exchanged(const policy::Service& service, const std::vector<std::string>& only) {
  std::vector<std::string> all = only;
  for (const std::string& path : only)
    if (std::find(service.sqlite.begin(), service.sqlite.end(), path) != service.sqlite.end())
      for (const char* ending : {"-wal", "-shm", "-journal"}) all.push_back(path + ending);
  return all;
}

/// Whether an earlier restore, of which only the proof is missing, is what is wished for now.
bool is_wished(const Context& context, const state::Exchange& exchange, const RestoreWish& wish) {
  const std::string name = exchange.backup.substr(0, exchange.backup.find(' '));
  if (exchange.backup != name + suffix_of(wish)) return false;
  const auto archive = policy::parse_archive_name(name);
  if (wish.mirror || !archive) return wish.mirror && !archive;
  if (wish.date) return archive->date == *wish.date;
  const auto history = state::read_history(context.state, wish.service);  // "latest" is the one this host committed last
  return history && history->newest_committed == archive->date;
}

/// Where there is no tree nothing is known of it.
Result<> keep_root(const Ground& ground, const policy::Service& service) {
  const UniqueFd tree = open_no_symlinks(service.path, O_RDONLY | O_DIRECTORY);
  const UniqueFd data = open_beneath(ground.stage_fd.get(), "data", O_RDONLY | O_DIRECTORY);
  return tree && data ? state::copy_directory_attributes(tree.get(), data.get()) : Result<>{};
}

/// Extracts beside the tree, with the service running. Error: nothing has changed (D8).
Result<> stage(const Ground& ground, const policy::Service& service, const Backup& backup) {
  const auto filled = backup.fill(ground.stage_fd.get(), ground.stage);
  if (!filled)
    return fail(filled.error().exit, "{}; the service was not stopped, and its tree is as it was", filled.error().sentence);
  if (filled->number[3] > 0)
    return fail(Exit::io_error,
                "{} owners, attributes or times could not be set (named above), so the tree was not exchanged; restore with "
                "--to and look",
                filled->number[3]);
  // Of an archive that an earlier script made of what lies in the tree: its own owner and mode are the present tree's.
  if (filled->number[7] != 1)
    if (auto done = keep_root(ground, service); !done) return done;
  return {};
}

}  // namespace

Result<Report> restore_in_place(Context& context, const policy::Service& service, const RestoreWish& wish,
                                const Obtain& obtain) {
  auto lock = hold_restore(context, service.name);
  if (!lock) return pass(lock.error());
  const Proof proof = [&](const service::Names& units) -> Result<Proven> {
    const policy::Controller* controller = controller_of(context, service);
    if (controller == nullptr || units.empty()) return Proven{};
    auto healthy = prove_running(context, service, *controller, units);
    return healthy ? Result<Proven>(Proven{true, *healthy}) : pass(healthy.error());
  };
  const auto earlier = settled_record(context, service);
  if (!earlier) return pass(earlier.error());
  if (earlier->has_value() && (*earlier)->phase == state::Exchange::Phase::unproven && is_wished(context, **earlier, wish))
    return take_up(context, service, **earlier, proof);
  if (auto none = check_nothing_kept(*earlier, service); !none) return pass(none.error());
  Grounds grounds(context.state);
  if (auto added = grounds.add(staged_tree(service), service.name, !wish.only.empty()); !added) return pass(added.error());
  const auto backup = obtain();
  if (!backup) return pass(backup.error());
  // One pattern is the gate's own, for its staging directory; and what was not there has nothing to lose.
  if (service.exclude.size() > 1 && wish.only.empty() && ::access(service.path.c_str(), F_OK) == 0)
    context.output.note(
        "what the policy's exclude leaves out is in no backup: after this it is among the old files alone, until they are "
        "given up",
        true);
  if (auto room = check_room(grounds, {{backup->members, backup->content}}); !room) return pass(room.error());
  if (auto staged = stage(grounds.all().front(), service, *backup); !staged) return pass(staged.error());
  return put_in_place(context, service, backup->name + suffix_of(wish), grounds, exchanged(service, wish.only), proof);
}

}  // namespace backupctl::step
