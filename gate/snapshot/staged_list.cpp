#include "gate/snapshot/staged_list.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "common/io.h"
#include "gate/source/tree_walk.h"

namespace backupctl::snapshot {
namespace {

constexpr std::string_view format_line = "backupctl staged list 1\n";
constexpr std::size_t boot_id_size = 36;  // random(4), /proc/sys/kernel/random/boot_id
constexpr std::size_t block = 256 * 1024;

UniqueFd open_list(int dir, const char* name, int flags) {
  return open_beneath(dir, name, flags | O_NOFOLLOW, (flags & O_CREAT) != 0 ? 0600 : 0);
}

}  // namespace

Stamp Stamp::of(const struct stat& st) {
  return {st.st_ino,         st.st_size,         st.st_mtim.tv_sec,   st.st_mtim.tv_nsec,
          st.st_ctim.tv_sec, st.st_ctim.tv_nsec, st.st_mode & S_IFMT, 0};
}

bool walks_before(std::string_view a, std::string_view b) {
  const auto rank = [](char c) {
    return c == '/' ? 0U : static_cast<unsigned>(static_cast<unsigned char>(c));
  };  // no name holds a NUL
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                      [&](char x, char y) { return rank(x) < rank(y); });
}

bool is_within(std::string_view path, std::string_view directory) {
  return directory.empty() || (path.starts_with(directory) && path.size() > directory.size() && path[directory.size()] == '/');
}

bool ListReader::read(void* to, std::size_t size) {
  while (buffer_.size() - used_ < size) {
    buffer_.erase(0, std::exchange(used_, 0));
    const std::size_t had = buffer_.size();
    buffer_.resize(had + block);
    const ssize_t n = fd_ ? ::read(fd_.get(), buffer_.data() + had, block) : 0;
    buffer_.resize(had + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    if (n <= 0) return false;
  }
  std::memcpy(to, buffer_.data() + used_, size);
  used_ += size;
  return true;
}

std::optional<std::string> ListReader::boot() {
  std::string head(format_line.size() + boot_id_size + 1, '\0');
  if (!read(head.data(), head.size()) || !head.starts_with(format_line) || !head.ends_with('\n')) return {};
  return head.substr(format_line.size(), boot_id_size);
}

std::optional<Staged> ListReader::read_entry() {
  std::uint32_t size = 0;
  Staged entry;
  if (!read(&size, sizeof size) || size > archive::max_path || !read(&entry.stamp, sizeof entry.stamp)) return {};
  entry.path.resize(size);
  if (!read(entry.path.data(), size)) return {};
  return entry;
}

std::optional<Staged> ListReader::next() {
  auto entry = ahead_ ? std::exchange(ahead_, {}) : read_entry();
  while (entry && (ahead_ = read_entry()) && ahead_->path == entry->path) entry = std::exchange(ahead_, {});
  return entry;
}

Result<> ListWriter::begin(const std::string& boot) {
  buffer_ = fmt::format("{}{}\n", format_line, boot);
  return flush();
}

Result<> ListWriter::add(std::string_view path, const Stamp& stamp) {
  const auto size = static_cast<std::uint32_t>(path.size());
  buffer_.append(reinterpret_cast<const char*>(&size), sizeof size);
  buffer_.append(reinterpret_cast<const char*>(&stamp), sizeof stamp);
  buffer_ += path;
  return buffer_.size() < block && stamp.open == 0 ? Result<>{} : flush();
}

Result<> ListWriter::flush() {
  auto written = write_all(fd_.get(), buffer_);
  buffer_.clear();
  return written;
}

Result<bool> settle_lists(int dir, const std::string& boot) {
  const auto believed = [&](ListReader& list) {
    const auto said = list.boot();
    return said && (boot.empty() || *said == boot);
  };
  ListReader old(open_list(dir, list_name, O_RDONLY));
  const bool has_old = believed(old);
  const bool old_is_lost = !has_old && ::faccessat(dir, list_name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
  ListReader part(open_list(dir, part_name, O_RDONLY));
  const auto part_boot = part.boot();
  if (!part_boot || (!boot.empty() && *part_boot != boot)) {
    ::unlinkat(dir, part_name, 0);  // cut off in its first line, or of another boot
    return has_old;
  }
  if (old_is_lost) return false;  // what it named, and the source has no more, would stay in the copy for good

  static constexpr const char* merged_name = "list.merged";
  ::unlinkat(dir, merged_name, 0);
  ListWriter merged(open_list(dir, merged_name, O_WRONLY | O_CREAT | O_EXCL));
  if (auto begun = merged.begin(*part_boot); !begun) return pass(begun.error());
  std::optional<Staged> last;
  while (auto entry = part.next()) {
    if (auto added = merged.add(entry->path, entry->stamp); !added) return pass(added.error());
    last = std::move(entry);
  }
  // What was beneath a directory that is none any more went with it.
  while (auto entry = has_old ? old.next() : std::nullopt)
    if (!last || (walks_before(last->path, entry->path) && (S_ISDIR(last->stamp.type) || !is_within(entry->path, last->path))))
      if (auto added = merged.add(entry->path, entry->stamp); !added) return pass(added.error());
  if (auto done = merged.flush(); !done) return pass(done.error());
  if (::renameat(dir, merged_name, dir, list_name) != 0)
    return fail_errno(Exit::io_error, errno, "the list of what is staged cannot be renamed");
  ::unlinkat(dir, part_name, 0);
  return true;
}

}  // namespace backupctl::snapshot
