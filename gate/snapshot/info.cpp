#include "gate/snapshot/info.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <map>
#include <sstream>

#include "common/io.h"

namespace backupctl::snapshot {
namespace {

constexpr const char* info_name = "info";
constexpr const char* new_name = "info.new";
constexpr std::size_t most_bytes = 8192;

}  // namespace

std::optional<Info> read_info(int dir) {
  // The one folder of ours that the stager may write to: a FIFO by this name must not hold up the gate (S5).
  UniqueFd fd = open_beneath(dir, info_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  struct stat st {};
  const bool file = fd && ::fstat(fd.get(), &st) == 0 && S_ISREG(st.st_mode);
  const auto text = file ? read_all(fd.get(), most_bytes) : Result<std::string>(std::string());
  if (!text || text->empty()) return {};
  std::map<std::string, std::string> values;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);)
    if (const auto space = line.find(' '); space != std::string::npos) values[line.substr(0, space)] = line.substr(space + 1);
  if (!values.contains("taken") || !values.contains("faults")) return {};
  Info info;
  info.taken = std::atoll(values["taken"].c_str());
  info.method = values["method"];
  if (values.contains("downtime")) info.downtime = std::atof(values["downtime"].c_str());
  info.faults = std::atoll(values["faults"].c_str());
  info.first_fault = values["first_fault"];
  info.of = values["of"];
  return info;
}

Result<> write_info(int dir, const Info& info) {
  std::string text = fmt::format("taken {}\nmethod {}\n", info.taken, info.method);
  if (info.downtime) text += fmt::format("downtime {:.3f}\n", *info.downtime);
  text += fmt::format("faults {}\nfirst_fault {}\nof {}\n", info.faults, info.first_fault, info.of);
  ::unlinkat(dir, new_name, 0);
  UniqueFd fd = open_beneath(dir, new_name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  if (fd && write_all(fd.get(), text) && ::fsync(fd.get()) == 0 && ::renameat(dir, new_name, dir, info_name) == 0 &&
      ::fsync(dir) == 0)
    return {};
  return fail_errno(Exit::io_error, errno, "what the snapshot is cannot be written beside it");
}

Result<> remove_info(int dir) {
  if (::unlinkat(dir, info_name, 0) == 0 ? ::fsync(dir) == 0 : errno == ENOENT) return {};
  return fail_errno(Exit::io_error, errno, "the snapshot before cannot be given up");
}

}  // namespace backupctl::snapshot
