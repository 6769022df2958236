#pragma once

#include <string>

#include "common/result.h"

namespace backupctl::signer {

/// Signs with Ed25519 (RFC 8032).
/// @param in_fd   the bytes to sign, at most manifest::max_signed
/// @param key_fd  the private key, PKCS#8 PEM, unencrypted; its bytes are wiped from memory before this returns
/// @return line 2 of the manifest (manifest/signature.h), comma and line break included
/// Error: Exit::bad_config when the key is no Ed25519 key, Exit::bad_data when there is nothing or too much to sign.
Result<std::string> sign(int in_fd, int key_fd);

/// Makes a new key pair from the system's random numbers.
/// @param private_fd  gets PKCS#8 PEM, what `openssl genpkey -algorithm ed25519` writes
/// @param public_fd   gets SubjectPublicKeyInfo PEM, what `openssl pkey -pubout` writes
/// Error: Exit::io_error when a descriptor cannot be written, Exit::bug when no key could be made.
Result<> generate(int private_fd, int public_fd);

}  // namespace backupctl::signer
