#include "gate/signer/signer.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>

#include "common/io.h"
#include "gate/manifest/manifest.h"
#include "gate/manifest/signature.h"

namespace backupctl::signer {
namespace {

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Bio = std::unique_ptr<BIO, Free>;
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Context = std::unique_ptr<EVP_MD_CTX, Free>;

/// Memory for key bytes that is wiped when it goes (X4: nothing of the key is left for whoever reads this memory later).
struct Wiped {
  std::array<char, 4096> bytes{};
  Wiped() = default;
  Wiped(const Wiped&) = delete;
  Wiped& operator=(const Wiped&) = delete;
  ~Wiped() { OPENSSL_cleanse(bytes.data(), bytes.size()); }
};

/// A key without passphrase: never ask a terminal for one.
int no_passphrase(char*, int, int, void*) { return 0; }

Result<Key> read_key(int fd) {
  Wiped text;
  std::size_t size = 0;
  for (;;) {
    const ssize_t n = ::read(fd, text.bytes.data() + size, text.bytes.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(Exit::bad_config, errno, "cannot read the host's signing key");
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
  }
  const Bio bio(BIO_new_mem_buf(text.bytes.data(), static_cast<int>(size)));
  Key key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr) : nullptr);
  if (!key || EVP_PKEY_get_id(key.get()) != EVP_PKEY_ED25519)
    return fail(Exit::bad_config,
                "the host's signing key is not an Ed25519 key in PKCS#8 PEM: nothing was signed and no backup committed; put "
                "back host.key from the recovery kit");
  return key;
}

Result<manifest::PublicKey> public_key(const EVP_PKEY* key) {
  manifest::PublicKey bytes{};
  std::size_t size = bytes.size();
  if (EVP_PKEY_get_raw_public_key(key, bytes.data(), &size) != 1 || size != bytes.size())
    return fail(Exit::bug, "the signing key has no public half");
  return bytes;
}

/// Writes what a memory BIO holds, and wipes it.
Result<> drain(BIO* bio, int fd) {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio, &bytes);
  auto written = write_all(fd, {bytes, static_cast<std::size_t>(size)});
  OPENSSL_cleanse(bytes, static_cast<std::size_t>(size));
  return written;
}

}  // namespace

Result<std::string> sign(int in_fd, int key_fd) {
  const auto key = read_key(key_fd);
  if (!key) return pass(key.error());
  const auto bytes = read_all(in_fd, manifest::max_signed);
  if (!bytes) return pass(bytes.error());
  if (bytes->empty()) return fail(Exit::bad_data, "there is nothing to sign");
  const auto id = public_key(key->get());
  if (!id) return pass(id.error());
  manifest::Signature signature{};
  std::size_t size = signature.size();
  const Context context(EVP_MD_CTX_new());
  if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key->get()) != 1 ||
      EVP_DigestSign(context.get(), signature.data(), &size, reinterpret_cast<const unsigned char*>(bytes->data()),
                     bytes->size()) != 1 ||
      size != signature.size())
    return fail(Exit::bug, "the manifest could not be signed");
  return manifest::signature_line(manifest::key_id(*id), signature);
}

Result<> generate(int private_fd, int public_fd) {
  const Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  const Bio secret(BIO_new(BIO_s_secmem()));
  const Bio open(BIO_new(BIO_s_mem()));
  if (!key || !secret || !open ||
      PEM_write_bio_PKCS8PrivateKey(secret.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1 ||
      PEM_write_bio_PUBKEY(open.get(), key.get()) != 1)
    return fail(Exit::bug, "no signing key could be made");
  if (auto written = drain(secret.get(), private_fd); !written) return written;
  return drain(open.get(), public_fd);
}

}  // namespace backupctl::signer
