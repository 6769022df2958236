#include "gate/step/dump_file.h"

#include <fcntl.h>

#include <cerrno>

#include "common/io.h"
#include "gate/step/helpers.h"

namespace backupctl::step {

Result<> describe_dump(Context& context, state::Spool& spool, TreeRead& read, const std::string& beside) {
  const UniqueFd archive = open_beneath(spool.fd(), "archive", O_RDONLY);
  const UniqueFd list = open_beneath(spool.fd(), "files.jsonl", O_WRONLY | O_CREAT | O_EXCL, 0644);
  if (!archive || !list) return fail_errno(Exit::io_error, errno, "cannot work in {}; {}", spool.path(), nothing_sent);
  const std::string lines = beside.empty() ? "" : beside + "\n";
  if (auto written = write_all(list.get(), lines); !written) return written;
  read.files = beside.empty() ? 0 : 1;
  read.files_digest = sha256(lines);
  const auto hashed = run_relay(context, {"hash"}, archive.get());
  if (!hashed) return pass(hashed.error());
  read.archive_bytes = hashed->number[0];
  read.digest = hashed->digest;
  return spool.take_back();
}

}  // namespace backupctl::step
