#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "gate/source/archive_tree.h"
#include "gate/source/block_pipe.h"
#include "gate/source/file_list.h"
#include "gate/source/file_reader.h"
#include "gate/source/tar_writer.h"
#include "gate/source/tree_walk.h"

namespace backupctl::archive {

/// Turns what a walk finds into members of an archive and lines of its file list, or into the lines alone.
class TreeArchiver : public Visitor {
 public:
  /// @param pipe, tar  null, both: no archive
  TreeArchiver(BlockPipe* pipe, TarWriter* tar, FileList& list, const ArchiveOptions& options, Reporter& reporter)
      : tar_(tar), list_(list), options_(options), reporter_(reporter), reader_(pipe, tar, reporter) {}

  bool wanted(std::string_view path, std::uint8_t type) override;
  bool covered(std::string_view path) override { return options_.covered.contains(path); }
  Result<> found(const Found& entry) override;
  bool descend(std::string_view path) override { return !options_.excludes.contents(path); }
  void leave(std::string_view path, const struct stat& before, const struct stat& now) override;
  void lost(NotRead why, std::string_view path, std::string_view what) override;

  [[nodiscard]] std::uint64_t members() const { return members_; }
  [[nodiscard]] std::uint64_t content_bytes() const { return reader_.bytes(); }

 private:
  Result<> regular(const Found& entry, Member& member);
  Result<> header_only(Member& member);
  Result<> begin(const Member& member);
  Result<> end() { return tar_ != nullptr ? tar_->end() : Result<>{}; }
  bool linked_before(Member& member);
  void read_attributes_of(const Found& entry, Member& member);
  void tell_database(std::string_view path);

  /// A file of several names whose other names have not come yet: the first one's path, and how many are left. About 100
  /// bytes and the path for each such file; forgotten with its last name.
  struct Link {
    std::string path;
    nlink_t left;
  };

  TarWriter* tar_;
  FileList& list_;
  const ArchiveOptions& options_;
  Reporter& reporter_;
  FileReader reader_;
  std::map<std::pair<dev_t, ino_t>, Link> links_;
  std::uint64_t members_ = 0;
  int databases_ = 0;  ///< of SQLite, read from under whoever uses them
};

}  // namespace backupctl::archive
