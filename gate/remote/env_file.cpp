#include "gate/remote/env_file.h"

#include <algorithm>
#include <array>
#include <optional>

#include "common/io.h"

namespace backupctl::remote {
namespace {

constexpr std::string_view blanks = " \t\r";
constexpr std::string_view names[] = {"AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_KEY", "AZURE_STORAGE_CONTAINER"};
enum Variable : std::size_t { account, key, container_name, count };

std::string_view skip_blanks(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(blanks), text.size()));
}

/// The value of an assignment as a shell would see it; nothing when it would substitute, continue or break off.
std::optional<std::string_view> unquoted(std::string_view text) {
  const char quote = text.empty() ? '\0' : text.front();
  std::string_view value, rest;
  if (quote == '\'' || quote == '"') {
    const std::size_t end = text.find(quote, 1);
    if (end == std::string_view::npos) return {};
    value = text.substr(1, end - 1);
    rest = text.substr(end + 1);
  } else {
    const std::size_t end = std::min(text.find_first_of(blanks), text.size());
    value = text.substr(0, end);
    rest = text.substr(end);
    if (value.find_first_of("'\";&|<>()*?[]{}~#!") != std::string_view::npos) return {};
  }
  if (quote != '\'' && value.find_first_of("$`\\") != std::string_view::npos) return {};
  const std::string_view after = skip_blanks(rest);
  if (!after.empty() && (after.front() != '#' || after.size() == rest.size())) return {};
  return value;
}

bool only(std::string_view text, std::string_view allowed) { return text.find_first_not_of(allowed) == std::string_view::npos; }

}  // namespace

Result<AzureAccount> parse_env_file(std::string_view text, std::string_view container) {
  std::array<std::optional<std::string_view>, count> found;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = skip_blanks(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with("export ") || line.starts_with("export\t")) line = skip_blanks(line.substr(7));
    const std::size_t sign = line.find('=');
    const auto* const name = std::ranges::find(names, line.substr(0, sign));
    if (sign == std::string_view::npos || name == std::end(names)) continue;
    const auto variable = static_cast<std::size_t>(name - std::begin(names));
    if (found[variable]) return fail(Exit::bad_config, "{} stands twice; keep one", *name);
    found[variable] = unquoted(line.substr(sign + 1));
    if (!found[variable])
      return fail(Exit::bad_config, "{} is not a plain value: the file is read, not run, so nothing is substituted in it",
                  *name);
  }
  for (std::size_t i = 0; i < count; ++i)
    if (!found[i] || found[i]->empty()) return fail(Exit::bad_config, "{} is missing", names[i]);
  // Microsoft, "Naming rules for storage accounts"; a key is the base64 of 64 bytes.
  if (found[account]->size() < 3 || found[account]->size() > 24 ||
      !only(*found[account], "abcdefghijklmnopqrstuvwxyz0123456789"))
    return fail(Exit::bad_config, "{} is not the name of a storage account", names[account]);
  if (found[key]->size() > 512 || !only(*found[key], "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="))
    return fail(Exit::bad_config, "{} is not base64", names[key]);
  if (*found[container_name] != container)
    return fail(Exit::bad_config, "{} is not the root that the policy names", names[container_name]);
  return AzureAccount{std::string(*found[account]), vault::SecretText(std::string(*found[key]))};
}

Result<AzureAccount> read_env_file(const std::string& path, std::string_view container) {
  auto fd = open_trusted(path, true);
  if (!fd) return pass(fd.error());
  auto text = vault::read_secret(fd->get());
  if (!text) return fail(Exit::bad_config, "cannot use {}: {}", path, text.error().sentence);
  auto parsed = parse_env_file(text->bytes, container);
  if (!parsed) return fail(Exit::bad_config, "{}: {}", path, parsed.error().sentence);
  return parsed;
}

}  // namespace backupctl::remote
