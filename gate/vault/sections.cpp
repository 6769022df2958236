#include "gate/vault/sections.h"

#include <algorithm>
#include <set>

#include "gate/vault/section_types.h"

namespace backupctl::vault {
namespace {

constexpr std::size_t max_sections = 16;  ///< of one remote: crypt over chunker over union of a few is what people have

/// The section that one target `name:path` names; nothing for a local path or a connection string (":type,key=value:path",
/// "name,key=value:path"), which would bypass the allow-list.
std::string_view target_section(std::string_view target) {
  const std::string_view name = target.substr(0, target.find(':'));
  return name.size() == target.size() || !section_name_ok(name) ? std::string_view{} : name;
}

/// The targets of a wrapping key. `upstreams` is a list separated by blanks; each of combine's is `directory=target`.
/// Quoted ones are left whole, so that target_section() refuses them.
std::vector<std::string_view> targets(const SectionType& type, std::string_view value) {
  if (type.wraps == "remote") return {value};
  std::vector<std::string_view> found;
  while (!value.empty()) {
    const std::size_t end = std::min(value.find(' '), value.size());
    std::string_view one = value.substr(0, end);
    if (type.type == "combine") one.remove_prefix(std::min(one.find('=') + 1, one.size()));
    if (end != 0) found.push_back(one);
    value.remove_prefix(std::min(end + 1, value.size()));
  }
  return found;
}

/// What a value must not have: what rclone's own reader would understand differently, so that its save would not give back
/// what it was given: quotes around the value, and %(key)s, which stands for another key's value.
bool plain_value(std::string_view value) {
  return value.find('`') == std::string_view::npos && !value.starts_with("\"\"\"") &&
         value.find("%(") == std::string_view::npos &&
         std::ranges::none_of(value, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

Result<> check_keys(const Ini& ini, const Ini::Section& section, const SectionType& type) {
  std::set<std::string_view> seen;
  for (const Ini::Key& key : section.keys) {
    if (!key_allowed(type, key.name))
      return fail(Exit::bad_config, "[{}] {} is not allowed in rclone.conf: {}", section.name, key.name,
                  refusal_reason(key.name));
    if (!seen.insert(key.name).second)
      return fail(Exit::bad_config, "[{}] {} stands twice in rclone.conf; keep one", section.name, key.name);
    if (!plain_value(ini.value(key)))
      return fail(Exit::bad_config,
                  "[{}] {} in rclone.conf holds a quote `, a control character or %(…); write the plain value", section.name,
                  key.name);
  }
  return {};
}

Result<const SectionType*> check_section(const Ini& ini, const Ini::Section& section) {
  if (section.repeated) return fail(Exit::bad_config, "[{}] stands twice in rclone.conf; keep one", section.name);
  if (section.odd_line != 0)
    return fail(Exit::bad_config, "[{}] in rclone.conf has a line that is no key (line {})", section.name, section.odd_line);
  const Ini::Key* key = section.find("type");
  if (key == nullptr) return fail(Exit::bad_config, "[{}] in rclone.conf has no type", section.name);
  const SectionType* type = section_type(ini.value(*key));
  if (type == nullptr)
    return fail(Exit::bad_config,
                "[{}] in rclone.conf has a type that is not allowed for backups (for a directory of this host write "
                "directory = … in the policy)",
                section.name);
  if (auto ok = check_keys(ini, section, *type); !ok) return pass(ok.error());
  return type;
}

}  // namespace

bool section_name_ok(std::string_view name) {
  return !name.empty() && name.size() <= 64 && name.front() != '-' && name.front() != '.' &&
         name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") == std::string_view::npos;
}

Result<Selection> select_sections(const Ini& ini, std::string_view remote, std::string_view source) {
  // The gate has nowhere to take the password from, and what it cannot read it can neither check nor carry a token into.
  if (ini.encrypted())
    return fail(Exit::bad_config,
                "rclone.conf is encrypted, so the gate can neither check [{}] nor save a token that the remote renews: nothing "
                "was transferred; remove the password with `rclone config` (the file stays readable by root alone)",
                remote);
  Selection selection;
  const auto place_of = [&](std::string_view name) {
    return std::ranges::find(selection.sections, name) - selection.sections.begin();
  };
  const auto shared = [&](std::string_view name) {
    return fail(
        Exit::bad_config,
        "[{}] in rclone.conf is a part of [{}] and of [{}], which is to be backed up there: a backup beside its source is lost "
        "with it; name a remote that has nothing of the source's",
        name, remote, source);
  };
  selection.sections.emplace_back(remote);
  for (std::size_t i = 0;; ++i) {
    if (i == selection.sections.size()) {
      if (selection.own == 0) selection.own = i;
      if (source.empty() || selection.own != i) break;
      if (place_of(source) != static_cast<std::ptrdiff_t>(i)) return shared(source);
      selection.sections.emplace_back(source);
    }
    const std::string name = selection.sections[i];
    const Ini::Section* section = section_name_ok(name) ? ini.find(name) : nullptr;
    if (section == nullptr)
      return fail(Exit::bad_config, "rclone.conf has no section [{}] that a remote of the policy needs", name);
    auto type = check_section(ini, *section);
    if (!type) return pass(type.error());
    selection.types.emplace_back((*type)->type);
    if ((*type)->type == "sftp")
      selection.warnings.push_back(fmt::format(
          "[{}] is sftp: rclone takes a server's key only from a local file, so the server is not authenticated", name));
    if ((*type)->wraps.empty()) continue;
    const Ini::Key* wraps = section->find((*type)->wraps);
    const auto list = wraps == nullptr ? std::vector<std::string_view>{} : targets(**type, ini.value(*wraps));
    if (list.empty()) return fail(Exit::bad_config, "[{}] in rclone.conf has no {}", name, (*type)->wraps);
    for (const std::string_view one : list) {
      const std::string_view wrapped = target_section(one);
      if (wrapped.empty())
        return fail(Exit::bad_config,
                    "[{}] {} in rclone.conf must name another section as section:path, not a local path or a "
                    "connection string",
                    name, (*type)->wraps);
      const auto known = static_cast<std::size_t>(place_of(wrapped));
      if (selection.own != 0 && known < selection.own) return shared(wrapped);
      if (known < selection.sections.size()) continue;
      if (selection.sections.size() == max_sections)
        return fail(Exit::bad_config, "[{}] in rclone.conf wraps more than {} sections", remote, max_sections - 1);
      selection.sections.emplace_back(wrapped);
    }
  }
  return selection;
}

}  // namespace backupctl::vault
