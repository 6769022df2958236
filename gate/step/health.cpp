#include "gate/step/health.h"

#include <set>

#include "common/escape.h"
#include "gate/monitor/job.h"
#include "gate/step/runner.h"
#include "gate/step/worker.h"

namespace backupctl::step {
namespace {

constexpr auto between = std::chrono::seconds(1);

struct Place {
  std::string host, port;
  bool is_address;  ///< needs no name service
};

/// Of a URL that the policy's form has let through (policy/values.cpp).
Place place_of(const std::string& url) {
  const bool tls = url.starts_with("https://");
  std::string rest = url.substr(url.find("://") + 3);
  rest = rest.substr(0, rest.find_first_of("/?#"));
  if (rest.starts_with('[')) return {"", "", true};
  const std::size_t colon = rest.find(':');
  Place place{rest.substr(0, colon), colon == std::string::npos ? (tls ? "443" : "80") : rest.substr(colon + 1), false};
  place.is_address = place.host.find_first_not_of("0123456789.") == std::string::npos;
  return place;
}

/// What CURLOPT_RESOLVE takes. getent as a process, so that neither the monitor nor the prober loads a name-service module.
Result<std::string> resolve(Context& context, const std::string& url) {
  const Place place = place_of(url);
  if (place.is_address) return std::string();
  const auto run = controller_runner(context.session);
  const auto answer = run({"/usr/bin/getent", "--", "ahosts", place.host}, policy::Seconds{10});
  if (!answer) return pass(answer.error());
  std::string addresses;
  std::set<std::string> seen;
  for (std::string_view rest = answer->out; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    const std::string address(line.substr(0, line.find(' ')));
    const bool plain = !address.empty() && address.find_first_not_of("0123456789abcdef.:") == std::string::npos;
    if (plain && seen.insert(address).second) addresses += (addresses.empty() ? "" : ",") + address;
  }
  if (addresses.empty()) return fail(Exit::unavailable, "the name {} leads to no address", place.host);
  return fmt::format("{}:{}:{}", place.host, place.port, addresses);
}

/// Asks once. @return what is wrong; empty when healthy
Result<std::string> ask(Context& context, const policy::Health& health, const std::string& resolved) {
  auto worker = Worker::hire(context, sandbox::RoleName::prober);
  if (!worker) return pass(worker.error());
  for (const char* file : {"/etc/ssl/certs/ca-certificates.crt", "/dev/null"})
    if (auto shown = worker->show_file(file, false, std::string_view(file).starts_with("/dev")); !shown)
      return pass(shown.error());
  std::vector<std::string> args = {health.url, resolved};
  for (const auto& [key, value] : health.json) args.push_back(fmt::format("{}={}", key, value));
  auto child = start_helper(*worker, "backupctl-prober", args, -1, -1);
  if (!child) return pass(child.error());
  monitor::Job job(context.session);
  const std::size_t at = job.add(std::move(*child), {});
  if (auto done = job.run(); !done) return pass(done.error());
  const monitor::Ending& ending = job.ending(at);
  if (ending.status != 0 || !ending.result)
    return fail(Exit::bug, "the prober ended with {} and without a result", ending.status);
  if (ending.result->number[1] == 1) return std::string();
  return escape_line(ending.result->view(), 300);
}

}  // namespace

Result<std::optional<double>> wait_healthy(Context& context, const policy::Service& service) {
  if (!service.health) return std::optional<double>{};
  const policy::Health& health = *service.health;
  context.output.step(fmt::format("asking {} for its health", service.name));
  const auto began = monitor::Clock::now();
  std::string wrong;
  for (;;) {
    const auto resolved = resolve(context, health.url);
    if (!resolved && context.session.over()) return pass(resolved.error());
    const auto answer = resolved ? ask(context, health, *resolved) : Result<std::string>(resolved.error().sentence);
    if (!answer) return pass(answer.error());
    const double seconds = std::chrono::duration<double>(monitor::Clock::now() - began).count();
    if (answer->empty()) return std::optional(seconds);
    wrong = *answer;
    if (seconds >= static_cast<double>(health.within.count())) break;
    if (auto waited = context.session.wait({}, monitor::Clock::now() + between); !waited) return pass(waited.error());
  }
  return fail(Exit::unavailable, "unhealthy: {} runs, but {} did not answer as it should within {} s ({}); look at its logs",
              service.name, health.url, health.within.count(), wrong);
}

void add_health(std::vector<monitor::Field>& fields, const std::optional<double>& seconds) {
  if (seconds) fields.push_back(monitor::seconds_field("healthy-after", *seconds));
}

}  // namespace backupctl::step
