#include <openssl/crypto.h>

#include "gate/relay/relay.h"
#include "gate/sandbox/helper.h"

namespace {

int work(std::span<const std::string> args) {
  namespace sandbox = backupctl::sandbox;
  OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);  // there is no file to read, and opening one is a violation (X3)
  return backupctl::relay::run({0, sandbox::report_fd, sandbox::first_extra_fd}, args);
}

}  // namespace

int main(int argc, char** argv) {
  return backupctl::sandbox::helper_main(backupctl::sandbox::RoleName::relay, argc, argv, work);
}
