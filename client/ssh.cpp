#include "client/ssh.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace backupctl::client {
namespace {

using std::chrono::seconds;

/// Where programs are when PATH is unset.
constexpr std::string_view usual_path = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";

constexpr seconds connect_timeout{20};
constexpr seconds clean_end{70};  // for the gate to end its step and start the service again
constexpr seconds quick{60};
constexpr seconds day{86'400};

/// Options of ssh_config(5), the same for every request.
constexpr std::array<std::string_view, 16> options = {
    "BatchMode=yes",
    "IdentitiesOnly=yes",
    "IdentityAgent=none",
    "PreferredAuthentications=publickey",
    "PasswordAuthentication=no",
    "KbdInteractiveAuthentication=no",
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "EscapeChar=none",
    "CheckHostIP=no",
    "UpdateHostKeys=no",
    "GlobalKnownHostsFile=/dev/null",
    "LogLevel=ERROR",
    "ConnectionAttempts=1",
    // A dead link is noticed after 15 s × 4.
    "ServerAliveInterval=15",
    "ServerAliveCountMax=4",
};

bool is_program(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

/// What ssh says, and what that means; the first row that fits counts.
struct Explanation {
  std::string_view words;
  std::string_view sentence;
};
constexpr std::array<Explanation, 14> explanations = {{
    {"HOST IDENTIFICATION HAS CHANGED",
     "the host's key is not the recorded one, so it may be another machine and nothing was sent: if the host was reinstalled, "
     "put "
     "its new key into BACKUP_KNOWN_HOSTS"},
    {"host key is known for",
     "BACKUP_KNOWN_HOSTS has no key of this host and nothing was sent: add the line with this very name and the key from the "
     "host's /etc/ssh/ssh_host_ed25519_key.pub"},
    {"REVOKED HOST KEY",
     "the host's key is marked as revoked in BACKUP_KNOWN_HOSTS and nothing was sent: give the host a new key"},
    {"Host key verification failed", "the host could not prove itself and nothing was sent: check BACKUP_KNOWN_HOSTS"},
    {"error in libcrypto", "ssh cannot read the key and nothing was sent: check that BACKUP_SSH_KEY is whole"},
    {"invalid format", "ssh cannot read the key and nothing was sent: check that BACKUP_SSH_KEY is whole"},
    {"Permission denied", "the host does not accept the key and nothing was done: check the account and its authorized_keys"},
    {"Could not resolve hostname",
     "the name is unknown and nothing was sent: check BACKUP_HOST and the container's name service"},
    {"No user exists for uid",
     "ssh needs an /etc/passwd line for this container's user and nothing was sent: run it as a known user"},
    {"Connection refused",
     "nothing listens there and nothing was sent: check that sshd runs on the host, and BACKUP_HOST's port"},
    {"No route to host", "the host cannot be reached and nothing was sent: check the container's network and BACKUP_HOST"},
    {"Network is unreachable",
     "the host cannot be reached and nothing was sent: check the container's network and BACKUP_HOST"},
    {"Connection timed out", "the host does not answer: check that it is up, its firewall, and BACKUP_HOST"},
    {"not responding",
     "the link broke while the request ran; the host ends the step by itself and a stopped service is started again: "
     "check the network, then --status"},
}};
constexpr std::string_view unexplained =
    "the connection failed or broke while the request ran; the host ends the step by itself and a stopped service is started "
    "again: "
    "check what ssh says above, then --status";

}  // namespace

Result<std::string> find_ssh(std::string_view path_variable) {
  std::string_view rest = path_variable.empty() ? usual_path : path_variable;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    const std::string program = fmt::format("{}/ssh", rest.substr(0, end));
    if (program.starts_with('/') && is_program(program)) return program;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return fail(Exit::bad_config,
              "there is no ssh program in PATH, so nothing was sent: install openssh-client in this container");
}

std::vector<std::string> ssh_arguments(const Host& host, const std::string& key, const HostProof& proof,
                                       const std::string& request) {
  std::vector<std::string> out = {"ssh", "-F", "/dev/null", "-T", "-i", key, "-l", host.user, "-p", std::to_string(host.port)};
  const auto option = [&](std::string text) {
    out.emplace_back("-o");
    out.push_back(std::move(text));
  };
  for (const auto text : options) option(std::string(text));
  option(fmt::format("ConnectTimeout={}", connect_timeout.count()));
  option(fmt::format("StrictHostKeyChecking={}", proof.pinned ? "yes" : "accept-new"));
  option("UserKnownHostsFile=" + (proof.pinned ? proof.pinned->path() : proof.file));
  out.insert(out.end(), {"--", host.address, request});
  return out;
}

std::vector<std::string> ssh_environment(const char* const* environment) {
  constexpr std::array<std::string_view, 5> kept_back = {"BACKUP_", "SSH_AUTH_SOCK=", "SSH_ASKPASS", "LC_ALL=", "DISPLAY="};
  std::vector<std::string> out;
  for (; *environment != nullptr; ++environment) {
    const std::string_view entry = *environment;
    if (std::ranges::none_of(kept_back, [&](std::string_view start) { return entry.starts_with(start); }))
      out.emplace_back(entry);
  }
  out.emplace_back("LC_ALL=C");  // errno's words are looked up in explanations
  return out;
}

seconds ssh_deadline(const Request& request) {
  if (request.timeout) return seconds{*request.timeout} + connect_timeout + clean_end;
  const bool at_once = request.verb == Verb::status || request.verb == Verb::list || request.verb == Verb::version;
  return at_once ? quick : day;
}

std::string explain_ssh_failure(std::string_view last_words, const Host& host) {
  const auto row = std::ranges::find_if(
      explanations, [&](const Explanation& e) { return last_words.find(e.words) != std::string_view::npos; });
  return fmt::format("{}: {}", display(host), row == explanations.end() ? unexplained : row->sentence);
}

}  // namespace backupctl::client
