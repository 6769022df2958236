#include "gate/step/remember.h"

#include <time.h>

#include <algorithm>

#include "gate/state/memory.h"

namespace backupctl::step {
namespace {

constexpr Verb remembered[] = {Verb::stop,    Verb::snapshot,   Verb::start,  Verb::sync,
                               Verb::archive, Verb::sync_extra, Verb::backup, Verb::verify};

}  // namespace

void remember_run(Context& context, const policy::Plan& plan, Exit exit) {
  if (std::find(std::begin(remembered), std::end(remembered), plan.verb) == std::end(remembered)) return;
  remember_run(context, plan.target != nullptr ? plan.target->name + ".target" : plan.service->name,
               std::string(info(plan.verb).word.substr(2)), exit);
}

void remember_run(Context& context, const std::string& service, const std::string& verb, Exit exit) {
  if (context.gives_way && context.session.over()) return;  // broken off for a backup: nothing was found out
  const std::int64_t now = ::time(nullptr);
  const auto kept = state::change_memory(context.state, service, [&](state::Memory& memory) {
    memory.last[verb] = {now, to_status(exit)};
    if (state::ended_well(to_status(exit))) memory.good[verb] = now;
  });
  if (!kept) context.output.note(kept.error().sentence, true);
}

void remember_rehearsal(Context& context, const std::string& service, double seconds) {
  const auto kept = state::change_memory(context.state, service, [&](state::Memory& memory) { memory.rehearsed = seconds; });
  if (!kept) context.output.note(kept.error().sentence, true);
}

}  // namespace backupctl::step
