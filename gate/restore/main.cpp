#include "gate/restore/extractor.h"
#include "gate/sandbox/helper.h"
#include "gate/source/reader.h"

// backupctl-extractor: a verified archive into an empty directory, confined.
int main(int argc, char** argv) {
  backupctl::archive::prepare_names();
  return backupctl::sandbox::helper_main(backupctl::sandbox::RoleName::extractor, argc, argv,
                                         backupctl::archive::run_extractor);
}
