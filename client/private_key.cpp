#include "client/private_key.h"

#include <algorithm>
#include <array>

namespace backupctl::client {
namespace {

constexpr std::string_view begin_mark = "-----BEGIN ";
constexpr std::string_view end_mark = "-----END ";
constexpr std::string_view dashes = "-----";

/// PEM labels ssh reads (OpenSSH PROTOCOL.key; RFC 5958; RFC 1421 style of older OpenSSL).
constexpr std::array<std::string_view, 4> labels = {"OPENSSH PRIVATE KEY", "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"};

/// Base64 of "openssh-key-v1\0" and of cipher "none" (PROTOCOL.key): every OpenSSH key that wants no passphrase begins so.
constexpr std::string_view openssh_magic = "b3BlbnNzaC1rZXktdjEA";
constexpr std::string_view openssh_plain = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU";

bool is_base64(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '/' || c == '=';
}

bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

/// The base64 of the body alone; false when there is anything else in it.
bool collect_body(std::string_view text, Secret& body) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escaped_break = text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == 'n' || text[i + 1] == 'r');
    if (escaped_break) ++i;
    if (escaped_break || is_blank(text[i])) continue;
    if (!is_base64(text[i]) || !body.append(text.substr(i, 1))) return false;
  }
  return !body.view().empty() && body.view().size() % 4 == 0;
}

tl::unexpected<Error> not_usable(std::string_view source, std::string_view why) {
  return fail(Exit::bad_config,
              "{} {}, so nothing was sent: give the private key whose public half the host's authorized_keys names", source,
              why);
}

}  // namespace

bool is_inline_key(std::string_view value) {
  return value.find(dashes) != std::string_view::npos || value.starts_with("ssh-") || value.starts_with("ecdsa-");
}

Result<Secret> rebuild_private_key(std::string_view text, std::string_view source) {
  if (text.starts_with("ssh-") || text.starts_with("ecdsa-") || text.starts_with("sk-"))
    return not_usable(source, "holds a public key");
  const std::size_t begin = text.find(begin_mark);
  if (begin == std::string_view::npos) return not_usable(source, "holds no private key");
  const std::size_t label_at = begin + begin_mark.size();
  const std::size_t label_end = text.find(dashes, label_at);
  if (label_end == std::string_view::npos) return not_usable(source, "holds a key whose first line is cut off");
  const std::string_view label = text.substr(label_at, label_end - label_at);
  const std::string_view passphrase = "holds a key that is protected by a passphrase, which nobody can type here";
  if (label == "ENCRYPTED PRIVATE KEY") return not_usable(source, passphrase);
  if (std::ranges::find(labels, label) == labels.end()) return not_usable(source, "holds something else than a private key");

  const std::size_t body_at = label_end + dashes.size();
  const std::size_t end = text.find(end_mark, body_at);
  if (end == std::string_view::npos || !text.substr(end + end_mark.size()).starts_with(label))
    return not_usable(source, "holds a key whose end is cut off");
  const std::string_view middle = text.substr(body_at, end - body_at);
  if (middle.find("ENCRYPTED") != std::string_view::npos) return not_usable(source, passphrase);  // RFC 1421's Proc-Type

  Secret body(middle.size());
  const bool openssh = label == labels[0];
  if (!collect_body(middle, body) || (openssh && !body.view().starts_with(openssh_magic)))
    return not_usable(source, "holds a damaged private key");
  if (openssh && !body.view().starts_with(openssh_plain)) return not_usable(source, passphrase);

  constexpr std::size_t columns = 70;
  Secret key(body.view().size() + body.view().size() / columns + 2 * label.size() + 64);
  bool fits = key.append(begin_mark) && key.append(label) && key.append(dashes) && key.append("\n");
  for (std::size_t at = 0; at < body.view().size(); at += columns)
    fits = fits && key.append(body.view().substr(at, columns)) && key.append("\n");
  fits = fits && key.append(end_mark) && key.append(label) && key.append(dashes) && key.append("\n");
  if (!fits) return fail(Exit::bug, "the key was not rebuilt");
  return key;
}

}  // namespace backupctl::client
