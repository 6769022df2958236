#include <doctest/doctest.h>

#include "gate/step/postgres_programs.h"

using backupctl::step::suitable_version;

TEST_CASE("programs are of the oldest version that is not older than the server") {
  CHECK(suitable_version({}, 15) == 0);
  CHECK(suitable_version({15}, 15) == 15);
  CHECK(suitable_version({17, 13, 15}, 15) == 15);
  CHECK(suitable_version({17, 13, 16}, 15) == 16);
  CHECK(suitable_version({9, 13}, 15) == 13);
  CHECK(suitable_version({13, 17}, 0) == 17);
}
