#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "gate/manifest/signature.h"

namespace backupctl::relay {

/// The public keys whose manifests this host believes.
class TrustedKeys {
 public:
  /// @param pem  any number of SubjectPublicKeyInfo PEM blocks, one after the other (the files of trusted.d and host.pub)
  /// Error: Exit::bad_config when a block is no Ed25519 public key, or there is none at all.
  static Result<TrustedKeys> parse(std::string_view pem);

  /// The key of that name; nothing if it is not trusted.
  [[nodiscard]] std::optional<manifest::PublicKey> find(std::string_view key_id) const;

 private:
  struct Named {
    std::string id;
    manifest::PublicKey key;
  };
  std::vector<Named> keys_;
};

/// Whether `signature` is the Ed25519 signature of `bytes` by `key`.
bool is_signed_by(const manifest::PublicKey& key, const manifest::Signature& signature, std::string_view bytes);

}  // namespace backupctl::relay
