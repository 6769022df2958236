#include "gate/step/retention.h"

#include <time.h>

#include <algorithm>

#include "gate/journal/journal.h"
#include "gate/state/history.h"
#include "gate/state/memory.h"
#include "gate/step/commit.h"
#include "policy/clock.h"
#include "policy/retention.h"

namespace backupctl::step {
namespace {

/// The service's archives that have a manifest at all. What lacks one is reported.
std::vector<std::string> with_manifest(Context& context, const std::string& service, const std::vector<Entry>& entries) {
  std::vector<std::string> found;
  for (const Entry& entry : entries) {
    const auto name = policy::parse_archive_name(entry.name);
    if (entry.directory || !name || name->service != service) continue;
    if (find(entries, entry.name + std::string(manifest_ending)) != nullptr) {
      found.push_back(entry.name);
    } else {
      context.output.note(fmt::format("{} has no manifest: it is neither counted nor deleted", entry.name), true);
    }
  }
  return found;
}

/// Rule 3: archives whose manifest is present, signed by a trusted key, complete, and matches. All others are reported.
Result<std::vector<std::string>> candidates(Context& context, RemoteFiles& remote, const std::string& service,
                                            const std::vector<Entry>& entries, const std::string& keys) {
  std::vector<std::string> found;
  for (const Entry& entry : entries) {
    const auto name = policy::parse_archive_name(entry.name);
    const std::string manifest = entry.name + std::string(manifest_ending);
    if (entry.directory || !name || name->service != service || find(entries, manifest) == nullptr) continue;
    const auto checked = remote.check_manifest(remote.layout().archive(service, manifest), service, entry.name, keys);
    if (!checked && checked.error().exit != Exit::bad_data) return pass(checked.error());
    if (checked && checked->number[2] == 1 && checked->number[0] == entry.size) {
      found.push_back(entry.name);
      continue;
    }
    context.output.note(fmt::format("{} does not fit its manifest ({}): it is neither counted nor deleted", entry.name,
                                    checked ? "size or status" : checked.error().sentence),
                        true);
  }
  return found;
}

/// Manifest first: from then on what is left of the archive is no backup (D1). @param entries  of its folder
Result<> remove_archive(RemoteFiles& remote, const std::string& service, const std::vector<Entry>& entries,
                        const std::string& archive) {
  for (const std::string_view ending : {manifest_ending, std::string_view(), checksum_ending, globals_ending}) {
    const std::string name = archive + std::string(ending);
    if (find(entries, name) == nullptr) continue;
    if (auto removed = remote.remove(remote.layout().archive(service, name)); !removed) return removed;
  }
  return {};
}

/// It is not missed there any more.
void forget_committed(Context& context, const std::string& service, const std::string& remote, const std::string& archive) {
  const auto name = policy::parse_archive_name(archive);
  const auto kept = state::change_memory(context.state, service, [&](state::Memory& memory) {
    for (state::Memory::Archive& one : memory.archives)
      if (name && one.date == name->date) one.remotes.erase(remote);
  });
  if (!kept) context.output.note(kept.error().sentence, true);
}

/// Whether it is what an earlier run of ours left unfinished: an upload that was never verified, or an incomplete or
/// suspicious archive, now that one is there that counts; or the roles of a dump that never came.
bool is_leftover(const std::string& service, const std::vector<Entry>& entries, const Entry& entry) {
  std::string_view name_only = entry.name;
  // "….tar.gz.incomplete.partial" is one of ours as well.
  const auto strip = [&] {
    for (const std::string_view ending : {partial_ending, incomplete_ending, suspicious_ending})
      if (name_only.ends_with(ending)) name_only.remove_suffix(ending.size());
  };
  strip();
  const bool unfinished = name_only.size() != entry.name.size();
  const bool roles = name_only.ends_with(globals_ending);
  if (roles) name_only.remove_suffix(globals_ending.size());
  if (entry.directory || (!unfinished && (!roles || find(entries, name_only) != nullptr))) return false;
  strip();
  const auto name = policy::parse_archive_name(name_only);
  return name && name->service == service;
}

Result<> sweep(Context& context, RemoteFiles& remote, const std::string& service, const std::vector<Entry>& entries) {
  for (const Entry& entry : entries) {
    if (!is_leftover(service, entries, entry)) continue;
    context.output.step(fmt::format("removing the unfinished {}", entry.name));
    if (auto removed = remove_archive(remote, service, entries, entry.name); !removed) return removed;
  }
  return {};
}

}  // namespace

Result<> check_clock(Context& context, const std::string& service, CivilDate today) {
  state::History history;
  if (!service.empty()) {
    auto read = state::read_history(context.state, service);
    if (!read) return pass(read.error());
    history = *read;
  }
  const auto fault = policy::clock_fault(today, history.newest_committed);
  if (!fault) return {};
  // Nothing that this host remembers can make that one right.
  const bool certain = policy::clock_fault(today, {}).has_value();
  return fail(Exit::bad_config, "the clock shows {}, {}: nothing was sent and nothing was deleted; set this host's clock{}",
              format_date(today), *fault,
              certain ? ""
                      : fmt::format(", or, if it is right, remove {} and every archive of a later date",
                                    context.state.at("history/" + service)));
}

Result<> note_committed(Context& context, const policy::Service& service, const std::string& remote, CivilDate date,
                        std::int64_t bytes, std::int64_t when) {
  const auto kept = state::change_memory(context.state, service.name, [&](state::Memory& memory) {
    state::remember_archive(memory, {date, when, bytes, {remote}});
    memory.first_committed = std::min(memory.first_committed.value_or(date), date);
  });
  if (!kept) context.output.note(kept.error().sentence, true);
  auto history = state::read_history(context.state, service.name);
  if (!history) return pass(history.error());
  if (history->newest_committed && *history->newest_committed >= date) return {};
  history->newest_committed = date;
  return state::write_history(context.state, service.name, *history);
}

Result<std::int64_t> prune(Context& context, RemoteFiles& remote, const policy::Plan& plan, CivilDate today,
                           const std::string& keys, std::vector<Entry> before, const std::string& committed) {
  const policy::Service& service = *plan.service;
  auto history = state::read_history(context.state, service.name);
  if (!history) return pass(history.error());
  const auto judge = [&](const std::vector<std::string>& names) {
    return policy::retain(names, {.today = today,
                                  .keep = plan.keep,
                                  .keep_last = plan.keep_last,
                                  .service = service.name,
                                  .newest_committed = history->newest_committed});
  };
  for (const std::string& name : {committed, committed + std::string(manifest_ending)})
    if (find(before, name) == nullptr) before.push_back({name, 0, 0, false, {}});
  Result<std::vector<std::string>> names = with_manifest(context, service.name, before);
  auto verdicts = judge(*names);
  if (!verdicts) return pass(verdicts.error());
  // An archive that does not count can only make others stay: where nothing goes although all are taken to count, nothing goes,
  // and a service that stands still meanwhile need not wait until every manifest was read.
  const bool sweeps =
      std::any_of(before.begin(), before.end(), [&](const Entry& entry) { return is_leftover(service.name, before, entry); });
  if (sweeps || !policy::deletions(*verdicts, 1).empty()) {
    auto entries = remote.list(remote.layout().archives(service.name));
    if (!entries) return pass(entries.error());
    before = std::move(*entries);
    if (auto swept = sweep(context, remote, service.name, before); !swept) return pass(swept.error());
    names = candidates(context, remote, service.name, before, keys);
    if (!names) return pass(names.error());
    verdicts = judge(*names);
    if (!verdicts) return pass(verdicts.error());
  }
  for (std::size_t i = 0; i < names->size(); ++i)
    if ((*verdicts)[i].warn) context.output.note(fmt::format("{}: {}", (*names)[i], (*verdicts)[i].reason), true);
  if (history->deleted_on != today) history->deleted_on = today, history->deleted = 0;
  const std::uint32_t room = service.retention.max_delete - std::min(service.retention.max_delete, history->deleted);
  std::int64_t deleted = 0;
  for (const std::size_t i : policy::deletions(*verdicts, room)) {
    const std::string& name = (*names)[i];
    // Counted and journalled before it is done (X9): a crash may count one too many, never one too few.
    ++history->deleted;
    if (auto counted = state::write_history(context.state, service.name, *history); !counted) return pass(counted.error());
    const auto said = journal::append(
        context.state,
        {"delete",
         {{"service", service.name}, {"remote", remote.remote().name}, {"archive", name}, {"reason", (*verdicts)[i].reason}}},
        journal::Durability::now);
    if (!said) return pass(said.error());
    context.output.step(fmt::format("deleting {} from {}: {}", name, remote.remote().name, (*verdicts)[i].reason));
    if (auto removed = remove_archive(remote, service.name, before, name); !removed) return pass(removed.error());
    forget_committed(context, service.name, remote.remote().name, name);
    ++deleted;
  }
  return deleted;
}

}  // namespace backupctl::step
