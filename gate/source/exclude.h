#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace backupctl::archive {

/// Which files of a tree are left out: the part of rclone's filter patterns (rclone.org/filtering) that one list can mean the
/// same in the mirror and in the archive.
///
///     *        any characters but '/'                 **       any characters
///     ?        one character but '/'                  /x       x at the top of the tree alone
///     x        x at any depth                         x/**, x/ everything beneath the directory x; x itself stays, empty
///
/// A pattern without a trailing /** or / is compared with files only, never with a directory's name. Brackets, braces and
/// backslashes, which rclone would read otherwise, are refused, and what leaves out everything.
class Excludes {
 public:
  /// Error: Exit::bad_config, naming the pattern.
  static Result<Excludes> parse(std::span<const std::string> patterns);

  /// Is this file (anything but a directory) left out? @param path  relative to the tree.
  [[nodiscard]] bool file(std::string_view path) const;
  /// Is everything beneath this directory left out?
  [[nodiscard]] bool contents(std::string_view path) const;

 private:
  struct Pattern {
    std::string text;  ///< without the leading '/' and the trailing "/**"
    bool anchored = false;
    bool contents = false;
  };
  std::vector<Pattern> patterns_;
};

}  // namespace backupctl::archive
