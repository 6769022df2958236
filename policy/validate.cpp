#include "policy/validate.h"

#include <algorithm>

#include "policy/read_source.h"

namespace backupctl::policy {
namespace {

/// The checks, each over all tables of its kind.
class References {
 public:
  References(const Policy& policy, const Node& root, Errors& errors) : policy_(policy), root_(root), errors_(errors) {}

  void services() {
    std::map<std::string, std::string> snapshots_on;  // remote → the volumes service that fills it
    for (const auto& [name, service] : policy_.services) {
      if (!service.controller.empty())
        need(policy_.controllers, service.controller, "controller", {"service", name, "controller"});
      remotes("service", name, service.remotes);
      if (service.source == SourceKind::bucket) bucket(service);
      if (service.source == SourceKind::volumes) volumes(service, snapshots_on);
    }
  }

  void extra_targets() {
    for (const auto& [name, target] : policy_.extra_targets) remotes("extra_target", name, target.remotes);
  }

  void clients() {
    for (const auto& [name, client] : policy_.clients)
      for (const std::string& service : client.services)
        if (service != "*" && !policy_.services.contains(service) && !policy_.extra_targets.contains(service))
          add_item({"client", name, "services"}, service, fmt::format("there is no service or extra target \"{}\"", service));
  }

  void recoveries() {
    constexpr std::string_view start = "start:";
    for (const auto& [name, recovery] : policy_.recoveries)
      for (const std::string& step : recovery.steps) {
        const std::string controller = step.starts_with(start) ? step.substr(start.size()) : "";
        if (!controller.empty() && !policy_.controllers.contains(controller))
          add_item({"recovery", name, "steps"}, step, fmt::format("there is no controller \"{}\"", controller));
        if (controller.empty() && !policy_.services.contains(step))
          add_item({"recovery", name, "steps"}, step, fmt::format("there is no service \"{}\"", step));
      }
  }

 private:
  using Keys = std::initializer_list<std::string_view>;

  void add(Keys keys, std::string_view sentence) {
    errors_.add(place_of(root_, keys), fmt::format("{}: {}", fmt::join(keys, "."), sentence));
  }

  /// At one item of the list that `keys` name.
  void add_item(Keys keys, const std::string& item, std::string_view sentence) {
    const Node* node = &root_;
    for (const std::string_view key : keys)
      if (node != nullptr) node = node->find(key);
    const Place place = node == nullptr ? place_of(root_, keys) : place_of(*node, {item});
    errors_.add(place, fmt::format("{}: {}", fmt::join(keys, "."), sentence));
  }

  template <class Tables>
  void need(const Tables& tables, const std::string& name, std::string_view kind, Keys keys) {
    if (!tables.contains(name)) add(keys, fmt::format("there is no {} \"{}\"", kind, name));
  }

  void remotes(std::string_view section, const std::string& name, const std::vector<std::string>& remotes) {
    for (const std::string& remote : remotes)
      if (!policy_.remotes.contains(remote))
        add_item({section, name, "remotes"}, remote, fmt::format("there is no remote \"{}\"", remote));
  }

  void bucket(const Service& service) {
    const std::string& remote = service.bucket.remote;
    if (remote.empty()) return;
    const Keys keys = {"service", service.name, "bucket", "remote"};
    need(policy_.remotes, remote, "remote", keys);
    if (std::ranges::find(service.remotes, remote) != service.remotes.end())
      add(keys, fmt::format("a bucket cannot be backed up into itself, and remotes names \"{}\" too", remote));
    if (const auto found = policy_.remotes.find(remote); found != policy_.remotes.end() && !found->second.directory.empty())
      add(keys, fmt::format("\"{}\" is a directory of this host; back it up as a tree, with path", remote));
    if (const auto found = policy_.remotes.find(remote); found != policy_.remotes.end() && !found->second.env_file.empty())
      add(keys, fmt::format("\"{}\" has an env_file; a bucket to be backed up needs a section of rclone.conf", remote));
    // The account of an env_file is set for every Azure of that one rclone, the bucket's too.
    for (const std::string& to : service.remotes)
      if (const auto found = policy_.remotes.find(to); found != policy_.remotes.end() && !found->second.env_file.empty())
        add(keys,
            fmt::format("a bucket cannot be backed up to \"{}\", which has an env_file; give it a section of rclone.conf", to));
  }

  void volumes(const Service& service, std::map<std::string, std::string>& snapshots_on) {
    for (const std::string& remote : service.remotes) {
      const auto [owner, first] = snapshots_on.emplace(remote, service.name);
      if (!first)
        add({"service", service.name, "remotes"}, fmt::format("the snapshots of service \"{}\" lie in the root of \"{}\" "
                                                              "already; each volumes service needs a remote of its own",
                                                              owner->second, remote));
      if (remote == local_snapshots)
        add({"service", service.name, "remotes"}, "a remote of volumes cannot be called \"local\"");
    }
    for (const auto& [place, number] : service.keep_snapshots)
      if (place != local_snapshots && std::ranges::find(service.remotes, place) == service.remotes.end())
        add({"service", service.name, "keep_snapshots", place}, "is neither \"local\" nor one of the service's remotes");
  }

  const Policy& policy_;
  const Node& root_;
  Errors& errors_;
};

}  // namespace

void validate(const Policy& policy, const Node& root, Errors& errors) {
  References references(policy, root, errors);
  references.services();
  references.extra_targets();
  references.clients();
  references.recoveries();
  validate_trees(policy, root, errors);
}

}  // namespace backupctl::policy
