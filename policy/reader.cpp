#include "policy/reader.h"

#include <algorithm>
#include <charconv>

#include "common/escape.h"

namespace backupctl::policy {
namespace {

constexpr std::size_t max_reported = 20;
constexpr std::string_view service_variable = "{service}";

bool is_known(const std::vector<std::string_view>& known, std::string_view key) {
  return std::find(known.begin(), known.end(), key) != known.end();
}

}  // namespace

void Errors::add(Place place, std::string_view sentence) { found_.emplace_back(place, escape_line(sentence, 512)); }

Error Errors::report(std::string_view file_name) const {
  auto sorted = found_;
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string text;
  for (std::size_t i = 0; i < std::min(sorted.size(), max_reported); ++i)
    text += fmt::format("{}{}:{}:{}: {}", i == 0 ? "" : "\n", file_name, sorted[i].first.line, sorted[i].first.column,
                        sorted[i].second);
  if (sorted.size() > max_reported) text += fmt::format("\n{}: {} more errors", file_name, sorted.size() - max_reported);
  return {Exit::bad_config, std::move(text)};
}

const Node* Table::get(std::string_view key, Node::Kind kind) {
  const Node* value = node_->find(key);
  // The view must outlive the caller's string: a present key is kept by the document, an absent one is a literal.
  known_.push_back(value == nullptr ? key : std::string_view(value->key));
  if (value == nullptr || value->kind == kind) return value;
  error(key, fmt::format("must be {}, not {}", kind_words(kind), kind_words(value->kind)));
  return nullptr;
}

void Table::error(std::string_view key, std::string_view sentence) {
  errors_->add(place_of(*node_, {key}), fmt::format("{}: {}", name_of(key), sentence));
}

void Table::require(std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys) {
    if (has(key)) continue;
    known_.push_back(key);
    error(key, "is required");
  }
}

void Table::reject_others() {
  std::sort(known_.begin(), known_.end());
  known_.erase(std::unique(known_.begin(), known_.end()), known_.end());
  for (const Node& child : node_->children)
    if (!is_known(known_, child.key))
      errors_->add(child.key_place,
                   fmt::format("{}: unknown key; known here: {}", name_of(child.key), fmt::join(known_, ", ")));
}

std::optional<std::string> Table::text(std::string_view key, const Form& must) {
  const Node* value = get(key, Node::Kind::text);
  if (value == nullptr) return std::nullopt;
  if (must.matches(value->text)) return value->text;
  // A URL with a password in it is refused, and must not be shown (no secrets in output).
  if (&must == &form::url)
    error(key, fmt::format("must be {}", must.wanted));
  else
    error(key, fmt::format("\"{}\" is not {}", value->text, must.wanted));
  return std::nullopt;
}

std::vector<std::string> Table::texts(std::string_view key, const Form& must, std::size_t least) {
  std::vector<std::string> result;
  const Node* list = get(key, Node::Kind::list);
  if (list == nullptr) return result;
  if (list->children.size() < least) error(key, "must not be empty");
  for (const Node& item : list->children) {
    if (item.kind != Node::Kind::text)
      errors_->add(item.place, fmt::format("{}: must hold strings, not {}", name_of(key), kind_words(item.kind)));
    else if (!must.matches(item.text))
      errors_->add(item.place, fmt::format("{}: \"{}\" is not {}", name_of(key), item.text, must.wanted));
    else if (std::find(result.begin(), result.end(), item.text) != result.end())
      errors_->add(item.place, fmt::format("{}: \"{}\" is there twice", name_of(key), item.text));
    else
      result.push_back(item.text);
  }
  return result;
}

Argv Table::argv(std::string_view key, bool variables) {
  Argv result;
  const Node* list = get(key, Node::Kind::list);
  if (list == nullptr) return result;
  if (list->children.empty()) error(key, "must name a program");
  for (const Node& item : list->children) {
    const std::string& word = item.text;
    const auto complain = [&](std::string_view sentence) {
      errors_->add(item.place, fmt::format("{}: {}", name_of(key), sentence));
    };
    std::size_t brace = variables ? word.find('{') : word.find(service_variable);
    while (variables && brace != std::string::npos && word.compare(brace, service_variable.size(), service_variable) == 0)
      brace = word.find('{', brace + service_variable.size());
    if (item.kind != Node::Kind::text)
      complain(fmt::format("must hold strings, not {}", kind_words(item.kind)));
    else if (!word.empty() && !form::any.matches(word))
      complain("control characters are not allowed");
    else if (&item == &list->children.front() && (!form::absolute_path.matches(word) || word.find('{') != std::string::npos))
      complain(fmt::format("the program \"{}\" is not {}", word, form::absolute_path.wanted));
    else if (brace != std::string::npos)
      complain(fmt::format("\"{}\": {}", word, variables ? "{service} is the only variable" : "nothing is replaced here"));
    result.push_back(word);
  }
  return result;
}

std::optional<std::uint32_t> Table::number(std::string_view key, std::uint32_t least, std::uint32_t most) {
  const Node* value = get(key, Node::Kind::number);
  if (value == nullptr) return std::nullopt;
  if (value->number >= least && value->number <= most) return static_cast<std::uint32_t>(value->number);
  error(key, fmt::format("{} is not a number from {} to {}", value->number, least, most));
  return std::nullopt;
}

std::optional<bool> Table::flag(std::string_view key) {
  const Node* value = get(key, Node::Kind::boolean);
  return value == nullptr ? std::nullopt : std::optional(value->boolean);
}

std::optional<Seconds> Table::duration(std::string_view key, Seconds least) {
  const Node* value = get(key, Node::Kind::text);
  if (value == nullptr) return std::nullopt;
  const auto parsed = parse_duration(value->text);
  if (parsed && *parsed >= least) return parsed;
  if (parsed)
    error(key, fmt::format("\"{}\" is too short, at least {} s", value->text, least.count()));
  else
    error(key, fmt::format("\"{}\" is not a duration such as \"90s\", \"10m\", \"2h\" or \"30d\"", value->text));
  return std::nullopt;
}

std::optional<Limit> Table::limit(std::string_view key) {
  if (const Node* value = node_->find(key); value != nullptr && value->kind == Node::Kind::number) {
    const auto count = number(key, 0, 999'999);
    return count ? std::optional(Limit{*count, false}) : std::nullopt;
  }
  const Node* value = get(key, Node::Kind::text);
  if (value == nullptr) return std::nullopt;
  const auto parsed = parse_limit(value->text);
  if (!parsed) error(key, fmt::format("\"{}\" is neither a number such as \"100\" nor a share such as \"50%\"", value->text));
  return parsed;
}

std::optional<std::uint64_t> Table::bytes(std::string_view key) {
  if (const Node* value = node_->find(key); value != nullptr && value->kind == Node::Kind::number) {
    known_.push_back(value->key);
    if (value->number >= 0) return static_cast<std::uint64_t>(value->number);
    error(key, fmt::format("{} is not a number of bytes", value->number));
    return std::nullopt;
  }
  const Node* value = get(key, Node::Kind::text);
  if (value == nullptr) return std::nullopt;
  std::uint64_t size = 0;
  const char* const end = value->text.data() + value->text.size();
  if (const auto [stop, code] = std::from_chars(value->text.data(), end, size); code == std::errc{} && stop == end) return size;
  error(key, fmt::format("\"{}\" is not a number of bytes", value->text));
  return std::nullopt;
}

std::optional<Table> Table::table(std::string_view key) {
  const Node* value = get(key, Node::Kind::table);
  if (value == nullptr) return std::nullopt;
  return Table(*value, name_of(key), *errors_);
}

std::vector<std::string> Table::names(const Form& must) {
  std::vector<std::string> result;
  for (const Node& child : node_->children) {
    if (must.matches(child.key))
      result.push_back(child.key);
    else
      errors_->add(child.key_place, fmt::format("{}: \"{}\" is not {}", path_, child.key, must.wanted));
  }
  return result;
}

}  // namespace backupctl::policy
