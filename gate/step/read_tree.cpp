#include "gate/step/read_tree.h"

#include "common/escape.h"
#include "gate/monitor/job.h"
#include "gate/sandbox/helper.h"
#include "gate/step/tree.h"
#include "gate/step/worker.h"

namespace backupctl::step {
namespace {

/// Record::not_read, number[0].
constexpr std::string_view reasons[] = {"", "unreadable", "changed while it was read", "vanished while it was read",
                                        "special file, not read", "mount point, not read"};
constexpr std::int64_t special_file = 4;
constexpr std::size_t lines_shown = 20;

std::string reason(const Record& record) {
  const auto number = static_cast<std::size_t>(record.number[0]);
  return fmt::format("{}: {}", number < std::size(reasons) ? reasons[number] : "not read", escape_line(record.view(), 512));
}

/// @param args  the reader's arguments that say what to write
Result<TreeRead> run_reader(Context& context, std::vector<std::string> args, const std::string& path, const std::vector<std::string>& exclude, bool hot, int tree_fd,
                            state::Spool& spool) {
  auto worker = Worker::hire(context, sandbox::RoleName::reader);
  if (!worker) return pass(worker.error());
  if (auto given = spool.give_to(worker->uid()); !given) return pass(given.error());
  if (auto shown = worker->show_tree(tree_fd, path, sandbox::source_dir, false); !shown) return pass(shown.error());
  if (auto shown = worker->show_directory(spool.path(), sandbox::spool_dir, true); !shown) return pass(shown.error());
  if (worker->fell_back())
    context.output.note("the tree's file system does not map owners: it is read with a capability of the host, behind the other layers", true);
  if (hot) args.emplace_back("--hot");
  for (const std::string& glob : exclude) args.insert(args.end(), {"--exclude", glob});
  auto child = start_helper(*worker, "backupctl-reader", args, -1, -1);
  if (!child) return pass(child.error());

  TreeRead read;
  std::size_t shown = 0;
  monitor::Job job(context.session);
  const std::size_t place = job.add(std::move(*child), [&](const Record& record) {
    if (record.kind == Record::Kind::entry) read.files_digest = record.digest, read.files = record.number[1];
    if (record.kind != Record::Kind::not_read) return record.kind == Record::Kind::entry;
    if (record.number[0] != special_file && read.first_fault.empty()) read.first_fault = reason(record);
    if (shown++ < lines_shown) context.output.note(reason(record), record.number[0] != special_file);
    return true;
  });
  if (auto done = job.run(); !done) return pass(done.error());
  const monitor::Ending& ending = job.ending(place);
  if (ending.status != 0 || !ending.result) return fail(Exit::bug, "the reader ended with {} and without a result; nothing was sent", ending.status);
  if (shown > lines_shown) context.output.note(fmt::format("{} more files like these", shown - lines_shown), true);
  const Record& result = *ending.result;
  read.archive_bytes = result.number[0];
  read.members = result.number[1];
  read.source_bytes = result.number[2];
  read.faults = result.number[3];
  read.file_bytes = result.number[7];
  read.digest = result.digest;
  for (const std::string& mount : missed_mounts(path, exclude)) {
    context.output.note(fmt::format("mount point, not read: {}", mount), true);
    if (read.first_fault.empty()) read.first_fault = "mount point, not read: " + mount;
    ++read.faults;
  }
  if (auto back = spool.take_back(); !back) return pass(back.error());
  return read;
}

}  // namespace

Result<TreeRead> read_tree(Context& context, const policy::Service& service, int tree_fd, state::Spool& spool) {
  return run_reader(context, {"--format", service.format == policy::ArchiveFormat::tar_gz ? "tar.gz" : "tar.zst"}, service.path, service.exclude,
                    service.consistency == policy::Consistency::hot, tree_fd, spool);
}

Result<TreeRead> list_tree(Context& context, const std::string& path, const std::vector<std::string>& exclude, bool hot, int tree_fd, state::Spool& spool) {
  return run_reader(context, {"--list-only"}, path, exclude, hot, tree_fd, spool);
}

}  // namespace backupctl::step
