#include "gate/restore/archive_input.h"

#include <archive.h>
#include <archive_entry.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>

#include "gate/restore/entry_member.h"

namespace backupctl::archive {
namespace {

constexpr std::size_t buffer_size = std::size_t{1} << 20;

struct Filter {
  std::string_view format;
  int (*support)(::archive*);
};
constexpr std::array filters{Filter{"tar.gz", archive_read_support_filter_gzip},
                             Filter{"tar.zst", archive_read_support_filter_zstd}};

}  // namespace

void ArchiveInput::Free::operator()(::archive* a) const { archive_read_free(a); }

ArchiveInput::ArchiveInput(int fd) : fd_(fd), buffer_(std::make_unique_for_overwrite<char[]>(buffer_size)) {}
ArchiveInput::~ArchiveInput() = default;

Result<std::unique_ptr<ArchiveInput>> ArchiveInput::open(int fd, std::string_view format) {
  const auto* filter = std::find_if(filters.begin(), filters.end(), [&](const Filter& f) { return f.format == format; });
  if (filter == filters.end()) return fail(Exit::bug, "the extractor knows no format {}", format);
  std::unique_ptr<ArchiveInput> input(new ArchiveInput(fd));
  input->archive_.reset(archive_read_new());
  ::archive* a = input->archive_.get();
  if (a == nullptr) return fail(Exit::unavailable, "there is not enough memory to read an archive");
  if (filter->support(a) != ARCHIVE_OK || archive_read_support_format_tar(a) != ARCHIVE_OK)
    return fail(Exit::bug, "libarchive cannot read {}: {}", format, archive_error_string(a));
  if (archive_read_open(a, input.get(), nullptr, get, nullptr) != ARCHIVE_OK) return input->damaged();
  return input;
}

Result<long> ArchiveInput::fill() {
  for (;;) {
    const ssize_t n = ::read(fd_, buffer_.get(), buffer_size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(Exit::io_error, errno, "the archive cannot be read");
    hash_.update(buffer_.get(), static_cast<std::size_t>(n));
    bytes_ += static_cast<std::uint64_t>(n);
    return n;
  }
}

long ArchiveInput::get(::archive* a, void* self, const void** bytes) {
  auto& input = *static_cast<ArchiveInput*>(self);
  *bytes = input.buffer_.get();
  const auto n = input.fill();
  if (n) return *n;
  archive_set_error(a, EIO, "%s", n.error().sentence.c_str());
  return -1;
}

tl::unexpected<Error> ArchiveInput::damaged() {
  const char* words = archive_error_string(archive_.get());
  return fail(Exit::bad_data, "the archive is damaged or cut off ({}); choose another backup",
              words != nullptr ? words : "no reason given");
}

Result<bool> ArchiveInput::next(Member& member, std::string& warning) {
  archive_entry* entry = nullptr;
  const int code = archive_read_next_header(archive_.get(), &entry);
  if (code == ARCHIVE_EOF) return false;
  if (code != ARCHIVE_OK && code != ARCHIVE_WARN) return damaged();
  warning.clear();
  if (code == ARCHIVE_WARN && archive_error_string(archive_.get()) != nullptr) warning = archive_error_string(archive_.get());
  if (!to_member(entry, member, warning))
    return fail(Exit::bad_data, "the archive has a member without a readable name; choose another backup");
  return true;
}

Result<bool> ArchiveInput::read(Piece& piece) {
  const void* bytes = nullptr;
  std::size_t size = 0;
  const int code = archive_read_data_block(archive_.get(), &bytes, &size, &piece.offset);
  if (code == ARCHIVE_EOF) return false;
  if (code != ARCHIVE_OK) return damaged();
  piece.bytes = {static_cast<const char*>(bytes), size};
  return true;
}

Result<> ArchiveInput::drain() {
  for (;;) {
    const auto n = fill();
    if (!n) return pass(n.error());
    if (*n == 0) return {};
  }
}

}  // namespace backupctl::archive
