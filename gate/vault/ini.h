#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "gate/vault/secret.h"

namespace backupctl::vault {

/// rclone.conf as rclone 1.60 reads it (github.com/Unknwon/goconfig, read.go), kept byte for byte: comments, blank lines, CRLF
/// and sections that nobody asks about stay as they are. Values lie in the one text and are wiped with it (X4).
class Ini {
 public:
  /// One `key = value` or `key: value` line.
  struct Key {
    std::string name;
    std::size_t begin = 0;  ///< of the value, without the blanks around it, in text()
    std::size_t size = 0;   ///< bytes of the value
  };
  struct Section {
    std::string name;
    std::vector<Key> keys;
    std::size_t odd_line = 0;  ///< number of the first line that is no key, comment or blank; 0: none
    bool repeated = false;     ///< the file has a second section of this name (rclone would merge them)
    [[nodiscard]] const Key* find(std::string_view key) const;
  };

  /// @param text  the whole file. Error: Exit::bad_config when it is longer than max_config or holds a zero byte.
  static Result<Ini> parse(SecretText text);

  [[nodiscard]] const Section* find(std::string_view name) const;
  /// A view into this object: gone with it.
  [[nodiscard]] std::string_view value(const Key& key) const {
    return std::string_view(text_.bytes).substr(key.begin, key.size);
  }
  [[nodiscard]] std::string_view text() const { return text_.bytes; }
  /// The file is encrypted with rclone's own password (`RCLONE_ENCRYPT_V0:` after comments): there are no sections to see.
  [[nodiscard]] bool encrypted() const { return encrypted_; }
  /// The whole text with one value replaced and every other byte kept.
  [[nodiscard]] SecretText with_value(const Key& key, std::string_view value) const;

 private:
  SecretText text_;
  std::vector<Section> sections_;
  bool encrypted_ = false;
};

}  // namespace backupctl::vault
