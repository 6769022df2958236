#include "gate/step/snapshot_record.h"

namespace backupctl::step {

std::int64_t SnapshotRecord::bytes() const {
  std::int64_t sum = 0;
  for (const Archive& archive : archives) sum += archive.size;
  return sum;
}

bool take_archive(const Record& record, SnapshotRecord& found) {
  if (record.kind != Record::Kind::entry) return false;
  const std::string text(record.view());
  if (record.number[3] == 1 && found.archives.size() < most_volumes)
    found.archives.push_back({text, record.number[0], record.digest, record.number[4], record.number[5]});
  const std::size_t equals = text.find('=');
  if (record.number[3] == 2 && equals != std::string::npos && found.probes.size() < most_volumes)
    found.probes.push_back({text.substr(0, equals), text.substr(equals + 1), record.digest});
  return true;
}

void take_signed(const Record& result, SnapshotRecord& found) {
  found.created = result.number[1];
  found.complete = result.number[2] == 1;
  found.checksums = result.digest;
}

}  // namespace backupctl::step
