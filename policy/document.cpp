// The only file that sees toml++. Header-only and without exceptions: the shared library would cost start-up time for
// templates that are compiled in anyway, and a bad file is an everyday answer, not an exception.
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include "policy/document.h"

#include <toml++/toml.h>

#include <array>

#include "common/escape.h"

namespace backupctl::policy {
namespace {

Place place(const toml::source_region& region) { return {region.begin.line, region.begin.column}; }

Node copy(const toml::node& from) {
  Node node;
  node.place = place(from.source());
  node.kind = Node::Kind::other;
  if (const auto* text = from.as_string()) {
    node.kind = Node::Kind::text;
    node.text = text->get();
  } else if (const auto* number = from.as_integer()) {
    node.kind = Node::Kind::number;
    node.number = number->get();
  } else if (const auto* boolean = from.as_boolean()) {
    node.kind = Node::Kind::boolean;
    node.boolean = boolean->get();
  } else if (const auto* list = from.as_array()) {
    node.kind = Node::Kind::list;
    node.children.reserve(list->size());
    for (const toml::node& item : *list) node.children.push_back(copy(item));
  } else if (const auto* table = from.as_table()) {
    node.kind = Node::Kind::table;
    node.children.reserve(table->size());
    for (const auto& [key, value] : *table) {
      Node& child = node.children.emplace_back(copy(value));
      child.key = key.str();
      child.key_place = place(key.source());
    }
  }
  return node;
}

}  // namespace

const Node* Node::find(std::string_view name) const {
  for (const Node& child : children)
    if ((kind == Kind::list ? child.text : child.key) == name) return &child;
  return nullptr;
}

std::string_view kind_words(Node::Kind kind) {
  static constexpr std::array<std::string_view, 6> words = {"a string", "a number", "true or false",
                                                            "a list",   "a table",  "a float or a date"};
  return words[static_cast<std::size_t>(kind)];
}

Result<Node> parse_document(std::string_view bytes, std::string_view file_name) {
  const toml::parse_result parsed = toml::parse(bytes);
  if (!parsed) {
    const Place at = place(parsed.error().source());
    return fail(Exit::bad_config, "{}:{}:{}: {}", file_name, at.line, at.column, escape_line(parsed.error().description()));
  }
  return copy(parsed.table());
}

Place place_of(const Node& root, std::initializer_list<std::string_view> keys) {
  const Node* node = &root;
  for (const std::string_view key : keys) {
    const Node* next = node->find(key);
    if (next == nullptr) break;
    node = next;
  }
  return node->place;
}

}  // namespace backupctl::policy
