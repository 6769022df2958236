// A static program that makes one attempt: what the transfer role runs instead of rclone, and the unconfined control.
#include <unistd.h>

#include <cstring>

#include "tests/attack/attempts.h"

int main(int argc, char** argv) {
  for (std::size_t i = 0; i < backupctl::attack::attempt_count && argc > 1; ++i)
    if (std::strcmp(argv[1], backupctl::attack::attempts[i].name) == 0)
      ::_exit(backupctl::attack::attempts[i].gets_through() ? 0 : 1);
  ::_exit(2);
}
