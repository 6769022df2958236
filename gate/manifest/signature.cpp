#include "gate/manifest/signature.h"

#include <openssl/evp.h>

#include <algorithm>

#include "common/sha256.h"

namespace backupctl::manifest {
namespace {

/// Signature's 64 bytes become 88 characters; EVP_EncodeBlock adds a NUL.
std::string base64(const Signature& signature) {
  std::array<unsigned char, signature_text_size + 1> text{};
  const int size = EVP_EncodeBlock(text.data(), signature.data(), static_cast<int>(signature.size()));
  return {reinterpret_cast<const char*>(text.data()), static_cast<std::size_t>(size)};
}

}  // namespace

std::string key_id(const PublicKey& key) {
  Sha256 hash;
  hash.update(spki_prefix.data(), spki_prefix.size());
  hash.update(key.data(), key.size());
  return to_hex(hash.finish()).substr(0, key_id_size);
}

std::string signature_line(std::string_view key_id, const Signature& signature) {
  std::string line(signature_before_key);
  line += key_id;
  line += signature_before_value;
  line += base64(signature);
  line += signature_end;
  return line + "\n";
}

std::optional<SignatureLine> parse_signature_line(std::string_view line) {
  if (line.size() + 1 != signature_line_size) return std::nullopt;
  SignatureLine parsed;
  parsed.key_id = line.substr(signature_before_key.size(), key_id_size);
  const bool hex = std::all_of(parsed.key_id.begin(), parsed.key_id.end(),
                               [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  const std::string_view text =
      line.substr(signature_before_key.size() + key_id_size + signature_before_value.size(), signature_text_size);
  std::array<unsigned char, 66> bytes{};  // 88 characters are decoded to 66 bytes, the padding's two included
  if (!hex || EVP_DecodeBlock(bytes.data(), reinterpret_cast<const unsigned char*>(text.data()),
                              static_cast<int>(text.size())) != static_cast<int>(bytes.size()))
    return std::nullopt;
  std::copy_n(bytes.begin(), parsed.signature.size(), parsed.signature.begin());
  // Written again it must be the same bytes: EVP_DecodeBlock is lenient, and the parts between were not looked at.
  const std::string again = signature_line(parsed.key_id, parsed.signature);
  return line == std::string_view(again).substr(0, line.size()) ? std::optional(parsed) : std::nullopt;
}

}  // namespace backupctl::manifest
