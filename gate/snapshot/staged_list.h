#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/result.h"
#include "common/unique_fd.h"

/// A tree's copy in its staging directory, kept from night to night (policy.md, `staging`; architecture.md, "Data flow").
namespace backupctl::snapshot {

/// What tells that a file of the source is still the one that was copied: everything that a write, a rename or a change of
/// attributes changes (stat(2)); the inode tells files apart that changed places.
struct Stamp {
  std::uint64_t inode = 0;
  std::int64_t size = 0;
  std::int64_t modified = 0, modified_ns = 0;
  std::int64_t changed = 0, changed_ns = 0;  ///< ctime, which no program can set
  std::uint32_t type = 0;                    ///< S_IFMT of st_mode
  /// 1: the copy may differ from the source all the same, or was never finished: it is made again in the next pass.
  std::uint32_t open = 0;

  static Stamp of(const struct stat& st);
  bool operator==(const Stamp&) const = default;
};
static_assert(sizeof(Stamp) == 56);

/// One path of the copy.
struct Staged {
  std::string path;  ///< relative to the tree; empty: the tree itself
  Stamp stamp;
};

/// The order in which a tree is walked: a directory, then everything beneath it, names in byte order.
bool walks_before(std::string_view a, std::string_view b);
/// Whether `path` lies beneath `directory`, at whatever depth.
bool is_within(std::string_view path, std::string_view directory);

/// The list of what a copy holds, `list` in the staging directory: a line with this format's name, a line with the boot's id,
/// and an entry a path in walks_before() order: path's length, Stamp, path; in the host's byte order, since it never leaves the
/// host. While a pass runs its own list is `list.part`: an entry with `open` is written before the path is touched, and the
/// entry without it afterwards, so that a pass which is broken off leaves nothing unlisted.
class ListReader {
 public:
  /// @param fd  at its beginning; empty: a list without entries.
  explicit ListReader(UniqueFd fd) : fd_(std::move(fd)) {}
  /// The boot's id in the header; nothing when this is no such list.
  std::optional<std::string> boot();
  /// The next path, with its last entry; nothing at the end, which is also where an entry was cut off.
  std::optional<Staged> next();

 private:
  std::optional<Staged> read_entry();
  bool read(void* to, std::size_t size);
  UniqueFd fd_;
  std::string buffer_;
  std::size_t used_ = 0;
  std::optional<Staged> ahead_;
};

class ListWriter {
 public:
  explicit ListWriter(UniqueFd fd) : fd_(std::move(fd)) {}
  Result<> begin(const std::string& boot);
  Result<> add(std::string_view path, const Stamp& stamp);
  /// Everything is written; a killed process takes nothing along. Error: Exit::io_error.
  Result<> flush();

 private:
  UniqueFd fd_;
  std::string buffer_;
};

/// Makes `list` what the copy holds: where a pass was broken off (`list.part`), its entries, and from where it ended those of
/// the list before it. @param dir  the staging directory
/// @param boot  lists of another boot are not believed, since nothing in them waited for the disk; empty: they are
/// @return false when there is no list to be believed: then nothing is known of what lies there.
Result<bool> settle_lists(int dir, const std::string& boot);

inline constexpr const char* list_name = "list";
inline constexpr const char* part_name = "list.part";
inline constexpr const char* tree_name = "tree";  ///< the copy itself

}  // namespace backupctl::snapshot
