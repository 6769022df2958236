#include "gate/sandbox/helper.h"
#include "gate/snapshot/stage.h"
#include "gate/source/reader.h"

// backupctl-stager: a tree into its staging directory, confined.
int main(int argc, char** argv) {
  backupctl::archive::prepare_names();
  return backupctl::sandbox::helper_main(backupctl::sandbox::RoleName::stager, argc, argv, backupctl::snapshot::stage);
}
