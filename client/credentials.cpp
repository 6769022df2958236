#include "client/credentials.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "client/known_hosts.h"
#include "client/private_key.h"
#include "client/secret.h"
#include "common/escape.h"

namespace backupctl::client {
namespace {

constexpr std::string_view default_key = "/data/.ssh/id_ed25519";
constexpr std::string_view default_known_hosts = "/data/.ssh/known_hosts";
constexpr std::size_t key_limit = 64 * 1024;  // the largest RSA keys take 13 kB
constexpr std::size_t known_hosts_limit = 1024 * 1024;

struct Opened {
  UniqueFd fd;
  struct stat status {};
};

/// Opens a regular file of at most `limit` bytes. Links are followed: containers mount secrets as links, and the path is the
/// user's own.
Result<Opened> open_regular(const std::string& path, std::string_view variable, std::size_t limit) {
  Opened file;
  file.fd.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file.fd || ::fstat(file.fd.get(), &file.status) != 0)
    return fail_errno(Exit::bad_config, errno, "cannot read {} ({}), so nothing was sent", escape_line(path), variable);
  if (!S_ISREG(file.status.st_mode) || static_cast<std::size_t>(file.status.st_size) > limit)
    return fail(Exit::bad_config, "{} ({}) is no file of at most {} bytes, so nothing was sent", escape_line(path), variable,
                limit);
  return file;
}

/// Reads a file into memory that is wiped; room for exactly its size.
Result<Secret> read_secret(const Opened& file, const std::string& path) {
  Secret text(static_cast<std::size_t>(file.status.st_size) + 1);
  char buffer[1024];
  ssize_t n = 0;
  bool fits = true;
  while (fits && (n = ::read(file.fd.get(), buffer, sizeof buffer)) > 0)
    fits = text.append({buffer, static_cast<std::size_t>(n)});
  const int code = errno;
  ::explicit_bzero(buffer, sizeof buffer);
  if (n < 0) return fail_errno(Exit::bad_config, code, "cannot read {}, so nothing was sent", escape_line(path));
  if (!fits) return fail(Exit::bad_config, "{} grew while it was read, so nothing was sent: try again", escape_line(path));
  return text;
}

Result<SealedFile> load_key(const Environment& environment, std::vector<std::string>& warnings) {
  std::string_view value = environment("BACKUP_SSH_KEY");
  if (is_inline_key(value)) {
    auto key = rebuild_private_key(value, "BACKUP_SSH_KEY");
    return key ? SealedFile::make("ssh key", key->view()) : pass(key.error());
  }
  const std::string path(value.empty() ? default_key : value);
  auto file = open_regular(path, "BACKUP_SSH_KEY", key_limit);
  if (!file) return pass(file.error());
  if ((file->status.st_mode & 077) != 0)
    warnings.push_back(
        fmt::format("the key file {} may be read by others than its owner (mode {:o}); it is used, but close it with chmod 600",
                    escape_line(path), file->status.st_mode & 0777));
  auto text = read_secret(*file, path);
  if (!text) return pass(text.error());
  auto key = rebuild_private_key(text->view(), escape_line(path));
  return key ? SealedFile::make("ssh key", key->view()) : pass(key.error());
}

Result<HostProof> pin(std::string_view lines) {
  auto sealed = SealedFile::make("known hosts", lines);
  if (!sealed) return pass(sealed.error());
  HostProof proof;
  proof.pinned.emplace(std::move(*sealed));
  return proof;
}

/// ssh expands and splits the value of UserKnownHostsFile (ssh_config(5)); only what it takes literally may pass.
bool is_literal_for_ssh(std::string_view path) {
  return path.starts_with('/') && path.find_first_of(" \t\r\n\"'\\%$") == std::string_view::npos;
}

Result<HostProof> load_known_hosts(const Environment& environment, const Host& host) {
  const std::string_view value = environment("BACKUP_KNOWN_HOSTS");
  if (is_inline_known_hosts(value)) {
    auto lines = rebuild_known_hosts(value);
    return lines ? pin(*lines) : pass(lines.error());
  }
  const std::string path(value.empty() ? default_known_hosts : value);
  const bool absent = ::access(path.c_str(), F_OK) != 0 && errno == ENOENT;
  std::string lines;
  if (!absent) {
    auto file = open_regular(path, "BACKUP_KNOWN_HOSTS", known_hosts_limit);
    if (!file) return pass(file.error());
    auto text = read_secret(*file, path);
    if (!text) return pass(text.error());
    lines = text->view();
  }
  // A host that the file speaks of is not new, and a file that cannot be written cannot remember a first contact: accepting
  // then would accept anybody, every night.
  if (!absent && (may_name_host(lines, host) || ::access(path.c_str(), W_OK) != 0)) return pin(lines.empty() ? "\n" : lines);
  const std::string directory = path.substr(0, path.rfind('/') + 1);
  if (!is_literal_for_ssh(path) || (absent && ::access(directory.c_str(), W_OK) != 0))
    return fail(
        Exit::bad_config,
        "the host's key cannot be recorded in {}, so nothing was sent: let BACKUP_KNOWN_HOSTS name a writable absolute path "
        "of plain characters, or hold the known_hosts line itself",
        escape_line(path));
  HostProof proof;
  proof.file = path;
  proof.before = std::move(lines);
  return proof;
}

}  // namespace

Result<Credentials> load_credentials(const Environment& environment, const Host& host) {
  std::vector<std::string> warnings;
  auto key = load_key(environment, warnings);
  if (!key) return pass(key.error());
  auto proof = load_known_hosts(environment, host);
  if (!proof) return pass(proof.error());
  return Credentials{std::move(*key), std::move(*proof), std::move(warnings)};
}

std::optional<std::string> note_first_contact(HostProof& proof, const Host& host) {
  if (proof.pinned) return std::nullopt;
  auto file = open_regular(proof.file, "BACKUP_KNOWN_HOSTS", known_hosts_limit);
  if (!file) return std::nullopt;
  auto text = read_secret(*file, proof.file);
  if (!text || !text->view().starts_with(proof.before) || text->view().size() == proof.before.size()) return std::nullopt;
  std::string added = escape_line(text->view().substr(proof.before.size()), 2048);
  while (added.ends_with("\\x0a")) added.resize(added.size() - 4);
  if (auto pinned = pin(text->view())) proof.pinned.emplace(std::move(*pinned->pinned));
  return fmt::format(
      "{} was unknown: its key was taken on trust and recorded in {}, and from now on no other is accepted; "
      "compare it with the host's own: {}",
      known_hosts_name(host), escape_line(proof.file), added);
}

}  // namespace backupctl::client
