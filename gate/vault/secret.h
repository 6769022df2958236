#pragma once

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "common/result.h"

namespace backupctl::vault {

/// Largest rclone.conf, copy of one, or env_file that is read, in bytes. rclone sets no bound; a section with a token is about
/// 3 KiB, so this holds hundreds of remotes and no hostile copy can exhaust the monitor (X5).
inline constexpr std::size_t max_config = 1U << 20;

/// Overwrites and empties a text that held a secret; not elided by the compiler (explicit_bzero(3)). X4.
inline void wipe(std::string& text) {
  ::explicit_bzero(text.data(), text.capacity());
  text.clear();
}

/// A text that is wiped when it goes out of scope. Not copyable: every copy of a secret is one more to wipe.
struct SecretText {
  std::string bytes;
  SecretText() = default;
  explicit SecretText(std::string text) : bytes(std::move(text)) {}
  SecretText(SecretText&& other) noexcept : bytes(other.bytes) { wipe(other.bytes); }
  SecretText& operator=(SecretText&& other) noexcept {
    if (this != &other) {
      wipe(bytes);
      bytes.assign(other.bytes);
      wipe(other.bytes);
    }
    return *this;
  }
  SecretText(const SecretText&) = delete;
  SecretText& operator=(const SecretText&) = delete;
  ~SecretText() { wipe(bytes); }
};

/// Reads a descriptor to its end into one buffer that is never moved, so that no freed memory keeps a part of it.
/// Errors: Exit::bad_data when longer than max_config, Exit::io_error with errno's words.
inline Result<SecretText> read_secret(int fd) {
  struct stat st {};
  if (::fstat(fd, &st) != 0) return fail_errno(Exit::io_error, errno, "cannot stat");
  if (st.st_size < 0 || static_cast<std::size_t>(st.st_size) > max_config)
    return fail(Exit::bad_data, "longer than {} bytes", max_config);
  SecretText text;
  text.bytes.resize(static_cast<std::size_t>(st.st_size) + 1);  // one more, so that a file that grows is seen to
  std::size_t have = 0;
  while (have < text.bytes.size()) {
    const ssize_t n = ::read(fd, text.bytes.data() + have, text.bytes.size() - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(Exit::io_error, errno, "cannot read");
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  if (have == text.bytes.size()) return fail(Exit::bad_data, "grew while it was read");
  text.bytes.resize(have);
  return text;
}

}  // namespace backupctl::vault
