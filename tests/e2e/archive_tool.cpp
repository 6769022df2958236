// Runs the reader and the extractor on directories of a test's choice and prints their records: as functions of this process,
// or, "confined", as the helper programs in the gate's own cages.
//   archive_tool read SOURCE SPOOL ARGUMENT...      archive_tool extract TARGET ARGUMENT... < ARCHIVE
//   archive_tool confined read|extract ...          (as root)
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>

#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "common/escape.h"
#include "common/io.h"
#include "common/sha256.h"
#include "gate/monitor/child.h"
#include "gate/restore/extractor.h"
#include "gate/sandbox/helper.h"
#include "gate/sandbox/mount.h"
#include "gate/source/reader.h"

using namespace backupctl;

namespace {

constexpr const char* kind_words[] = {"?", "progress", "note", "failed", "not_read", "result", "entry", "violation"};

void print_records(int fd) {
  for (;;) {
    Record record;
    std::size_t have = 0;
    while (have < sizeof record) {
      const ssize_t n = ::read(fd, reinterpret_cast<char*>(&record) + have, sizeof record - have);
      if (n <= 0) return;
      have += static_cast<std::size_t>(n);
    }
    fmt::print("{}", kind_words[static_cast<unsigned>(record.kind) % 8]);
    for (const auto number : record.number) fmt::print(" {}", number);
    fmt::print(" {} {}\n", to_hex(record.digest), escape_line(record.view()));
    std::fflush(stdout);
  }
}

UniqueFd directory(const std::string& path) { return UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)); }

constexpr uid_t worker = 1878982656;  // policy.md, worker_uids

/// As the gate's steps do it: the tree idmapped and read-only, or the target writable; the spool the worker's own.
int run_confined(const std::vector<std::string>& args) {
  const bool reads = args[1] == "read";
  const auto userns = sandbox::worker_namespace(worker);
  if (!userns) return 70;
  const UniqueFd tree = directory(args[2]), spool = directory(reads ? args[3] : args[2]);
  auto shown = sandbox::detach(tree.get(), args[2], {.writable = !reads, .idmap = userns->get()});
  auto written = sandbox::detach(spool.get(), "spool", {.writable = true});
  if (!shown || !written || (reads && ::fchown(spool.get(), worker, worker) != 0)) return 70;
  monitor::Spawn what;
  what.cage = {
      .role = reads ? sandbox::RoleName::reader : sandbox::RoleName::extractor, .uid = worker, .userns = userns->get()};
  what.cage.binds.push_back(
      {.fd = shown->get(), .target = reads ? sandbox::source_dir : sandbox::target_dir, .writable = !reads});
  if (reads) what.cage.binds.push_back({.fd = written->get(), .target = sandbox::spool_dir, .writable = true});
  what.program = std::string(BUILD_DIR) + (reads ? "/gate/source/backupctl-reader" : "/gate/restore/backupctl-extractor");
  what.argv = {"helper"};
  what.argv.insert(what.argv.end(), args.begin() + (reads ? 4 : 3), args.end());
  what.in = STDIN_FILENO;
  auto child = monitor::spawn(what);
  if (!child) return 70;
  ::fcntl(child->report(), F_SETFL, 0);  // the monitor polls; here the records are all there is to wait for
  print_records(child->report());
  pollfd ended{child->pidfd(), POLLIN, 0};
  ::poll(&ended, 1, -1);
  return child->collect().value_or(70);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  if (args.size() < 2) return 64;
  if (args[0] == "confined" && args.size() >= 4) return run_confined(args);
  archive::prepare_names();
  auto pipe = make_pipe();
  if (!pipe) return 70;
  std::thread printer(print_records, pipe->read.get());
  int status = 64;
  if (args[0] == "read" && args.size() >= 3)
    status = archive::run_reader(std::span(args).subspan(3), directory(args[1]), directory(args[2]), pipe->write.get());
  if (args[0] == "extract")
    status = archive::run_extractor(std::span(args).subspan(2), STDIN_FILENO, directory(args[1]), pipe->write.get());
  pipe->write.reset();
  printer.join();
  return status;
}
