#include "gate/vault/judge.h"

#include <fcntl.h>

#include <cerrno>

#include "common/io.h"
#include "common/sha256.h"
#include "gate/vault/child_files.h"
#include "gate/vault/parked.h"

namespace backupctl::vault {

void Judge::look(int dir) {
  unsaved_.reset();
  look_at(dir, config_name);
}

void Judge::look_at_all(int dir) {
  unsaved_.reset();
  const auto names = child_files(dir);
  if (!names) return refuse(names.error().sentence, {});
  for (const std::string& name : *names) look_at(dir, name);
}

void Judge::look_at(int dir, const std::string& name) {
  const auto file = read_child_file(dir, name, ledger_.uid);
  if (!file) return refuse(file.error().sentence, {});
  if (!*file) return;
  const auto done = carry(places_, copy_, ledger_, (*file)->bytes);
  if (done) {
    carried_ |= *done;
    return;
  }
  if (!done.error().again) return refuse(done.error().sentence, (*file)->bytes);
  unsaved_ =
      Error{Exit::io_error,
            fmt::format("the renewed token of {} could not be saved in {} ({}): it is kept in {} and carried at the next "
                        "start; until then only that copy can log in",
                        ledger_.remote, places_.rclone_config, done.error().sentence, places_.copy(ledger_.remote))};
}

void Judge::refuse(std::string_view why, std::string_view bytes) {
  std::string where = "nothing of it was kept";
  if (!bytes.empty()) {
    std::string digest = to_hex(sha256(bytes));
    if (digest == parked_digest_) return;
    const auto path = park(places_.parked(), ledger_.remote, bytes);
    where = path ? "it is kept as " + *path : "it could not be kept: " + path.error().sentence;
    parked_digest_ = std::move(digest);
  }
  if (failure_) return;
  failure_ =
      Error{Exit::io_error,
            fmt::format(
                "the credential copy of {} was not carried back: {}; {} is unchanged and {}; if the next run "
                "cannot log in, log in again on this host: rclone --config /etc/backupctl/rclone.conf config reconnect REMOTE:",
                ledger_.remote, why, places_.rclone_config, where)};
}

}  // namespace backupctl::vault
