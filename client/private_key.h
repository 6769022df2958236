#pragma once

#include <string_view>

#include "client/secret.h"
#include "common/result.h"

namespace backupctl::client {

/// Whether a value of BACKUP_SSH_KEY is the key itself rather than the path of its file.
bool is_inline_key(std::string_view value);

/// Rebuilds a private key that schedulers and env files have mangled: line breaks lost, turned to spaces or to the two
/// characters \n, CRs gained, quotes or blanks around it. The result is header, base64 wrapped at 70 columns as ssh-keygen(1)
/// writes it, footer, final newline.
/// @param source  what the key came from, for the sentence: "BACKUP_SSH_KEY" or a path. The sentence holds nothing of the key.
/// Error: Exit::bad_config when it is no private key, is cut off, or wants a passphrase, which nobody could type.
Result<Secret> rebuild_private_key(std::string_view text, std::string_view source);

}  // namespace backupctl::client
