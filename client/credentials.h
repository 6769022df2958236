#pragma once

#include <optional>
#include <string>
#include <vector>

#include "client/environment.h"
#include "client/host.h"
#include "client/sealed_file.h"
#include "common/result.h"

namespace backupctl::client {

/// How the host proves itself to us.
struct HostProof {
  std::optional<SealedFile> pinned;  ///< strict checking against these lines; nothing else is accepted
  std::string file;                  ///< without pinned: a known_hosts file to which a first key may be added once
  std::string before;                ///< what that file held
};

/// What ssh needs to prove us and to prove the host.
struct Credentials {
  SealedFile key;
  HostProof proof;
  std::vector<std::string> warnings;  ///< sentences to print
};

/// Loads BACKUP_SSH_KEY (default /data/.ssh/id_ed25519) and BACKUP_KNOWN_HOSTS (default /data/.ssh/known_hosts), each an inline
/// value or a path. Key material goes into sealed memory only; the caller wipes the variable afterwards.
/// Error: Exit::bad_config with one sentence that names the variable or path and holds nothing of the key.
Result<Credentials> load_credentials(const Environment& environment, const Host& host);

/// Whether the file of a proof without pinned lines has gained any: the sentence that warns of the host's key having been taken
/// on trust, and from now on pins it; nothing when it has not changed.
std::optional<std::string> note_first_contact(HostProof& proof, const Host& host);

}  // namespace backupctl::client
