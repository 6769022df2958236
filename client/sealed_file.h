#pragma once

#include <string>
#include <string_view>

#include "common/result.h"
#include "common/unique_fd.h"

namespace backupctl::client {

/// A file of this process's memory that ssh opens by path and that no disk ever sees: memfd_create(2), mode 0600 because ssh
/// refuses keys that others may read, sealed against any change, its pages locked out of swap where the limits allow.
/// Lives as long as this object; ssh must run meanwhile.
class SealedFile {
 public:
  /// @param label  shown in /proc/PID/fd; no secret. Error: Exit::unavailable, with errno's words.
  static Result<SealedFile> make(const char* label, std::string_view bytes);
  ~SealedFile();
  SealedFile(SealedFile&& other) noexcept;
  SealedFile& operator=(SealedFile&&) = delete;
  SealedFile(const SealedFile&) = delete;
  SealedFile& operator=(const SealedFile&) = delete;

  /// /proc/PID/fd/N, which a child of the same user can open: ssh closes what it inherits, so a descriptor cannot be handed on.
  [[nodiscard]] std::string path() const;
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  SealedFile() = default;
  UniqueFd fd_;
  void* locked_ = nullptr;  ///< a mapping that keeps the pages in memory
  std::size_t size_ = 0;
};

}  // namespace backupctl::client
