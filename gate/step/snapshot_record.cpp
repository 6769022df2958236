#include "gate/step/snapshot_record.h"

namespace backupctl::step {

std::int64_t SnapshotRecord::bytes() const {
  std::int64_t sum = 0;
  for (const Archive& archive : archives) sum += archive.size;
  return sum;
}

bool take_archive(const Record& record, SnapshotRecord& found) {
  if (record.kind != Record::Kind::entry) return false;
  const bool archive = record.number[3] == 1;  // the list's own entry has no number there
  if (archive && found.archives.size() < most_volumes)
    found.archives.push_back({std::string(record.view()), record.number[0], record.digest});
  return true;
}

void take_signed(const Record& result, SnapshotRecord& found) {
  found.created = result.number[1];
  found.complete = result.number[2] == 1;
  found.checksums = result.digest;
}

}  // namespace backupctl::step
