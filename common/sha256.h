#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace backupctl {

/// A SHA-256 digest (FIPS 180-4), 32 bytes.
using Digest = std::array<std::uint8_t, 32>;

/// Computes SHA-256 piece by piece. Not copyable; finish() ends its use.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void update(const void* bytes, std::size_t size);
  void update(std::string_view bytes) { update(bytes.data(), bytes.size()); }
  [[nodiscard]] Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Digest sha256(std::string_view bytes);
/// Lower-case hexadecimal, 64 characters.
std::string to_hex(const Digest& digest);
/// Back from what to_hex() gives; zeros for anything else.
Digest from_hex(std::string_view hex);

}  // namespace backupctl
