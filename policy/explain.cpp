#include "policy/explain.h"

#include <fmt/format.h>

#include "common/escape.h"

namespace backupctl::policy {
namespace {

void line(std::string& text, std::string_view head, std::string_view content) {
  text += fmt::format("{:<9} {}\n", head, content);
}

/// Where something of a service or target lies on a remote (policy.md, "On the remote").
std::string place_on(const Remote& remote, std::string_view folder) {
  const std::string root = remote.root.ends_with('/') ? remote.root : remote.root + "/";
  return remote.directory.empty() ? fmt::format("{}:{}{}", remote.name, root, folder)
                                  : fmt::format("{}{}{}{}", remote.directory, root.starts_with('/') ? "" : "/", root, folder);
}

constexpr std::string_view source_words[] = {"the tree", "the volumes", "the database", "the redis data", "the bucket"};
constexpr std::string_view consistency_words[] = {"cold", "snapshot", "hot"};

std::string source_of(const Plan& plan) {
  if (plan.target != nullptr) return "the tree " + plan.target->path;
  const Service& service = *plan.service;
  const std::string_view word = source_words[static_cast<std::size_t>(service.source)];
  switch (service.source) {
    case SourceKind::tree:
      return fmt::format("{} {}", word, service.path);
    case SourceKind::volumes:
      return fmt::format("{} {}", word, fmt::join(service.volumes, ", "));
    case SourceKind::postgres:
      return fmt::format("{} {}", word, service.postgres.database);
    case SourceKind::redis:
      return fmt::format("{} of {}:{}", word, service.redis.host, service.redis.port);
    case SourceKind::bucket:
      return fmt::format("{} {}", word, service.bucket.remote);
  }
  return {};
}

std::string controller_of(const Service& service) {
  if (service.controller.empty()) return "no controller";
  return "controller " + service.controller;
}

/// What a verb does, in words, and what it leaves on a remote ("" nothing; {0} the name).
struct VerbWords {
  std::string_view does;    ///< {0} the source, {1} the controller, {2} the consistency, {3} the name
  std::string_view folder;  ///< {0} the name
  bool prunes = false;
};
constexpr VerbWords words[verb_count] = {
    {"stops {3} with {1} (consistency {2})", ""},
    {"starts {3} with {1}", ""},
    {"mirrors {0}", "{0}/data/"},
    {"archives {0}, unless there is a valid archive of today", "{0}/archives/", true},
    {"mirrors {0}", "extra/{0}/"},
    {"stops {3} with {1}, takes a snapshot of {0}, starts it again", ""},
    {"backs up {0} (consistency {2}, {1})", "{0}/", true},
    {"verifies a backup of {0} against its manifest", "{0}/"},
    {"writes a snapshot of {0} to standard output", ""},
    {"says how {3} is", ""},
    {"lists the backups of {3}", ""},
    {"says which version this is", ""},
};

void describe_plan(std::string& text, const Plan& plan) {
  const VerbWords& verb = words[static_cast<std::size_t>(plan.verb)];
  if (plan.service == nullptr && plan.target == nullptr) {
    line(text, "does", fmt::format(fmt::runtime(verb.does), "", "", "", "all that this client may use"));
    return;
  }
  const std::string& name = plan.service != nullptr ? plan.service->name : plan.target->name;
  const bool is_service = plan.service != nullptr;
  line(text, "does",
       fmt::format(fmt::runtime(verb.does), source_of(plan), is_service ? controller_of(*plan.service) : "no controller",
                   consistency_words[static_cast<std::size_t>(is_service ? plan.service->consistency : Consistency::hot)],
                   name));
  if (!verb.folder.empty())
    for (const Remote* remote : plan.remotes)
      line(text, "where", place_on(*remote, fmt::format(fmt::runtime(verb.folder), name)));
  if (verb.prunes && is_service && plan.service->source == SourceKind::volumes) {
    for (const auto& [place, number] : plan.service->keep_snapshots)
      line(text, "keeps", fmt::format("{} snapshots on {}", number, place));
  } else if (verb.prunes) {
    line(text, "keeps",
         fmt::format("daily {}, weekly {}, monthly {}, and the newest {}", plan.keep.daily, plan.keep.weekly, plan.keep.monthly,
                     plan.keep_last));
  }
  line(text, "timeout", fmt::format("{} s, queueing included", plan.timeout.count()));
}

}  // namespace

std::string explain(const Policy& policy, std::string_view request, const Caller& caller) {
  std::string text;
  line(text, "request", escape_line(request));
  const auto parsed = parse_request(request);
  if (!parsed) {
    const RefusalInfo& refusal = info(parsed.error());
    line(text, "outcome", fmt::format("refused [{}], exit {}: {}", refusal.word, to_status(refusal.exit), refusal.sentence));
    return text;
  }
  line(text, "parsed", serialize(*parsed));
  std::vector<Judged> trace;
  const Decision decision = decide(policy, *parsed, caller, &trace);
  for (const Judged& judged : trace)
    line(text, judged.check, fmt::format("{}: {}", judged.passed ? "passed" : "refused", judged.rule));
  if (!decision) {
    const RefusalInfo& refusal = info(decision.error().code);
    line(text, "outcome", fmt::format("refused [{}], exit {}: {}", refusal.word, to_status(refusal.exit), refusal.sentence));
    return text;
  }
  line(text, "outcome", "allowed");
  describe_plan(text, *decision);
  return text;
}

}  // namespace backupctl::policy
