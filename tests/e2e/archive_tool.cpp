// Runs the reader and the extractor on directories of a test's choice, unconfined, and prints their records: what they do is
// tested here, what they are denied in tests/attack.
//   archive_tool read SOURCE SPOOL ARGUMENT...      archive_tool extract TARGET ARGUMENT... < ARCHIVE
#include <fcntl.h>
#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "common/escape.h"
#include "common/io.h"
#include "common/sha256.h"
#include "gate/restore/extractor.h"
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

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  if (args.size() < 2) return 64;
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
