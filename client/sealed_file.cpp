#include "client/sealed_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "common/io.h"

namespace backupctl::client {
namespace {

#ifndef MFD_NOEXEC_SEAL
constexpr unsigned MFD_NOEXEC_SEAL = 0x0008U;  // Linux 6.3, memfd_create(2)
#endif

/// A host may demand memfds that cannot be executed (sysctl vm.memfd_noexec=2); kernels before 6.3 do not know the flag.
UniqueFd create_memfd(const char* label) {
  UniqueFd fd(::memfd_create(label, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL));
  if (!fd && errno == EINVAL) fd.reset(::memfd_create(label, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  return fd;
}

}  // namespace

Result<SealedFile> SealedFile::make(const char* label, std::string_view bytes) {
  SealedFile file;
  file.fd_ = create_memfd(label);
  if (!file.fd_) return fail_errno(Exit::unavailable, errno, "cannot hold {} in memory, so nothing was sent", label);
  if (::fchmod(file.fd_.get(), 0600) != 0)
    return fail_errno(Exit::unavailable, errno, "cannot protect {} in memory, so nothing was sent", label);
  if (auto written = write_all(file.fd_.get(), bytes); !written) return pass(written.error());
  if (::fcntl(file.fd_.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0)
    return fail_errno(Exit::unavailable, errno, "cannot seal {} in memory, so nothing was sent", label);
  // Swap is a disk too. Best effort: RLIMIT_MEMLOCK may be 0.
  void* pages = ::mmap(nullptr, bytes.size(), PROT_READ, MAP_SHARED, file.fd_.get(), 0);
  if (pages != MAP_FAILED) {
    file.locked_ = pages;
    file.size_ = bytes.size();
    ::madvise(pages, bytes.size(), MADV_DONTDUMP);
    ::mlock(pages, bytes.size());
  }
  return file;
}

SealedFile::SealedFile(SealedFile&& other) noexcept
    : fd_(std::move(other.fd_)), locked_(std::exchange(other.locked_, nullptr)), size_(other.size_) {}

SealedFile::~SealedFile() {
  if (locked_ != nullptr) ::munmap(locked_, size_);
}

std::string SealedFile::path() const { return fmt::format("/proc/{}/fd/{}", ::getpid(), fd_.get()); }

}  // namespace backupctl::client
