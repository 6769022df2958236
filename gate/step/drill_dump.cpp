#include <functional>

#include "gate/step/drill_record.h"
#include "gate/step/postgres_globals.h"
#include "gate/step/restore_postgres.h"
#include "gate/step/restore_redis.h"
#include "gate/step/watch.h"

namespace backupctl::step {
namespace {

/// @param room  how many times the dump's size the spool must take. @param verify  reads the dump to its end; @return what it
/// holds, counted
Result<> rehearse_dump(Context& context, const policy::Service& service, const std::string& keys, DrillRecord& record,
                       std::int64_t room, const std::function<Result<std::int64_t>(const StoredArchive&, int dump)>& verify) {
  Watch watch;
  const auto stored = find_archive(context, service, {}, keys, service.remotes);
  if (!stored) return pass(stored.error());
  record.archive = stored->name;
  record.remote = stored->remote->name;
  record.size = stored->manifest.number[0];
  record.sha256 = stored->manifest.digest;
  if (auto fits = check_drill_room(context.state.at("spool"), room * record.size); !fits) return fits;
  const auto dump = fetch(context, service, *stored);
  if (!dump) return pass(dump.error());
  record.fetch = watch.lap();
  const auto counted = verify(*stored, dump->get());
  if (!counted) return pass(counted.error());
  record.verify = watch.lap();
  record.files = *counted;
  record.bytes = record.size;
  return {};
}

}  // namespace

Result<> rehearse_postgres(Context& context, const policy::Service& service, const DrillWish&, const std::string& keys,
                           DrillRecord& record) {
  auto client = PostgresClient::open(context, service);
  if (!client) return pass(client.error());
  return rehearse_dump(context, service, keys, record, 1, [&](const StoredArchive& stored, int dump) -> Result<std::int64_t> {
    const auto rows = verify_dump(context, *client, stored, dump);
    if (!rows) return pass(rows.error());
    if (stored.globals)
      if (const auto globals = fetch_globals(context, service, stored); !globals) return pass(globals.error());
    return static_cast<std::int64_t>(rows->size());
  });
}

Result<> rehearse_redis(Context& context, const policy::Service& service, const DrillWish&, const std::string& keys,
                        DrillRecord& record) {
  // The dump, and the copy of it that the program is shown.
  return rehearse_dump(context, service, keys, record, 2,
                       [&](const StoredArchive& stored, int dump) { return verify_rdb(context, stored, dump); });
}

}  // namespace backupctl::step
