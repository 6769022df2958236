#include "client/pulled_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <filesystem>

#include "common/io.h"
#include "common/request.h"
#include "common/sha256.h"

namespace backupctl::client {
namespace {

namespace fs = std::filesystem;

constexpr const char* manifest_name = "manifest.json";
constexpr const char* checksums_name = "MANIFEST.sha256";
constexpr const char* progress_name = ".progress";  ///< in the partial folder: the offset, then the files that are whole
constexpr std::size_t most_small = std::size_t{8} << 20;
constexpr std::int64_t young{86'400};  ///< seconds: an older transfer is not gone on with, since there is a newer snapshot

/// A file of a snapshot's folder: no path, nothing hidden.
bool is_file_name(std::string_view name) {
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
  return !name.empty() && name.size() < 256 && name[0] != '.' && name.find_first_not_of(letters) == std::string_view::npos;
}

UniqueFd open_in(int dir, const std::string& name, int flags) {
  return UniqueFd(::openat(dir, name.c_str(), flags | O_NOFOLLOW | O_CLOEXEC, 0600));
}

Result<Digest> digest_of(int dir, const std::string& name, std::uint64_t& bytes) {
  const UniqueFd fd = open_in(dir, name, O_RDONLY);
  if (!fd) return fail_errno(Exit::bad_data, errno, "{} is missing", name);
  Sha256 sum;
  std::vector<char> buffer(std::size_t{1} << 18);
  for (;;) {
    const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(Exit::io_error, errno, "cannot read {} again", name);
    if (n == 0) return sum.finish();
    sum.update(buffer.data(), static_cast<std::size_t>(n));
    bytes += static_cast<std::uint64_t>(n);
  }
}

/// The lines of sha256sum(1), `HEX  NAME`: a name to its digest. Nothing where one is no such line.
std::optional<std::vector<std::pair<std::string, std::string>>> parse_checksums(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> lines;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.size() < 67 || line.substr(64, 2) != "  " || !is_file_name(line.substr(66))) return {};
    lines.emplace_back(line.substr(66), line.substr(0, 64));
  }
  return lines;
}

}  // namespace

tl::unexpected<Error> PulledFolder::cannot(std::string_view what) const {
  return fail_errno(Exit::io_error, errno, "cannot {} in {}; what is whole there stays, pull again when that is mended", what,
                    path_);
}

Result<PulledFolder> PulledFolder::open(const std::string& path) {
  UniqueFd dir(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dir) return fail_errno(Exit::bad_config, errno, "cannot open the directory {} of --to, so nothing was asked for", path);
  if (::flock(dir.get(), LOCK_EX | LOCK_NB) != 0)
    return fail(Exit::unavailable, "another backup-client pulls into {}, so nothing was asked for", path);
  PulledFolder folder(path, std::move(dir));
  if (auto looked = folder.look_for_partial(); !looked) return pass(looked.error());
  return folder;
}

Result<> PulledFolder::look_for_partial() {
  std::error_code error;
  std::vector<std::string> partials;
  for (const auto& entry : fs::directory_iterator(path_, error)) {
    const std::string name = entry.path().filename();
    if (name.size() == 24 && name.starts_with('.') && name.ends_with(".partial") && is_snapshot_id(name.substr(1, 15)))
      partials.push_back(name.substr(1, 15));
  }
  std::sort(partials.begin(), partials.end());
  for (const std::string& each : partials) {
    id_ = each;
    folder_ = open_in(dir_.get(), partial(), O_RDONLY | O_DIRECTORY);
    struct stat st {};
    const UniqueFd progress = folder_ ? open_in(folder_.get(), progress_name, O_RDONLY) : UniqueFd();
    const auto text =
        progress && ::fstat(progress.get(), &st) == 0 ? read_all(progress.get(), most_small) : Result<std::string>("");
    const auto* const end = text ? text->data() + text->size() : nullptr;
    const auto read = text ? std::from_chars(text->data(), end, offset_) : std::from_chars_result{};
    if (!text || text->empty() || read.ec != std::errc{} || &each != &partials.back() ||
        std::time(nullptr) - st.st_mtime > young) {
      discard();
      continue;
    }
    std::string_view rest(read.ptr, static_cast<std::size_t>(end - read.ptr));
    while (rest.starts_with('\n')) {
      rest.remove_prefix(1);
      const std::string_view name = rest.substr(0, rest.find('\n'));
      if (is_file_name(name)) whole_.insert(std::string(name));
      rest.remove_prefix(name.size());
    }
    for (const auto& entry : fs::directory_iterator(fs::path(path_) / partial(), error)) {
      const std::string name = entry.path().filename();
      if (name != progress_name && !whole_.contains(name)) ::unlinkat(folder_.get(), name.c_str(), 0);
    }
  }
  return {};
}

void PulledFolder::discard() {
  std::error_code error;
  if (!id_.empty()) fs::remove_all(fs::path(path_) / partial(), error);  // follows no link
  id_.clear();
  offset_ = 0;
  whole_.clear();
  folder_.reset();
  file_.reset();
}

Result<> PulledFolder::begin(const TarReader::Member& member) {
  const std::string id = member.path.substr(0, member.path.find('/'));
  const std::string name = id.size() < member.path.size() ? member.path.substr(id.size() + 1) : "";
  if (!is_snapshot_id(id) || (!id_.empty() && id != id_) || member.directory != name.empty())
    return fail(Exit::bad_data, "what the host sent is no snapshot's folder, so it was not kept");
  if (member.directory) {
    if (::faccessat(dir_.get(), (id + "/" + manifest_name).c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0)
      return fail(Exit::skipped, "snapshot {} is in {} already", id, path_);
    id_ = id;
    ::mkdirat(dir_.get(), partial().c_str(), 0700);
    folder_ = open_in(dir_.get(), partial(), O_RDONLY | O_DIRECTORY);
    return folder_ ? Result<>{} : cannot("make a folder");
  }
  if (!folder_ || !is_file_name(name) || whole_.contains(name))
    return fail(Exit::bad_data, "what the host sent is no snapshot's folder, so it was not kept");
  name_ = name;
  file_ = open_in(folder_.get(), name, O_WRONLY | O_CREAT | O_TRUNC);
  return file_ ? Result<>{} : cannot("write " + name);
}

Result<> PulledFolder::content(std::string_view bytes) {
  return write_all(file_.get(), bytes) ? Result<>{} : cannot("write " + name_);
}

Result<> PulledFolder::end(std::uint64_t next) {
  offset_ = next;
  if (!file_) return note_progress();
  if (::fsync(file_.get()) != 0) return cannot("write " + name_);
  file_.reset();
  whole_.insert(name_);
  return note_progress();
}

Result<> PulledFolder::note_progress() {
  std::string text = fmt::format("{}", offset_);
  for (const std::string& name : whole_) text += "\n" + name;
  const std::string fresh = fmt::format("{}.new", progress_name);
  const UniqueFd fd = open_in(folder_.get(), fresh, O_WRONLY | O_CREAT | O_TRUNC);
  if (!fd || !write_all(fd.get(), text) || ::fsync(fd.get()) != 0 ||
      ::renameat(folder_.get(), fresh.c_str(), folder_.get(), progress_name) != 0)
    return cannot("note how far it came");
  return {};
}

Result<std::uint64_t> PulledFolder::commit() {
  const auto spoilt = [&](const std::string& why) {
    const auto error =
        fail(Exit::bad_data, "snapshot {} did not arrive whole ({}), so it was not kept; pull it again", id_, why);
    discard();
    return error;
  };
  if (!whole_.contains(checksums_name) || !whole_.contains(manifest_name)) return spoilt("its manifest is missing");
  const auto text = read_all(open_in(folder_.get(), checksums_name, O_RDONLY).get(), most_small);
  const auto sums = text ? parse_checksums(*text) : std::nullopt;
  if (!sums || sums->empty()) return spoilt("its checksums cannot be read");
  std::uint64_t bytes = 0;
  std::set<std::string> unlisted = whole_;
  unlisted.erase(checksums_name);
  unlisted.erase(manifest_name);
  for (const auto& [name, wanted] : *sums) {
    const auto digest = digest_of(folder_.get(), name, bytes);
    if (!digest && digest.error().exit == Exit::io_error) return pass(digest.error());
    if (!digest || to_hex(*digest) != wanted)
      return spoilt(digest ? name + " is not what MANIFEST.sha256 says" : digest.error().sentence);
    unlisted.erase(name);
  }
  if (!unlisted.empty()) return spoilt(*unlisted.begin() + " has no line in MANIFEST.sha256");
  ::unlinkat(folder_.get(), progress_name, 0);
  // A folder of that name without a manifest is nobody's backup, and not ours to replace.
  if (::fsync(folder_.get()) != 0 ||
      ::renameat2(dir_.get(), partial().c_str(), dir_.get(), id_.c_str(), RENAME_NOREPLACE) != 0 || ::fsync(dir_.get()) != 0)
    return cannot("make " + id_);
  return bytes;
}

Result<std::vector<std::string>> PulledFolder::rotate(std::size_t keep) {
  std::error_code error;
  std::vector<std::string> whole;
  for (const auto& entry : fs::directory_iterator(path_, error)) {
    const std::string name = entry.path().filename();
    if (is_snapshot_id(name) && fs::exists(entry.path() / manifest_name, error)) whole.push_back(name);
  }
  std::sort(whole.begin(), whole.end());
  std::vector<std::string> gone;
  while (whole.size() > std::max<std::size_t>(keep, 1)) {
    const fs::path oldest = fs::path(path_) / whole.front();
    // What is half removed must not look like a backup.
    if (::unlink((oldest / manifest_name).c_str()) != 0) return cannot("remove " + whole.front());
    fs::remove_all(oldest, error);
    if (error) return fail(Exit::io_error, "cannot remove all of {}: {}", oldest.string(), error.message());
    gone.push_back(whole.front());
    whole.erase(whole.begin());
  }
  return gone;
}

}  // namespace backupctl::client
