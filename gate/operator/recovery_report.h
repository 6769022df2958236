#pragma once

#include <string>

#include "gate/state/recovery.h"
#include "gate/step/context.h"

namespace backupctl::operate {

/// What became of each step, what it took and what the last drill took, a line each.
std::string report_lines(step::Context& context, const state::Recovery& progress);

/// The same as a signed record, `state_dir/recoveries/PLAN-YYYYMMDDTHHMMSSZ.json`, laid out and checked as a drill's
/// (gate/step/drill.h). Its members: schema, kind "recovery", plan, host, when, begun, steps (a list of step, result, seconds,
/// drill_seconds or null, text), result "recovered" or "failed", journal_head. @return its path. Error: Exit::io_error, …
Result<std::string> write_report(step::Context& context, const state::Recovery& progress);

/// "2026-03-29 02:00", in the policy's zone.
std::string moment(const policy::Policy& policy, std::int64_t unix_seconds);

}  // namespace backupctl::operate
