#include "gate/step/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <fstream>
#include <memory>
#include <sstream>

#include "common/io.h"

namespace backupctl::step {
namespace {

struct CloseDir {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

}  // namespace

bool is_empty_directory(int fd) {
  const std::unique_ptr<DIR, CloseDir> dir(::fdopendir(::openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
  std::size_t names = 0;
  while (const dirent* entry = dir ? ::readdir(dir.get()) : nullptr) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != ".." && name != "lost+found") ++names;
  }
  return names == 0;
}

namespace {

/// mountinfo writes blanks and backslashes of a path as \ooo.
std::string unescape(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

Result<UniqueFd> open_tree_root(const std::string& path, bool may_be_empty) {
  UniqueFd fd = open_no_symlinks(path, O_RDONLY | O_DIRECTORY);
  if (!fd)
    return fail_errno(Exit::bad_config, errno, "cannot open the tree {}, so nothing was read and the copies stay as they are",
                      path);
  if (!may_be_empty && is_empty_directory(fd.get()))
    return fail(
        Exit::bad_data,
        "the tree {} is empty, which looks like a disk that is not mounted: nothing was sent and the copies stay as they are",
        path);
  return fd;
}

std::vector<std::string> mounts_beneath(const std::string& path) {
  std::vector<std::string> found;
  std::ifstream info("/proc/self/mountinfo");
  for (std::string line; std::getline(info, line);) {
    std::istringstream fields(line);
    std::string id, parent, device, root, point;
    fields >> id >> parent >> device >> root >> point;
    point = unescape(point);
    if (point.size() > path.size() + 1 && point.starts_with(path) && point[path.size()] == '/') found.push_back(point);
  }
  return found;
}

bool is_left_out(const archive::Excludes& excludes, std::string_view file) {
  for (std::size_t end = file.find('/'); end != std::string_view::npos; end = file.find('/', end + 1))
    if (excludes.contents(file.substr(0, end))) return true;
  return excludes.file(file);
}

std::vector<std::string> missed_mounts(const std::string& path, const std::vector<std::string>& exclude) {
  std::vector<std::string> mounts = mounts_beneath(path);
  if (mounts.empty()) return mounts;
  const auto excludes = archive::Excludes::parse(exclude);
  if (!excludes) return mounts;  // rclone knows more patterns than this matcher, which is sure of none then
  std::erase_if(mounts, [&](const std::string& mount) {
    const std::string_view below = std::string_view(mount).substr(path.size() + 1);
    // Not looked at: whoever serves it may never answer, and a service stands still meanwhile (S5).
    return excludes->contents(below) || is_left_out(*excludes, below);
  });
  return mounts;
}

}  // namespace backupctl::step
