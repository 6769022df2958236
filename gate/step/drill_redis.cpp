#include "gate/step/drill_record.h"
#include "gate/step/restore_redis.h"
#include "gate/step/stored_archive.h"
#include "gate/step/watch.h"

namespace backupctl::step {

Result<> rehearse_redis(Context& context, const policy::Service& service, const DrillWish&, const std::string& keys,
                        DrillRecord& record) {
  Watch watch;
  const auto stored = find_archive(context, service, {}, keys, service.remotes);
  if (!stored) return pass(stored.error());
  record.archive = stored->name;
  record.remote = stored->remote->name;
  record.size = stored->manifest.number[0];
  record.sha256 = stored->manifest.digest;
  // The dump, and the copy of it that the program is shown.
  if (auto room = check_drill_room(context.state.at("spool"), 2 * record.size); !room) return room;
  const auto dump = fetch(context, service, *stored);
  if (!dump) return pass(dump.error());
  record.fetch = watch.lap();
  const auto counted = verify_rdb(context, *stored, dump->get());
  if (!counted) return pass(counted.error());
  record.verify = watch.lap();
  record.files = *counted;
  record.bytes = record.size;
  return {};
}

}  // namespace backupctl::step
