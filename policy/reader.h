#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/document.h"
#include "policy/values.h"

namespace backupctl::policy {

/// Collects what is wrong with a file, so that a person mends it in one go.
class Errors {
 public:
  /// @param sentence  without file, place and full stop; what it quotes of the file is escaped here (X10).
  void add(Place place, std::string_view sentence);
  [[nodiscard]] bool empty() const { return found_.empty(); }
  /// One line per error, "FILE:LINE:COLUMN: sentence", in the file's order; at most 20, the rest is counted.
  [[nodiscard]] Error report(std::string_view file_name) const;

 private:
  std::vector<std::pair<Place, std::string>> found_;
};

/// Reads one table of the file against the schema: each getter names a key, its type and its form, and so makes the key
/// known; reject_others() then refuses all keys that nobody asked for. A getter gives nothing when the key is absent or wrong;
/// wrong is noted as an error at its place. So a section's code is the list of its keys, with `.value_or(DEFAULT)`.
class Table {
 public:
  /// @param path  how sentences call the table ("service.planka"); empty for the whole file.
  /// `node` and `errors` must outlive this.
  Table(const Node& node, std::string path, Errors& errors) : node_(&node), path_(std::move(path)), errors_(&errors) {}

  [[nodiscard]] bool has(std::string_view key) const { return node_->find(key) != nullptr; }
  /// Every one of `keys` must be there.
  void require(std::initializer_list<std::string_view> keys);
  /// Call last: a key that no getter named is an error.
  void reject_others();
  /// Notes an error at `key`'s value, or where the table begins if the key is absent.
  void error(std::string_view key, std::string_view sentence);

  std::optional<std::string> text(std::string_view key, const Form& must);
  /// A list of different strings. @param least  how many there must be, if the key is there.
  std::vector<std::string> texts(std::string_view key, const Form& must, std::size_t least = 1);
  /// A program with its arguments: the first an absolute path. @param variables  "{service}" may stand in arguments, and no
  /// other brace; otherwise nothing is replaced and "{service}" is refused.
  Argv argv(std::string_view key, bool variables);
  std::optional<std::uint32_t> number(std::string_view key, std::uint32_t least, std::uint32_t most);
  std::optional<bool> flag(std::string_view key);
  std::optional<Seconds> duration(std::string_view key, Seconds least = Seconds{1});
  /// A number, or a share ("50%").
  std::optional<Limit> limit(std::string_view key);
  /// A number of bytes, as number or string.
  std::optional<std::uint64_t> bytes(std::string_view key);
  std::optional<Table> table(std::string_view key);
  /// One word of a table of words.
  template <class Value, std::size_t count>
  std::optional<Value> word(std::string_view key, const std::pair<std::string_view, Value> (&words)[count]) {
    const Node* value = get(key, Node::Kind::text);
    if (value == nullptr) return std::nullopt;
    std::string wanted;
    for (const auto& [spelling, meaning] : words) {
      if (value->text == spelling) return meaning;
      wanted += wanted.empty() ? "" : ", ";
      wanted += spelling;
    }
    error(key, fmt::format("\"{}\" is none of {}", value->text, wanted));
    return std::nullopt;
  }
  /// All keys of a table whose keys are names that the file's owner gives; names that break the form are errors, left out.
  std::vector<std::string> names(const Form& must);

 private:
  /// The value under `key` if it is of that kind; wrong kinds are noted.
  const Node* get(std::string_view key, Node::Kind kind);
  [[nodiscard]] std::string name_of(std::string_view key) const {
    return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
  }

  const Node* node_;
  std::string path_;
  Errors* errors_;
  std::vector<std::string_view> known_;
};

}  // namespace backupctl::policy
