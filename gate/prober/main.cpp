#include <curl/curl.h>

#include "common/exit_code.h"
#include "gate/prober/prober.h"
#include "gate/sandbox/helper.h"

// backupctl-prober URL RESOLVED [KEY=VALUE]…: asks a service for its health, confined (prober.h).
namespace {

int work(std::span<const std::string> args) {
  backupctl::Record record;
  if (args.size() < 2) {
    record.kind = backupctl::Record::Kind::failed;
    record.number[0] = to_status(backupctl::Exit::bug);
    record.set_text("the prober was started without a question");
  } else {
    backupctl::prober::Question question{args[0], args[1], {}};
    for (const std::string& pair : args.subspan(2)) {
      const std::size_t equals = pair.find('=');
      if (equals != std::string::npos) question.json[pair.substr(0, equals)] = pair.substr(equals + 1);
    }
    record = backupctl::prober::ask(question);
  }
  backupctl::send_record(backupctl::sandbox::report_fd, record);
  return record.kind == backupctl::Record::Kind::failed ? to_status(backupctl::Exit::bug) : 0;
}

}  // namespace

int main(int argc, char** argv) {
  curl_global_init(CURL_GLOBAL_DEFAULT);  // reads the host's OpenSSL configuration, so before the confinement
  return backupctl::sandbox::helper_main(backupctl::sandbox::RoleName::prober, argc, argv, work);
}
