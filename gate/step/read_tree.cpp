#include "gate/step/read_tree.h"

#include "gate/monitor/job.h"
#include "gate/sandbox/helper.h"
#include "gate/step/fault_lines.h"
#include "gate/step/tree.h"

namespace backupctl::step {
namespace {

/// @param args  the reader's arguments that say what to write
Result<TreeRead> run_reader(Context& context, std::vector<std::string> args, const std::string& path,
                            const std::vector<std::string>& exclude, bool hot, int tree_fd, const std::vector<Instead>& instead,
                            state::Spool& spool) {
  auto worker = Worker::hire(context, sandbox::RoleName::reader);
  if (!worker) return pass(worker.error());
  if (auto given = spool.give_to(worker->uid()); !given) return pass(given.error());
  if (auto shown = worker->show_tree(tree_fd, path, sandbox::source_dir, false, instead); !shown) return pass(shown.error());
  if (auto shown = worker->show_directory(spool.path(), sandbox::spool_dir, true); !shown) return pass(shown.error());
  if (worker->fell_back())
    context.output.note(
        "the tree's file system does not map owners: it is read with a capability of the host, behind the other layers", true);
  if (hot) args.emplace_back("--hot");
  for (const std::string& glob : exclude) args.insert(args.end(), {"--exclude", glob});
  for (const Instead& file : instead) args.insert(args.end(), {"--covered", file.path});
  auto child = start_helper(*worker, "backupctl-reader", args, -1, -1);
  if (!child) return pass(child.error());

  TreeRead read;
  FaultLines faults(context.output);
  monitor::Job job(context.session);
  const std::size_t place = job.add(std::move(*child), [&](const Record& record) {
    if (record.kind == Record::Kind::entry) read.files_digest = record.digest, read.files = record.number[1];
    return faults.take(record) || record.kind == Record::Kind::entry;
  });
  if (auto done = job.run(); !done) return pass(done.error());
  const monitor::Ending& ending = job.ending(place);
  if (ending.status != 0 || !ending.result)
    return fail(Exit::bug, "the reader ended with {} and without a result; nothing was sent", ending.status);
  faults.finish();
  read.first_fault = faults.first();
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

Result<TreeRead> read_tree(Context& context, const policy::Service& service, const std::string& path,
                           const std::vector<std::string>& exclude, int tree_fd, const std::vector<Instead>& instead,
                           state::Spool& spool) {
  return run_reader(context, {"--format", service.format == policy::ArchiveFormat::tar_gz ? "tar.gz" : "tar.zst"}, path,
                    exclude, service.consistency == policy::Consistency::hot, tree_fd, instead, spool);
}

Result<TreeRead> list_tree(Context& context, const std::string& path, const std::vector<std::string>& exclude, bool hot,
                           int tree_fd, const std::vector<Instead>& instead, state::Spool& spool) {
  return run_reader(context, {"--list-only"}, path, exclude, hot, tree_fd, instead, spool);
}

}  // namespace backupctl::step
