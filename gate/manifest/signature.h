#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace backupctl::manifest {

/// An Ed25519 signature (RFC 8032), 64 bytes.
using Signature = std::array<std::uint8_t, 64>;
/// An Ed25519 public key (RFC 8032), 32 bytes.
using PublicKey = std::array<std::uint8_t, 32>;

/// Line 2 of a manifest, its line break included:
///     "signature":{"algorithm":"ed25519","key":"<16>","value":"<88>"},
/// `key` names the key: the first 8 bytes of the SHA-256 of its DER SubjectPublicKeyInfo, in lower-case hexadecimal
/// (`openssl pkey -pubin -in host.pub -outform DER | sha256sum | cut -c1-16`); `value` is the signature in base64 (RFC 4648).
inline constexpr std::string_view signature_before_key = "\"signature\":{\"algorithm\":\"ed25519\",\"key\":\"";
inline constexpr std::string_view signature_before_value = "\",\"value\":\"";
inline constexpr std::string_view signature_end = "\"},";
inline constexpr std::size_t key_id_size = 16;
inline constexpr std::size_t signature_text_size = 88;
inline constexpr std::size_t signature_line_size =
    signature_before_key.size() + key_id_size + signature_before_value.size() + signature_text_size + signature_end.size() + 1;

/// The DER SubjectPublicKeyInfo of an Ed25519 key begins with these bytes (RFC 8410, section 10.1); the key follows.
inline constexpr std::array<std::uint8_t, 12> spki_prefix = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                                             0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};

/// The 16 hexadecimal digits that name a key in a manifest.
std::string key_id(const PublicKey& key);

/// Line 2 of a manifest, comma and line break included.
std::string signature_line(std::string_view key_id, const Signature& signature);

/// What line 2 says.
struct SignatureLine {
  std::string key_id;
  Signature signature{};
};
/// Reads line 2 without its line break; nothing unless it is, byte for byte, what signature_line() writes.
std::optional<SignatureLine> parse_signature_line(std::string_view line);

}  // namespace backupctl::manifest
