#include "gate/sandbox/helper.h"
#include "gate/sqlite/copier.h"

// backupctl-copier: a tree's SQLite databases into the spool, confined.
int main(int argc, char** argv) {
  return backupctl::sandbox::helper_main(backupctl::sandbox::RoleName::copier, argc, argv, backupctl::sqlite::run_copier);
}
