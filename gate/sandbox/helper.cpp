#include "gate/sandbox/helper.h"

#include <unistd.h>

#include <vector>

#include "common/record.h"
#include "gate/sandbox/cage.h"

namespace backupctl::sandbox {

void give_up(const Error& error) {
  Record record;
  record.kind = Record::Kind::failed;
  record.number[0] = to_status(error.exit);
  record.set_text(error.sentence);
  send_record(report_fd, record);
  ::_exit(to_status(error.exit));
}

int helper_main(RoleName name, int argc, char** argv, Work work) {
  const auto cage = decode(argc > 1 ? argv[1] : "");
  if (!cage) give_up(cage.error());
  if (cage->role != name) give_up({Exit::bug, "a helper program was started with another role's cage"});
  if (const auto entered = enter(*cage); !entered) give_up(entered.error());
  const std::vector<std::string> args(argv + 2, argv + argc);
  return work(args);
}

}  // namespace backupctl::sandbox
