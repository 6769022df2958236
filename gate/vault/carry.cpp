#include "gate/vault/carry.h"

#include <poll.h>

#include "common/io.h"
#include "common/sha256.h"
#include "gate/vault/private_dir.h"
#include "gate/vault/token.h"

namespace backupctl::vault {
namespace {

using Outcome = tl::expected<bool, Refusal>;

tl::unexpected<Refusal> refuse(std::string sentence) { return tl::make_unexpected(Refusal{std::move(sentence), false}); }
tl::unexpected<Refusal> later(const Error& error) { return tl::make_unexpected(Refusal{error.sentence, true}); }

/// One token's way into the text of the root-owned file.
/// @param known_newest  the ledger has it as its last: written before, or about to be when a crash came.
Outcome put(Ini& root, const Ledger::Token& ledger, std::string_view token, bool known_newest) {
  const Ini::Section* section = root.find(ledger.section);
  const Ini::Key* key = section == nullptr ? nullptr : section->find("token");
  const std::string_view held = key == nullptr ? std::string_view{} : root.value(*key);
  if (held == token) return false;
  if (key == nullptr || section->repeated || !ledger.knows(to_hex(sha256(held)))) {
    if (known_newest) return false;  // the owner logged in again after it was carried: that one is newer
    return refuse(
        fmt::format("the token of [{}] was changed in the root-owned file meanwhile, so that one stays", ledger.section));
  }
  if (auto good = check_token(token, held); !good) return refuse(good.error().sentence);
  SecretText changed = root.with_value(*key, token);
  auto parsed = Ini::parse(std::move(changed));
  if (!parsed) return refuse(parsed.error().sentence);
  root = std::move(*parsed);
  return true;
}

/// The lock under which the root-owned file is read, changed and renamed, so that two credentials' rotations cannot undo one
/// another. Held for milliseconds; waited for at most five seconds.
Result<UniqueFd> lock_config(const Places& places) {
  auto locks = open_private_dir(places.locks());
  if (!locks) return pass(locks.error());
  for (int tries = 0; tries < 500; ++tries) {
    auto lock = try_lock(locks->get(), "rclone.conf");
    if (!lock || *lock) return lock;
    ::poll(nullptr, 0, 10);
  }
  return fail(Exit::io_error, "another process of the gate has been writing {} for five seconds", places.rclone_config);
}

}  // namespace

Result<Ini> open_config(const std::string& path) {
  auto fd = open_trusted(path, true);
  if (!fd) return pass(fd.error());
  auto text = read_secret(fd->get());
  if (!text) return fail(Exit::bad_config, "cannot use {}: {}", path, text.error().sentence);
  auto ini = Ini::parse(std::move(*text));
  if (!ini) return fail(Exit::bad_config, "{}: {}", path, ini.error().sentence);
  return ini;
}

Outcome carry(const Places& places, const Copy& copy, Ledger& ledger, std::string_view bytes) {
  const auto tokens = copy.match(bytes);
  if (!tokens) return refuse("it was changed in more than the value of token");
  if (tokens->size() != ledger.tokens.size()) return refuse("it holds other tokens than were copied out");
  std::vector<std::string> digests;
  bool rotated = false;
  for (std::size_t i = 0; i < tokens->size(); ++i) {
    digests.push_back(to_hex(sha256((*tokens)[i])));
    const auto& seen = ledger.tokens[i].digests;
    // New, or the newest of several: a crash may have come between the ledger and the root-owned file.
    rotated |= !ledger.tokens[i].knows(digests[i]) || (seen.size() > 1 && seen.back() == digests[i]);
  }
  if (!rotated) return false;

  auto lock = lock_config(places);
  if (!lock) return later(lock.error());
  auto root = open_config(places.rclone_config);
  if (!root) return later(root.error());
  Ledger next = ledger;
  bool changed = false;
  for (std::size_t i = 0; i < tokens->size(); ++i) {
    auto& seen = next.tokens[i].digests;
    const bool known = next.tokens[i].knows(digests[i]);
    if (known && seen.back() != digests[i]) continue;  // an older one: never over a newer one (D5)
    if (!known && seen.size() > max_rotations) return refuse("its token changed more often than any service renews one");
    auto done = put(*root, next.tokens[i], (*tokens)[i], known);
    if (!done) return done;
    changed |= *done;
    if (!known) seen.push_back(digests[i]);
  }
  if (auto saved = next.save(places.ledger(ledger.remote)); !saved) return later(saved.error());
  ledger = std::move(next);
  if (!changed) return false;
  if (auto saved = write_file_durably(places.rclone_config, root->text(), 0600); !saved) return later(saved.error());
  return true;
}

}  // namespace backupctl::vault
