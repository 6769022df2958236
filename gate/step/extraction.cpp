#include "gate/step/extraction.h"

#include "common/escape.h"
#include "gate/monitor/job.h"
#include "gate/sandbox/helper.h"
#include "gate/step/worker.h"

namespace backupctl::step {

Result<Record> run_extractor(Context& context, Extraction what) {
  auto worker = Worker::hire(context, sandbox::RoleName::extractor);
  if (!worker) return pass(worker.error());
  const bool writes = what.target >= 0;
  if (!writes) what.args.emplace_back("--verify-only");
  if (what.mirror >= 0)
    if (auto shown = worker->show_as_root(what.mirror, "the fetched mirror", sandbox::mirror_dir, false); !shown)
      return pass(shown.error());
  if (writes)
    if (auto shown = worker->show_tree(what.target, what.to, sandbox::target_dir, true); !shown) return pass(shown.error());
  auto child = start_helper(*worker, "backupctl-extractor", what.args, what.in, -1);
  if (!child) return pass(child.error());
  monitor::Job job(context.session);
  const std::size_t place = job.add(std::move(*child), [&](const Record& record) {
    if (record.kind != Record::Kind::not_read) return false;
    context.output.note(fmt::format("{}: {}", writes ? "not restored" : "not as it was", escape_line(record.view(), 512)),
                        true);
    return true;
  });
  if (auto done = job.run(); !done) return pass(done.error());
  const monitor::Ending& ending = job.ending(place);
  if (ending.status != 0 || !ending.result)
    return fail(Exit::bug, "the extractor ended with {} and without a result", ending.status);
  return *ending.result;
}

}  // namespace backupctl::step
