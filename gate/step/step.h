#pragma once

#include <string>
#include <vector>

#include "gate/step/context.h"

namespace backupctl::step {

/// What a step did, in words and figures.
struct Report {
  std::string text;  ///< "stopped 2 containers"; empty: the step printed what there is to say
  std::vector<monitor::Field> fields;
  Exit exit = Exit::done;  ///< or Exit::skipped
};

/// The steps, one file each. Every Error leaves service and remote as its sentence says.
Result<Report> stop(Context& context, const policy::Plan& plan);
Result<Report> start(Context& context, const policy::Plan& plan);
Result<Report> sync(Context& context, const policy::Plan& plan);
Result<Report> archive(Context& context, const policy::Plan& plan);
Result<Report> snapshot(Context& context, const policy::Plan& plan);
Result<Report> backup(Context& context, const policy::Plan& plan);
Result<Report> backup_volumes(Context& context, const policy::Plan& plan);
Result<Report> backup_bucket(Context& context, const policy::Plan& plan);
Result<Report> verify_bucket(Context& context, const policy::Plan& plan);
Result<Report> verify_snapshot(Context& context, const policy::Plan& plan);
Result<Report> verify_stored(Context& context, const policy::Plan& plan);
Result<Report> export_snapshot(Context& context, const policy::Plan& plan);
Result<Report> status(Context& context, const policy::Plan& plan);
Result<Report> list(Context& context, const policy::Plan& plan);
Result<Report> version(Context& context, const policy::Plan& plan);

}  // namespace backupctl::step
