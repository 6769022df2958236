#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <vector>

#include "common/io.h"
#include "gate/relay/relay.h"

namespace backupctl::test {

/// A descriptor from which `bytes` can be read.
inline UniqueFd fd_of(std::string_view bytes) {
  UniqueFd fd(::memfd_create("input", MFD_CLOEXEC));
  if (!write_all(fd.get(), bytes)) return {};
  ::lseek(fd.get(), 0, SEEK_SET);
  return fd;
}

/// All that was written to a descriptor made by fd_of.
inline std::string content(const UniqueFd& fd) {
  ::lseek(fd.get(), 0, SEEK_SET);
  return read_all(fd.get(), 1 << 30).value_or("");
}

/// What a mode of the relay reported, and how it ended.
struct Reported {
  int status = -1;
  std::vector<Record> records;

  [[nodiscard]] const Record& last() const { return records.back(); }
  [[nodiscard]] bool done() const { return status == 0 && last().kind == Record::Kind::result; }
  [[nodiscard]] bool failed(Exit exit) const {
    return status == to_status(exit) && last().kind == Record::Kind::failed && last().number[0] == status;
  }
  [[nodiscard]] std::vector<Record> of(Record::Kind kind) const {
    std::vector<Record> found;
    for (const Record& record : records)
      if (record.kind == kind) found.push_back(record);
    return found;
  }
};

inline Reported relay_run(const std::vector<std::string>& args, std::string_view input, std::string_view extra = {}) {
  const UniqueFd in = fd_of(input);
  const UniqueFd keys = fd_of(extra);
  const UniqueFd report = fd_of({});
  Reported reported;
  reported.status = relay::run({in.get(), report.get(), keys.get()}, args);
  const std::string bytes = content(report);
  for (std::size_t at = 0; at + sizeof(Record) <= bytes.size(); at += sizeof(Record)) {
    Record record;
    std::memcpy(&record, bytes.data() + at, sizeof record);
    reported.records.push_back(record);
  }
  return reported;
}

/// What no parser may take for good input; each is also tried cut off at every place (cut_short).
inline std::vector<std::string> hostile_inputs() {
  const std::string deep_arrays(1000000, '[');
  std::string deep_objects;
  for (int i = 0; i < 100000; ++i) deep_objects += "{\"a\":";
  return {
      "",
      std::string(1, '\0'),
      std::string(4096, '\0'),
      std::string(10 << 20, 'x'),
      "\"" + std::string(10 << 20, 'x') + "\"",
      std::string(10 << 20, ' '),
      std::string(10 << 20, '9'),
      deep_arrays,
      deep_objects,
      "[" + deep_objects,
      "\xff\xfe\xfd",
      "null",
      "{}",
      "{\"signed\":{},",
      "[{}]",
      "[[]]",
      "[1]",
      "[{\"Path\":\"\xff\",\"IsDir\":false}]",
      std::string("[{\"Path\":\"a\0b\",\"IsDir\":false}]", 31),
      "\xEF\xBB\xBF\xEF\xBB\xBF[]",
  };
}

}  // namespace backupctl::test
