#include "client/session.h"

#include <unistd.h>

#include "client/ssh.h"

namespace backupctl::client {
namespace {

/// ssh's exit code for its own failures (ssh(1), EXIT STATUS). The gate never ends with it.
constexpr int ssh_failed = 255;

}  // namespace

Session::Session(Host host, Credentials credentials, std::string ssh, std::vector<std::string> environment, Signals& signals)
    : host_(std::move(host)),
      credentials_(std::move(credentials)),
      ssh_(std::move(ssh)),
      environment_(std::move(environment)),
      signals_(signals) {}

StepEnd Session::send(const Request& request, const std::string& label, bool finish, Sink* out) {
  const Program program{ssh_, ssh_arguments(host_, credentials_.key.path(), credentials_.proof, serialize(request)),
                        environment_};
  const std::string prefix = label.empty() ? std::string{} : fmt::format("[{}] ", label);
  Relay lines(STDOUT_FILENO, prefix);
  Relay err(STDERR_FILENO, prefix);
  const bool through_us = !prefix.empty() && !request.json;
  const Watch watch{ssh_deadline(request), finish};
  const auto ending = run_program(program, out != nullptr ? out : through_us ? &lines : nullptr, err, signals_, watch);
  if (!ending) {
    say(prefix + ending.error().sentence);
    return {to_status(ending.error().exit), true};
  }
  if (const auto warning = note_first_contact(credentials_.proof, host_)) say(fmt::format("{}warning: {}", prefix, *warning));
  switch (ending->why) {
    case Ending::Why::interrupted:
      say(fmt::format("{}ended by signal {} while {} ran", prefix, ending->status - 128, info(request.verb).word));
      return {ending->status};
    case Ending::Why::timed_out:
      say(fmt::format("{}{} was given up after {} s without an end: the host ends the step by itself, check with --status",
                      prefix, info(request.verb).word, watch.deadline.count()));
      return {to_status(Exit::timed_out)};
    case Ending::Why::killed:
      say(fmt::format("{}ssh was killed by signal {}, so it is unknown what the host did: check with --status", prefix,
                      ending->status - 128));
      return {to_status(Exit::unavailable), true};
    case Ending::Why::unwanted:
      return {to_status(Exit::io_error)};
    case Ending::Why::by_itself:
      break;
  }
  if (ending->status != ssh_failed) return {ending->status};
  say(prefix + explain_ssh_failure(err.tail(), host_));
  return {to_status(Exit::unavailable), true};
}

void say(std::string_view sentence) { Relay(STDERR_FILENO, {}).pass(fmt::format("backup-client: {}\n", sentence)); }

}  // namespace backupctl::client
