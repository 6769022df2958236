#include "gate/step/drill_record.h"
#include "gate/step/restore_postgres.h"
#include "gate/step/watch.h"

namespace backupctl::step {

Result<> rehearse_postgres(Context& context, const policy::Service& service, const DrillWish&, const std::string& keys,
                           DrillRecord& record) {
  Watch watch;
  auto client = PostgresClient::open(context, service);
  if (!client) return pass(client.error());
  const auto stored = find_archive(context, service, {}, keys, service.remotes);
  if (!stored) return pass(stored.error());
  record.archive = stored->name;
  record.remote = stored->remote->name;
  record.size = stored->manifest.number[0];
  record.sha256 = stored->manifest.digest;
  if (auto room = check_drill_room(context.state.at("spool"), record.size); !room) return room;
  const auto dump = fetch(context, service, *stored);
  if (!dump) return pass(dump.error());
  record.fetch = watch.lap();
  const auto rows = verify_dump(context, *client, *stored, dump->get());
  if (!rows) return pass(rows.error());
  record.verify = watch.lap();
  record.files = static_cast<std::int64_t>(rows->size());
  record.bytes = record.size;
  return {};
}

}  // namespace backupctl::step
