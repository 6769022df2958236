#pragma once

#include <string>

#include "common/sha256.h"
#include "gate/step/drill.h"

namespace backupctl::step {

/// What a drill found, as far as it came (drill.h has the file's format).
struct DrillRecord {
  std::string service, archive, remote;
  std::int64_t size = 0;
  Digest sha256{};
  std::int64_t files = 0, bytes = 0;  ///< files: of a database its tables, of Redis its keys
  bool compared = false;
  double fetch = 0, verify = 0, extract = 0, compare = 0, all = 0;  ///< seconds
  std::string fault;                                                ///< empty: restorable
};

/// The rehearsal of a service of volumes; what it learns goes into the record as it goes. Error: as drill()'s.
Result<> rehearse_volumes(Context& context, const policy::Service& service, const DrillWish& wish, const std::string& keys,
                          DrillRecord& record);

/// That of a bucket, whose mirror is extracted to a directory of this host: the bucket itself is not asked for.
Result<> rehearse_bucket(Context& context, const policy::Service& service, const DrillWish& wish, const std::string& keys,
                         DrillRecord& record);

/// That of a database, whose dump is read to its last row by PostgreSQL's own program: no server is asked for.
Result<> rehearse_postgres(Context& context, const policy::Service& service, const DrillWish& wish, const std::string& keys,
                           DrillRecord& record);

/// The same of Redis, whose dump redis-check-rdb reads to its last key.
Result<> rehearse_redis(Context& context, const policy::Service& service, const DrillWish& wish, const std::string& keys,
                        DrillRecord& record);

/// Error: Exit::io_error, a drill would need more room than there is. @param needed  bytes
Result<> check_drill_room(const std::string& path, std::int64_t needed);

/// Signs it and writes it durably. @return its path. Error: Exit::io_error, …
Result<std::string> write_record(Context& context, const DrillRecord& record);

/// Signs a record of something that ended just now, and writes it durably as `state_dir/FOLDER/NAME-YYYYMMDDTHHMMSSZ.json`,
/// laid out as drill.h says. @param kind  "drill". @param key  what `name` is, "service". @param members  of the object, after
/// its schema, kind, name, host and when. @return its path. Error: Exit::io_error, …
Result<std::string> write_signed_record(Context& context, const std::string& folder, const std::string& kind,
                                        const std::string& key, const std::string& name, const std::string& members);

}  // namespace backupctl::step
