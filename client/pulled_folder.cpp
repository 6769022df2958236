#include "client/pulled_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <sstream>
#include <utility>

#include "common/escape.h"
#include "common/io.h"
#include "common/request.h"
#include "common/room.h"
#include "common/sha256.h"
#include "common/snapshot_rotation.h"

namespace backupctl::client {
namespace {

namespace fs = std::filesystem;

constexpr const char* manifest_name = "manifest.json";
constexpr const char* checksums_name = "MANIFEST.sha256";
constexpr const char* progress_name = ".progress";  ///< in the partial folder
constexpr const char* service_name = ".service";
constexpr const char* lock_name = ".lock";
constexpr std::size_t most_files = 2000;  ///< of a snapshot
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

/// What a directory holds; nothing where it cannot be read to its end.
std::vector<std::string> names_in(const fs::path& path) {
  std::error_code error;
  std::vector<std::string> names;
  for (fs::directory_iterator at(path, error); !error && at != fs::directory_iterator(); at.increment(error))
    names.push_back(at->path().filename());
  return names;
}

/// Of tomorrow or later: days, in whatever zone the host names them by.
bool is_ahead(const std::string& id) {
  const std::time_t soon = std::time(nullptr) + 2 * 86'400;
  std::tm day{};
  ::gmtime_r(&soon, &day);
  return id.substr(0, 8) > fmt::format("{:04}{:02}{:02}", day.tm_year + 1900, day.tm_mon + 1, day.tm_mday);
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

Result<PulledFolder> PulledFolder::open(const std::string& path, const std::string& service) {
  UniqueFd dir(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dir) return fail_errno(Exit::bad_config, errno, "cannot open the directory {} of --to, so nothing was asked for", path);
  // A file, since file systems of the network lock nothing else.
  UniqueFd lock = open_in(dir.get(), lock_name, O_RDWR | O_CREAT);
  if (!lock) return fail_errno(Exit::io_error, errno, "cannot write into {}, so nothing was asked for", path);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK)
      return fail(Exit::unavailable, "another backup-client pulls into {}, so nothing was asked for", path);
    return fail_errno(Exit::io_error, errno, "cannot lock {}, so nothing was asked for", path);
  }
  PulledFolder folder(path, std::move(dir), std::move(lock));
  if (auto bound = folder.bind_to(service); !bound) return pass(bound.error());
  folder.look_for_partials();
  return folder;
}

/// Rotation counts folders: those of two services in one directory would push each other out.
Result<> PulledFolder::bind_to(const std::string& service) {
  const UniqueFd known = open_in(dir_.get(), service_name, O_RDONLY);
  const auto text = known ? read_all(known.get(), 4096) : Result<std::string>("");
  if (text && *text == service) return {};
  if (known && (!text || !text->empty()))
    return fail(Exit::bad_config,
                "{} has the snapshots of another service ({}), so nothing was asked for: name a directory of {}'s own", path_,
                text ? escape_line(*text, 64) : "?", service);
  const UniqueFd fresh = open_in(dir_.get(), service_name, O_WRONLY | O_CREAT);
  return fresh && write_all(fresh.get(), service) ? Result<>{} : cannot("write a file");
}

void PulledFolder::look_for_partials() {
  std::vector<std::string> ids;
  for (const std::string& name : names_in(path_))
    if (name.size() == 24 && name.starts_with('.') && name.ends_with(".partial") && is_snapshot_id(name.substr(1, 15)))
      ids.push_back(name.substr(1, 15));
  std::sort(ids.begin(), ids.end());
  for (const std::string& each : ids) {
    id_ = each;
    folder_ = open_in(dir_.get(), partial(), O_RDONLY | O_DIRECTORY);
    if (&each != &ids.back() || !folder_ || !read_progress()) discard();
  }
  if (id_.empty()) return;
  for (const std::string& name : names_in(fs::path(path_) / partial()))
    if (name != progress_name && name != name_ && !whole_.contains(name)) ::unlinkat(folder_.get(), name.c_str(), 0);
}

/// The partial folder's notes, as note_progress() wrote them, and the file that they say is begun, as long as they say.
/// @return false: there are none, or they are of yesterday
bool PulledFolder::read_progress() {
  const UniqueFd progress = open_in(folder_.get(), progress_name, O_RDONLY);
  struct stat st {};
  if (!progress || ::fstat(progress.get(), &st) != 0 || std::time(nullptr) - st.st_mtime > young) return false;
  const auto text = read_all(progress.get(), most_small);
  if (!text) return false;
  std::istringstream lines(*text);
  Inside inside;
  if (!(lines >> next_ >> inside.place.offset >> inside.place.content >> inside.place.padding >> inside.bytes)) return false;
  lines.ignore();
  std::getline(lines, name_);
  for (std::string name; std::getline(lines, name);)
    if (is_file_name(name)) whole_.insert(name);
  if (name_.empty()) return true;
  file_ = is_file_name(name_) ? open_in(folder_.get(), name_, O_WRONLY | O_APPEND) : UniqueFd();
  if (file_ && ::fstat(file_.get(), &st) == 0 && st.st_size >= inside.bytes && ::ftruncate(file_.get(), inside.bytes) == 0) {
    inside_ = inside;
  } else {
    file_.reset();
    name_.clear();  // it is begun anew
  }
  return true;
}

void PulledFolder::discard() {
  std::error_code error;
  if (!id_.empty()) fs::remove_all(fs::path(path_) / partial(), error);  // follows no link
  id_.clear();
  name_.clear();
  next_ = 0;
  inside_.reset();
  whole_.clear();
  folder_.reset();
  file_.reset();
}

void PulledFolder::suspend(const std::optional<TarReader::Place>& inside) {
  if (!file_) return;
  struct stat st {};
  if (inside && ::fsync(file_.get()) == 0 && ::fstat(file_.get(), &st) == 0) {
    inside_ = Inside{*inside, st.st_size};
    if (note_progress()) return;
  }
  inside_.reset();
  file_.reset();
  ::unlinkat(folder_.get(), name_.c_str(), 0);  // it takes room for nothing
  name_.clear();
  static_cast<void>(note_progress());
}

Result<> PulledFolder::begin(const TarReader::Member& member) {
  const std::string id = member.path.substr(0, member.path.find('/'));
  const std::string name = id.size() < member.path.size() ? member.path.substr(id.size() + 1) : "";
  if (!is_snapshot_id(id) || (!id_.empty() && id != id_) || member.directory != name.empty())
    return fail(Exit::bad_data, "what the host sent is no snapshot's folder, so it was not kept");
  if (member.directory) {
    if (is_ahead(id))
      return fail(Exit::bad_data, "snapshot {} is dated in the future, so it was not kept: look at the host's clock, and ours",
                  id);
    if (::faccessat(dir_.get(), (id + "/" + manifest_name).c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0)
      return fail(Exit::skipped, "snapshot {} is in {} already", id, path_);
    if (::faccessat(dir_.get(), id.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0)
      return fail(Exit::unavailable, "{}/{} has no {}, so it is no backup, and in the way of one: move it elsewhere", path_, id,
                  manifest_name);
    id_ = id;
    if (::mkdirat(dir_.get(), partial().c_str(), 0700) != 0 && errno != EEXIST) return cannot("make a folder");
    folder_ = open_in(dir_.get(), partial(), O_RDONLY | O_DIRECTORY);
    return folder_ ? Result<>{} : cannot("make a folder");
  }
  if (!folder_ || !is_file_name(name) || whole_.contains(name) || whole_.size() > most_files)
    return fail(Exit::bad_data, "what the host sent is no snapshot's folder, so it was not kept");
  const auto room = room_on(folder_.get());
  if (!room) return pass(room.error());
  if (room->bytes < member.size)
    return fail(Exit::io_error, "{} needs {} bytes, and {} has no room for that: make some, then pull again", name, member.size,
                path_);
  name_ = name;
  file_ = open_in(folder_.get(), name, O_WRONLY | O_CREAT | O_TRUNC);
  return file_ ? Result<>{} : cannot("write " + name);
}

Result<> PulledFolder::content(std::string_view bytes) {
  return write_all(file_.get(), bytes) ? Result<>{} : cannot("write " + name_);
}

Result<> PulledFolder::end(std::uint64_t next) {
  next_ = next;
  inside_.reset();
  if (file_) {
    if (::fsync(file_.get()) != 0) return cannot("write " + name_);
    file_.reset();
    whole_.insert(std::exchange(name_, {}));
  }
  return note_progress();
}

/// A line of places, one with the name of the file that is begun, if any, and the names of those that are whole. Not with
/// write_file_durably(), which follows no link: DIR may well be reached through one.
Result<> PulledFolder::note_progress() {
  const Inside inside = inside_.value_or(Inside{});
  std::string text = fmt::format("{} {} {} {} {}\n{}\n", next_, inside.place.offset, inside.place.content, inside.place.padding,
                                 inside.bytes, inside_ ? name_ : "");
  for (const std::string& name : whole_) text += name + "\n";
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
  const auto manifest = read_all(open_in(folder_.get(), manifest_name, O_RDONLY).get(), most_small);
  if (!manifest || manifest->find("\"" + id_ + "\"") == std::string::npos ||
      manifest->find("\"" + to_hex(sha256(*text)) + "\"") == std::string::npos)
    return spoilt("its manifest is of other checksums");
  // No folder of that name was there at the beginning; one that came since is not empty, and stays.
  if (::fsync(folder_.get()) != 0 || ::renameat(dir_.get(), partial().c_str(), dir_.get(), id_.c_str()) != 0 ||
      ::fsync(dir_.get()) != 0)
    return cannot("make " + id_);
  ::unlinkat(folder_.get(), progress_name, 0);
  committed_ = id_;
  return bytes;
}

Result<std::vector<std::string>> PulledFolder::rotate(std::size_t keep) {
  std::vector<std::string> whole;
  for (const std::string& name : names_in(path_)) {
    struct stat st {};
    const bool folder = is_snapshot_id(name) && !is_ahead(name) &&
                        ::fstatat(dir_.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
    if (folder && ::faccessat(dir_.get(), (name + "/" + manifest_name).c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0)
      whole.push_back(name);
  }
  std::sort(whole.begin(), whole.end());
  whole = snapshots_to_remove(std::move(whole), keep);
  std::erase(whole, committed_);
  for (const std::string& each : whole) {
    // Out of sight at once; what a crash leaves of it is removed by the next open().
    const std::string gone = "." + each + ".partial";
    if (::renameat(dir_.get(), each.c_str(), dir_.get(), gone.c_str()) != 0) return cannot("remove " + each);
    std::error_code error;
    fs::remove_all(fs::path(path_) / gone, error);
    if (error) return fail(Exit::io_error, "cannot remove all of {}: {}", gone, error.message());
  }
  return whole;
}

}  // namespace backupctl::client
