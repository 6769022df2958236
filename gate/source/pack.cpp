#include "gate/source/pack.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <memory>

#include "common/io.h"

namespace backupctl::archive {
namespace {

/// Who takes nothing for so long holds the spool's room for nothing (X11).
constexpr int patience_ms = 15 * 60 * 1000;
constexpr std::size_t sure_piece = 4096;  ///< PIPE_BUF: what polls writable takes that much without waiting (pipe(7))

/// Where the tar goes: what lies before the offset nowhere, and nothing once it is given up.
struct Drain {
  int fd;
  std::uint64_t skip;
  std::uint64_t written = 0;
  bool closed = false;  ///< libarchive would end the tar as if it were whole when it is freed

  bool write(std::string_view bytes) {
    while (!bytes.empty()) {
      pollfd ready{fd, POLLOUT, 0};
      const int polled = ::poll(&ready, 1, patience_ms);
      if (polled < 0 && errno == EINTR) continue;
      const ssize_t n = polled > 0 ? ::write(fd, bytes.data(), std::min(bytes.size(), sure_piece)) : -1;
      if (n < 0 && polled > 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (n < 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
      written += static_cast<std::uint64_t>(n);
    }
    return true;
  }
  static la_ssize_t put(::archive*, void* self, const void* bytes, size_t size) {
    auto& drain = *static_cast<Drain*>(self);
    if (drain.closed) return static_cast<la_ssize_t>(size);
    const auto skipped = static_cast<std::size_t>(std::min<std::uint64_t>(drain.skip, size));
    drain.skip -= skipped;
    return drain.write({static_cast<const char*>(bytes) + skipped, size - skipped}) ? static_cast<la_ssize_t>(size) : -1;
  }
};

struct Input {
  UniqueFd fd;
  struct stat st {};
};

Result<std::vector<Input>> open_inputs(const Packing& packing, int folder) {
  std::vector<Input> inputs;
  for (const std::string& name : packing.names) {
    Input& input = inputs.emplace_back();
    input.fd = open_beneath(folder, name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (!input.fd || ::fstat(input.fd.get(), &input.st) != 0 || !S_ISREG(input.st.st_mode))
      return fail_errno(Exit::io_error, errno, "cannot open {}; nothing was sent", name);
  }
  return inputs;
}

struct Free {
  void operator()(::archive* a) const { ::archive_write_free(a); }
  void operator()(archive_entry* e) const { archive_entry_free(e); }
};

tl::unexpected<Error> gone() {
  return fail_errno(Exit::unavailable, errno, "nobody takes the export any more, so it was broken off");
}

class Tar {
 public:
  Tar(Drain& drain, std::int64_t time)
      : drain_(drain), handle_(::archive_write_new()), entry_(archive_entry_new()), time_(time) {
    ::archive_write_set_format_gnutar(handle_.get());
    ::archive_write_set_bytes_in_last_block(handle_.get(), 1);
    good_ = ::archive_write_open(handle_.get(), &drain, nullptr, Drain::put, nullptr) == ARCHIVE_OK;
  }
  Tar(const Tar&) = delete;
  Tar& operator=(const Tar&) = delete;
  ~Tar() { drain_.closed = true; }  // before the handle goes
  Result<> header(const std::string& path, unsigned type, std::int64_t size) {
    archive_entry_clear(entry_.get());
    archive_entry_set_pathname(entry_.get(), path.c_str());
    archive_entry_set_filetype(entry_.get(), type);
    archive_entry_set_perm(entry_.get(), type == AE_IFDIR ? 0755 : 0644);
    archive_entry_set_size(entry_.get(), size);
    archive_entry_set_mtime(entry_.get(), time_, 0);
    return good_ && ::archive_write_header(handle_.get(), entry_.get()) == ARCHIVE_OK ? Result<>{} : gone();
  }
  Result<> content(const char* bytes, std::size_t size) {
    return ::archive_write_data(handle_.get(), bytes, size) == static_cast<la_ssize_t>(size) ? Result<>{} : gone();
  }
  Result<> finish() { return ::archive_write_close(handle_.get()) == ARCHIVE_OK ? Result<>{} : gone(); }

 private:
  Drain& drain_;
  std::unique_ptr<::archive, Free> handle_;
  std::unique_ptr<archive_entry, Free> entry_;
  std::int64_t time_;
  bool good_;
};

template <class Number>
bool read_number(const std::string& text, Number& value) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  return code == std::errc{} && end == text.data() + text.size();
}

}  // namespace

Result<Packing> parse_packing(std::span<const std::string> args) {
  Packing packing;
  if (args.size() < 7 || args[0] != "--pack" || args[2] != "--time" || args[4] != "--offset" ||
      !read_number(args[3], packing.time) || !read_number(args[5], packing.offset))
    return fail(Exit::bug, "the reader was started with arguments it does not know");
  packing.id = args[1];
  packing.names.assign(args.begin() + 6, args.end());
  return packing;
}

Result<std::uint64_t> pack(const Packing& packing, int folder, int out, Reporter& reporter) {
  auto inputs = open_inputs(packing, folder);
  if (!inputs) return pass(inputs.error());
  std::uint64_t all = 0;
  for (const Input& input : *inputs) all += static_cast<std::uint64_t>(input.st.st_size);
  Drain drain{out, packing.offset};
  Tar tar(drain, packing.time);
  if (auto begun = tar.header(packing.id + "/", AE_IFDIR, 0); !begun) return pass(begun.error());
  std::vector<char> buffer(std::size_t{1} << 18);
  std::uint64_t done = 0;
  for (std::size_t i = 0; i < inputs->size(); ++i) {
    const Input& input = (*inputs)[i];
    if (auto begun = tar.header(packing.id + "/" + packing.names[i], AE_IFREG, input.st.st_size); !begun)
      return pass(begun.error());
    for (std::int64_t left = input.st.st_size; left > 0;) {
      const auto wanted = static_cast<std::size_t>(std::min<std::int64_t>(left, static_cast<std::int64_t>(buffer.size())));
      const ssize_t n = ::read(input.fd.get(), buffer.data(), wanted);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return fail_errno(Exit::io_error, errno, "{} cannot be read to its end", packing.names[i]);
      if (n == 0) return fail(Exit::io_error, "{} became shorter while it was sent", packing.names[i]);
      if (auto sent = tar.content(buffer.data(), static_cast<std::size_t>(n)); !sent) return pass(sent.error());
      left -= n;
      done += static_cast<std::uint64_t>(n);
      reporter.progress(done, all);
    }
  }
  if (auto finished = tar.finish(); !finished) return pass(finished.error());
  return drain.written;
}

}  // namespace backupctl::archive
