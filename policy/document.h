#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace backupctl::policy {

/// Where something stands in the policy file; both count from 1, columns in characters.
struct Place {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
  auto operator<=>(const Place&) const = default;
};

/// One value of a TOML file (toml.io, version 1.0) with its place. It keeps toml++ out of all other files: the library is
/// large to compile, and no part of the schema needs more than this.
struct Node {
  enum class Kind : std::uint8_t { text, number, boolean, list, table, other };  ///< other: floats and dates
  Kind kind = Kind::table;
  Place place;      ///< of the value; of a [table], its header
  std::string key;  ///< in a table: the key it stands under
  Place key_place;
  std::string text;
  std::int64_t number = 0;
  bool boolean = false;
  std::vector<Node> children;  ///< a list's items, a table's values in the order of their keys

  /// In a table the value under `name`, in a list the item that is the text `name`; nullptr when there is none.
  [[nodiscard]] const Node* find(std::string_view name) const;
};

/// "a string", "a table", … for sentences.
std::string_view kind_words(Node::Kind kind);

/// Parses TOML. @param file_name  for the error's sentence alone, which has the form FILE:LINE:COLUMN: sentence.
/// Error: Exit::bad_config for what is no TOML.
Result<Node> parse_document(std::string_view bytes, std::string_view file_name);

/// The place of the value that `keys` lead to from `root`; where the way ends early, of the last value found.
Place place_of(const Node& root, std::initializer_list<std::string_view> keys);

}  // namespace backupctl::policy
