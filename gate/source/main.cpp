#include "gate/sandbox/helper.h"
#include "gate/source/reader.h"

// backupctl-reader: one source tree to tar, compressor, SHA-256 and spool, confined.
int main(int argc, char** argv) {
  backupctl::archive::prepare_names();
  return backupctl::sandbox::helper_main(backupctl::sandbox::RoleName::reader, argc, argv, backupctl::archive::run_reader);
}
