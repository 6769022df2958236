#include "gate/relay/trusted_keys.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <algorithm>
#include <memory>

namespace backupctl::relay {
namespace {

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  void operator()(void* bytes) const { OPENSSL_free(bytes); }
};

/// One PEM block, of which PEM_read_bio hands each part over.
struct Block {
  std::unique_ptr<char, Free> name;
  std::unique_ptr<char, Free> header;
  std::unique_ptr<unsigned char, Free> bytes;
  long size = 0;
};

bool read_block(BIO* bio, Block& block) {
  char* name = nullptr;
  char* header = nullptr;
  unsigned char* bytes = nullptr;
  if (PEM_read_bio(bio, &name, &header, &bytes, &block.size) != 1) return false;
  block.name.reset(name);
  block.header.reset(header);
  block.bytes.reset(bytes);
  return true;
}

/// The key of an Ed25519 SubjectPublicKeyInfo, which has one length and one beginning (RFC 8410): no decoder is needed.
std::optional<manifest::PublicKey> ed25519_key(const Block& block) {
  const std::string_view name = block.name.get();
  manifest::PublicKey key{};
  const auto prefix = manifest::spki_prefix;
  if (name != "PUBLIC KEY" || block.size != static_cast<long>(prefix.size() + key.size()) ||
      !std::equal(prefix.begin(), prefix.end(), block.bytes.get()))
    return std::nullopt;
  std::copy_n(block.bytes.get() + prefix.size(), key.size(), key.begin());
  return key;
}

}  // namespace

Result<TrustedKeys> TrustedKeys::parse(std::string_view pem) {
  TrustedKeys trusted;
  const std::unique_ptr<BIO, Free> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Block block;
  while (bio && read_block(bio.get(), block)) {
    const auto key = ed25519_key(block);
    if (!key)
      return fail(Exit::bad_config,
                  "a trusted key (host.pub or a file of trusted.d) is no Ed25519 public key: no manifest can "
                  "be checked; take it out");
    trusted.keys_.push_back({manifest::key_id(*key), *key});
  }
  if (trusted.keys_.empty())
    return fail(Exit::bad_config, "there is no trusted key (host.pub, files of trusted.d): no manifest can be checked");
  return trusted;
}

std::optional<manifest::PublicKey> TrustedKeys::find(std::string_view key_id) const {
  for (const Named& named : keys_)
    if (named.id == key_id) return named.key;
  return std::nullopt;
}

bool is_signed_by(const manifest::PublicKey& key, const manifest::Signature& signature, std::string_view bytes) {
  const std::unique_ptr<EVP_PKEY, Free> pkey(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()));
  const std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
  return pkey && context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, pkey.get()) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(),
                          reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()) == 1;
}

}  // namespace backupctl::relay
