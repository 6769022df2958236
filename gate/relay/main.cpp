#include "gate/relay/relay.h"
#include "gate/sandbox/helper.h"

namespace {

int work(std::span<const std::string> args) {
  namespace sandbox = backupctl::sandbox;
  return backupctl::relay::run({0, sandbox::report_fd, sandbox::first_extra_fd}, args);
}

}  // namespace

int main(int argc, char** argv) {
  return backupctl::sandbox::helper_main(backupctl::sandbox::RoleName::relay, argc, argv, work);
}
