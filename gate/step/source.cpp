#include "gate/step/source.h"

#include "gate/snapshot/staged_list.h"
#include "gate/step/snapshot.h"
#include "gate/step/tree.h"

namespace backupctl::step {

Result<Source> open_source(Context& context, const policy::Service& service) {
  Source source;
  if (service.source != policy::SourceKind::tree) return source;  // a server, which is asked when it is needed
  source.path = service.path;
  if (service.consistency == policy::Consistency::snapshot) {
    source.path = fmt::format("{}/snapshot/{}", service.staging, snapshot::tree_name);
    source.snapshot = context.taken ? context.taken : young_snapshot(service);
    if (!source.snapshot) {
      auto taken = take_snapshot(context, service);
      if (!taken) return pass(taken.error());
      source.snapshot = std::move(*taken);
    }
  }
  auto tree = source.snapshot ? open_snapshot(staged_tree(service)) : open_tree_root(source.path);
  if (!tree) return pass(tree.error());
  source.tree = std::move(*tree);
  if (!source.snapshot) {
    auto rest = AtRest::check(context, service);
    if (!rest) return pass(rest.error());
    source.rest = *rest;
  }
  auto databases = SqliteCopies::make(context, service, source.tree.get());
  if (!databases) return pass(databases.error());
  source.databases = std::move(*databases);
  return source;
}

std::vector<std::string> Source::excludes(const std::vector<std::string>& policys) const {
  std::vector<std::string> all = policys;
  all.insert(all.end(), databases.excludes().begin(), databases.excludes().end());
  return all;
}

Result<> Source::still(Context& context) const {
  auto resting = rest.still(context);
  return resting ? databases.still(tree.get()) : resting;
}

void add_snapshot(TreeRead& read, const Source& source) {
  if (!source.snapshot) return;
  read.downtime = source.snapshot->downtime;
  if (source.faults() == 0) return;
  read.faults += source.faults();
  read.first_fault = source.snapshot->first_fault;
}

}  // namespace backupctl::step
