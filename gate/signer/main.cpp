#include <openssl/crypto.h>

#include <array>
#include <string_view>

#include "common/io.h"
#include "common/record.h"
#include "gate/sandbox/helper.h"
#include "gate/signer/signer.h"

namespace {

using backupctl::Exit;
using backupctl::Result;

constexpr int key_fd = backupctl::sandbox::first_extra_fd;
constexpr int public_fd = key_fd + 1;

Result<> sign() {
  const auto line = backupctl::signer::sign(0, key_fd);
  return line ? backupctl::write_all(1, *line) : backupctl::pass(line.error());
}

Result<> generate() { return backupctl::signer::generate(key_fd, public_fd); }

struct Mode {
  std::string_view word;
  Result<> (*run)();
};
constexpr std::array<Mode, 2> modes = {{{"sign", sign}, {"generate", generate}}};

int work(std::span<const std::string> args) {
  OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);  // there is no file to read, and opening one is a violation (X3)
  Result<> done = backupctl::fail(Exit::bug, "the signer was started without a mode");
  for (const Mode& mode : modes)
    if (args.size() == 1 && args[0] == mode.word) done = mode.run();
  backupctl::Record record;
  record.kind = done ? backupctl::Record::Kind::result : backupctl::Record::Kind::failed;
  if (!done) {
    record.number[0] = to_status(done.error().exit);
    record.set_text(done.error().sentence);
  }
  backupctl::send_record(backupctl::sandbox::report_fd, record);
  return to_status(done ? Exit::done : done.error().exit);
}

}  // namespace

int main(int argc, char** argv) {
  return backupctl::sandbox::helper_main(backupctl::sandbox::RoleName::signer, argc, argv, work);
}
