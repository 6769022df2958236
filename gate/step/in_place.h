#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "gate/service/controller.h"
#include "gate/state/exchange_record.h"
#include "gate/state/lock.h"
#include "gate/step/restore_ground.h"
#include "gate/step/step.h"
#include "gate/step/while_stopped.h"

/// What restores in place have in common, of a tree as of volumes: the exchange of what was staged for what is there, with the
/// service stopped, the proof that it runs on it, and the way back (D6).
namespace backupctl::step {

/// Held from the first look at the record to the last write: one restore, commit or rollback of a service at a time.
Result<state::Lock> hold_restore(Context& context, const std::string& service);

/// The record, once what was broken off is undone. What runs then, started by others, is stopped for it and starts again.
Result<std::optional<state::Exchange>> settled_record(Context& context, const policy::Service& service);

/// That no other restore's old files are kept still. Error: Exit::unavailable.
Result<> check_nothing_kept(const std::optional<state::Exchange>& earlier, const policy::Service& service);

/// The trees of a service that can be restored: its tree, or its volumes where their engine says that they lie.
Result<std::vector<StagedTree>> places_of(Context& context, const policy::Service& service);

/// Only what is root's alone is removed. @return false, something is left
bool remove_stage(const std::string& path);

/// Grounds whose stages hold nothing, or something that is of no use: gone with this object, unless it became the old files'.
class Grounds {
 public:
  explicit Grounds(const state::StateDir& state) : state_(state) {}
  Grounds(const Grounds&) = delete;
  Grounds& operator=(const Grounds&) = delete;
  ~Grounds();
  /// Opens one and clears its stage of what an earlier restore left.
  Result<> add(const StagedTree& tree, const std::string& service, bool only);
  [[nodiscard]] const std::vector<Ground>& all() const { return all_; }
  void keep() { kept_ = true; }

 private:
  /// D6: no other restore's old files lie there, in a place that two services share.
  [[nodiscard]] Result<> check_nobodys(const std::string& stage) const;
  const state::StateDir& state_;
  std::vector<Ground> all_;
  bool kept_ = false;
};

/// D8: that the service can run on while its disks take so much more in the stages. Grounds of one file system are summed up.
struct Need {
  std::int64_t members = 0;  ///< files, directories and links
  std::int64_t content = 0;  ///< bytes in them, holes not counted
};
/// @param needs  of each ground. Error: Exit::io_error.
Result<> check_room(const Grounds& grounds, const std::vector<Need>& needs);

/// Going back to the volumes of a time at which nothing of the service ran, on a new host to empty ones, nothing is started.
After after_going_back(const policy::Service& service, const state::Exchange& exchange);

/// What was seen of a service that was started on what was restored.
struct Proven {
  bool runs = false;                   ///< on what was restored; false: it did not before, and was not started (S2)
  std::optional<double> healthy = {};  ///< seconds until it was; nothing where nobody asked
  std::string unseen = {};             ///< a sentence: why that could not be seen yet, and what to do. No reason to go back
};
/// @param started  what was started again; empty where nothing ran. Error: it does not run on it.
using Proof = std::function<Result<Proven>(const service::Names& started)>;

/// Stops the service, exchanges what lies in the stages for what is in place, starts it, and goes back if it does not run.
/// Broken off at any point, the trees are the old or the new ones for whoever reads or starts the service, and the host starts
/// it (S1). @param backup  how the record and the user call it. @param only  paths of a single tree; else empty
/// Error: Exit::unavailable, the service does not run on what was restored, or was not seen to. Others as their sentences say.
Result<Report> put_in_place(Context& context, const policy::Service& service, const std::string& backup, Grounds& grounds,
                            const std::vector<std::string>& only, const Proof& proof);

/// A restore that ended between the exchange and the proof is proven now.
Result<Report> take_up(Context& context, const policy::Service& service, const state::Exchange& exchange, const Proof& proof);

}  // namespace backupctl::step
