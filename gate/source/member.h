#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <vector>

namespace backupctl::archive {

/// One extended attribute; the value is any bytes.
struct Xattr {
  std::string name;
  std::string value;
  bool operator==(const Xattr&) const = default;
};

/// What inodes have besides stat(2): attributes and access control lists in the kernel's form (posix_acl.h), empty when none.
struct Attributes {
  std::vector<Xattr> xattrs;  ///< user.* and security.*, by name
  std::string acl_access;
  std::string acl_default;
};

/// A stretch of a sparse file that holds data.
struct Extent {
  std::int64_t offset = 0;
  std::int64_t length = 0;
};

/// One member of an archive, between tree and tar in either direction.
struct Member {
  std::string path;      ///< relative to the tree; empty: the tree's own directory
  struct stat st {};     ///< type and mode, uid, gid, size, mtime are used
  std::string symlink;   ///< target of a symbolic link
  std::string hardlink;  ///< not empty: another name of this earlier member, relative to the tree
  Attributes attributes;
  std::vector<Extent> extents;  ///< the data of a sparse file, ascending
  bool sparse = false;
};

/// The directory in which every member of an archive lies (policy.md, "Members of a tree's archive begin with data/").
inline constexpr const char* member_root = "data";

}  // namespace backupctl::archive
