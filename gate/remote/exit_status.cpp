#include "gate/remote/exit_status.h"

#include <algorithm>
#include <cctype>
#include <csignal>
#include <iterator>

namespace backupctl::remote {
namespace {

struct Row {
  int status;
  Meaning meaning;
};
constexpr Row rows[] = {
    {0, {Exit::done, false, "ended well"}},
    {1, {Exit::unavailable, false, "could not reach the remote or was refused by it"}},
    {2, {Exit::unavailable, false, "could not reach the remote or was refused by it"}},
    {3, {Exit::unavailable, true, "did not find the directory on the remote"}},
    {4, {Exit::unavailable, true, "did not find the file on the remote"}},
    {5, {Exit::unavailable, false, "met a temporary error of the remote and gave up trying; the next run tries again"}},
    {6, {Exit::unavailable, false, "could not transfer some files; the next run tries again"}},
    {7, {Exit::unavailable, false, "met an error of the remote that trying again will not mend (account, quota)"}},
    {8, {Exit::unavailable, false, "stopped at its transfer limit"}},
    {9, {Exit::done, false, "ended well and had nothing to transfer"}},
    {128 + SIGKILL, {Exit::unavailable, false, "was killed: out of memory, or ended by somebody"}},
    {128 + SIGTERM, {Exit::unavailable, false, "was told to end before it was done"}},
    {128 + SIGSYS, {Exit::bug, false, "made a system call that its cage does not allow"}},
};
constexpr Meaning otherwise{Exit::unavailable, false, "ended in a way that is not known"};

constexpr std::string_view in_the_way =
    "met a name that is a file in one place and a directory in another, or a key that is the beginning of another, so the copy "
    "is "
    "incomplete; what stands in the way has to be moved by hand";

// Words of rclone 1.60 to 1.74 and of the servers it quotes.
constexpr Hint hints[] = {
    {"corrupted on transfer", Exit::bad_data, "what arrived on the remote differs from what was sent"},
    {"hash differ", Exit::bad_data, "what arrived on the remote differs from what was sent"},
    {"sizes differ", Exit::bad_data, "what arrived on the remote differs from what was sent"},
    {"differences found", Exit::bad_data, "what arrived on the remote differs from what was sent"},
    {"source file is being updated", Exit::io_error,
     "met a file that changes while it is read, so the mirror is incomplete; what is there is kept"},
    {"quotalimitreached", Exit::io_error, "the remote is full"},
    {"quotaexceeded", Exit::io_error, "the remote is full"},
    {"quota exceeded", Exit::io_error, "the remote is full"},
    {"storagequotaexceeded", Exit::io_error, "the remote is full"},
    {"insufficient storage", Exit::io_error, "the remote is full"},
    {"insufficientstorage", Exit::io_error, "the remote is full"},
    {"insufficient_space", Exit::io_error, "the remote is full"},
    {"file too big for remaining disk space", Exit::io_error, "the disk is full"},
    {"no space left on device", Exit::io_error, "the disk is full"},
    {"disk quota exceeded", Exit::io_error, "the disk is full"},
    {"read-only file system", Exit::io_error, "the disk is mounted read-only"},
    {"input/output error", Exit::io_error, "the disk reports an error"},
    {"couldn't fetch token", Exit::unavailable,
     "the remote does not accept the login; log in again on the host: rclone --config /etc/backupctl/rclone.conf config "
     "reconnect REMOTE:"},
    {"invalid_grant", Exit::unavailable,
     "the remote does not accept the login; log in again on the host: rclone --config /etc/backupctl/rclone.conf config "
     "reconnect REMOTE:"},
    {"invalidauthenticationtoken", Exit::unavailable,
     "the remote does not accept the login; log in again on the host: rclone --config /etc/backupctl/rclone.conf config "
     "reconnect REMOTE:"},
    {"401 unauthorized", Exit::unavailable, "the remote does not accept the user or password"},
    {"authenticationfailed", Exit::unavailable, "the remote does not accept the account or key"},
    {"signaturedoesnotmatch", Exit::unavailable, "the remote does not accept the key: its secret is wrong"},
    {"invalidaccesskeyid", Exit::unavailable, "the remote does not know the key"},
    {"accessdenied", Exit::unavailable, "the remote refuses this key"},
    {"is a directory", Exit::io_error, in_the_way},
    {"not a directory", Exit::io_error, in_the_way},
    {"no such host", Exit::unavailable, "the remote's name is not known; is the network up"},
    {"connection refused", Exit::unavailable, "nobody answers at the remote's address"},
    {"network is unreachable", Exit::unavailable, "the network is down"},
    {"i/o timeout", Exit::unavailable, "the remote does not answer"},
    {"tls: ", Exit::unavailable, "no trustworthy connection to the remote could be made"},
    {"x509: ", Exit::unavailable, "the remote's certificate is not trusted"},
};

}  // namespace

Meaning meaning(int status) {
  const auto* const row = std::ranges::find(rows, status, &Row::status);
  return row == std::end(rows) ? otherwise : row->meaning;
}

const Hint* hint(std::string_view message) {
  const auto same = [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == static_cast<unsigned char>(b); };
  // std::search: clang 14 does not compile libstdc++ 12's ranges::search.
  const auto* const found = std::ranges::find_if(hints, [&](const Hint& one) {
    return std::search(message.begin(), message.end(), one.part.begin(), one.part.end(), same) != message.end();
  });
  return found == std::end(hints) ? nullptr : found;
}

}  // namespace backupctl::remote
