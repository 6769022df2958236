#include <doctest/doctest.h>

#include "gate/remote/exit_status.h"

using backupctl::Exit;
using backupctl::remote::hint;
using backupctl::remote::meaning;

TEST_CASE("rclone's exit codes; 1 and 2 mean the same, because they changed places") {
  CHECK(meaning(0).exit == Exit::done);
  CHECK(meaning(9).exit == Exit::done);
  for (const int status : {1, 2, 3, 4, 5, 6, 7, 8, 10, 127, 137, 143, 255, -1}) {
    CAPTURE(status);
    CHECK(meaning(status).exit == Exit::unavailable);
  }
  CHECK(meaning(1).words == meaning(2).words);
  CHECK(meaning(3).not_found);
  CHECK(meaning(4).not_found);
  CHECK_FALSE(meaning(1).not_found);
  CHECK(meaning(128 + 31).exit == Exit::bug);
}

TEST_CASE("rclone's words choose among failures") {
  CHECK(hint("big: Failed to copy: preallocate: file too big for remaining disk space")->exit == Exit::io_error);
  CHECK(hint("quotaLimitReached: Insufficient Space Available")->exit == Exit::io_error);
  CHECK(hint("corrupted on transfer: sizes differ 1 vs 2")->exit == Exit::bad_data);
  CHECK(hint("can't copy - source file is being updated (size changed from 5 to 6)")->exit == Exit::io_error);
  CHECK(hint("dial tcp 127.0.0.1:18766: connect: connection refused")->exit == Exit::unavailable);
  CHECK(hint("oauth2: cannot fetch token: 400 {\"error\":\"invalid_grant\"}")->exit == Exit::unavailable);
  CHECK(hint("all is well") == nullptr);
  CHECK(hint("") == nullptr);
}
