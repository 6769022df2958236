#include "gate/snapshot/stage.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <new>

#include "common/io.h"
#include "common/remove.h"
#include "gate/sandbox/helper.h"
#include "gate/snapshot/stager.h"

namespace backupctl::snapshot {
namespace {

/// File systems count in steps of up to two seconds (FAT); what changed so lately may change again with the same stamp.
constexpr std::int64_t coarsest_clock = 2;

struct Args {
  std::string boot;
  bool known_boot = false;
  Stager::Options options;
};

Result<Args> parse(std::span<const std::string> words) {
  Args args;
  std::vector<std::string> excludes;
  bool good = true;
  for (std::size_t i = 0; good && i < words.size(); ++i) {
    const bool value = i + 1 < words.size();
    if (words[i] == "--hot")
      args.options.hot = true;
    else if (words[i] == "--any-boot")
      args.known_boot = true;
    else if (words[i] == "--boot" && value)
      args.boot = words[++i];
    else if (words[i] == "--exclude" && value)
      excludes.push_back(words[++i]);
    else
      good = false;
  }
  if (!good || args.boot.empty()) return fail(Exit::bug, "the stager was started with arguments it does not know");
  auto parsed = archive::Excludes::parse(excludes);
  if (!parsed) return pass(parsed.error());
  args.options.excludes = std::move(*parsed);
  return args;
}

/// How far the clock is ahead of the time since boot: differs once somebody set it.
std::int64_t clock_offset() {
  timespec real{};
  timespec boot{};
  ::clock_gettime(CLOCK_REALTIME, &real);
  ::clock_gettime(CLOCK_BOOTTIME, &boot);
  return (real.tv_sec - boot.tv_sec) * 1000 + (real.tv_nsec - boot.tv_nsec) / 1'000'000;
}

Result<> start_anew(int staging) {
  for (const char* name : {list_name, part_name}) ::unlinkat(staging, name, 0);
  UniqueFd tree = open_beneath(staging, tree_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!tree && errno == ENOENT) return {};
  if (tree && remove_beneath(tree.get()) && ::unlinkat(staging, tree_name, AT_REMOVEDIR) == 0) return {};
  return fail_errno(Exit::io_error, errno, "what an earlier run staged cannot be removed");
}

Result<Record> run(Args args, UniqueFd source, UniqueFd staging, archive::Reporter& reporter) {
  const int dir = staging.get();
  auto known = settle_lists(dir, args.known_boot ? "" : args.boot);
  if (!known) return pass(known.error());
  if (!*known)
    if (auto anew = start_anew(dir); !anew) return pass(anew.error());
  const std::int64_t offset = clock_offset();
  const bool hot = args.options.hot;
  args.options.certain = ::time(nullptr) - coarsest_clock;
  // A page that was dirty before this and is written to again through a mapping changes no stamp; after it, every first write
  // to a page does (page_mkwrite in the kernel's filesystems/locking). At rest nothing is mapped.
  if (args.options.hot && ::syncfs(source.get()) != 0)
    return fail_errno(Exit::io_error, errno, "the tree's file system cannot be synced");

  UniqueFd again(::fcntl(dir, F_DUPFD_CLOEXEC, 0));
  ListReader old(open_beneath(dir, list_name, O_RDONLY | O_NOFOLLOW));
  if (*known) static_cast<void>(old.boot());
  ListWriter list(open_beneath(dir, part_name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  if (auto begun = list.begin(args.boot); !begun) return pass(begun.error());
  Stager stager(std::move(staging), old, list, std::move(args.options), reporter);
  if (auto walked = archive::walk_tree(std::move(source), stager); !walked) return pass(walked.error());
  if (auto finished = stager.finish(); !finished) return pass(finished.error());
  // With the clock moved meanwhile nobody can say which stamps are certain: all is copied again, but not while the service
  // waits.
  constexpr std::int64_t a_second = 1000;
  if (std::abs(clock_offset() - offset) > a_second) {
    for (const char* name : {list_name, part_name}) ::unlinkat(again.get(), name, 0);
    if (hot)
      return fail(Exit::unavailable,
                  "the clock was set while the tree was copied, so nobody can say what changed meanwhile; try again");
  } else if (::renameat(again.get(), part_name, again.get(), list_name) != 0) {
    return fail_errno(Exit::io_error, errno, "the list of what is staged cannot be renamed");
  }
  const StageTotals& totals = stager.totals();
  Record record;
  record.kind = Record::Kind::result;
  std::size_t i = 0;
  for (const std::uint64_t value :
       {totals.bytes, totals.copied, totals.unchanged, reporter.incomplete(), totals.open_bytes, std::uint64_t{totals.shared}})
    record.number[i++] = static_cast<std::int64_t>(value);
  return record;
}

}  // namespace

int stage(std::span<const std::string> words, UniqueFd source, UniqueFd staging, int report) {
  archive::Reporter reporter(report);
  ::umask(0);
  const auto work = [&]() -> Result<> {
    auto args = parse(words);
    if (!args) return pass(args.error());
    const auto record = run(std::move(*args), std::move(source), std::move(staging), reporter);
    if (!record) return pass(record.error());
    reporter.send(*record);
    return {};
  };
  Result<> done;
  try {
    done = work();
  } catch (const std::bad_alloc&) {
    done = fail(Exit::unavailable, "there is not enough memory to copy this tree");
  }
  if (done) return to_status(Exit::done);
  reporter.failed(done.error());
  return to_status(done.error().exit);
}

int stage(std::span<const std::string> args) {
  UniqueFd source(::open(sandbox::source_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  UniqueFd staging(::open(sandbox::target_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!source || !staging) {
    archive::Reporter(sandbox::report_fd)
        .failed(fail_errno(Exit::io_error, errno, "the tree or its staging directory cannot be opened").value());
    return to_status(Exit::io_error);
  }
  return stage(args, std::move(source), std::move(staging), sandbox::report_fd);
}

}  // namespace backupctl::snapshot
