#include "gate/vault/ini.h"

#include <algorithm>

namespace backupctl::vault {
namespace {

constexpr std::string_view blanks = " \t\r\v\f";

std::string_view trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

}  // namespace

const Ini::Key* Ini::Section::find(std::string_view key) const {
  const auto found = std::ranges::find(keys, key, &Key::name);
  return found == keys.end() ? nullptr : &*found;
}

const Ini::Section* Ini::find(std::string_view name) const {
  const auto found = std::ranges::find(sections_, name, &Section::name);
  return found == sections_.end() ? nullptr : &*found;
}

Result<Ini> Ini::parse(SecretText text) {
  if (text.bytes.size() > max_config) return fail(Exit::bad_config, "longer than {} bytes", max_config);
  if (text.bytes.find('\0') != std::string::npos) return fail(Exit::bad_config, "holds a zero byte, so it is no rclone.conf");
  Ini ini;
  ini.text_ = std::move(text);
  const std::string_view all = ini.text_.bytes;
  std::size_t at = all.starts_with("\xef\xbb\xbf") ? 3 : 0;  // rclone skips a byte order mark too
  bool content_seen = false;
  Section* section = nullptr;
  for (std::size_t number = 1; at < all.size(); ++number) {
    const std::size_t end = std::min(all.find('\n', at), all.size());
    const std::string_view line = trim(all.substr(at, end - at));
    at = end + 1;
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    // rclone looks at the first line that is no comment (fs/config/crypt.go, Decrypt).
    if (!content_seen && line.starts_with("RCLONE_ENCRYPT_V")) ini.encrypted_ = true;
    content_seen = true;
    if (line.front() == '[' && line.back() == ']') {
      const std::string_view name = trim(line.substr(1, line.size() - 2));
      const auto earlier = std::ranges::find(ini.sections_, name, &Section::name);
      if (earlier != ini.sections_.end()) {
        earlier->repeated = true;
        section = &*earlier;
      } else {
        section = &ini.sections_.emplace_back(Section{std::string(name), {}, 0, false});
      }
      continue;
    }
    if (section == nullptr) continue;  // rclone's own default section: no remote's
    const std::size_t sign = line.find_first_of("=:");
    const std::string_view name = sign == std::string_view::npos ? std::string_view{} : trim(line.substr(0, sign));
    if (name.empty() || name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") != std::string_view::npos) {
      if (section->odd_line == 0) section->odd_line = number;
      continue;
    }
    const std::string_view value = trim(line.substr(sign + 1));
    section->keys.push_back(
        {std::string(name), value.empty() ? 0 : static_cast<std::size_t>(value.data() - all.data()), value.size()});
  }
  return ini;
}

SecretText Ini::with_value(const Key& key, std::string_view value) const {
  SecretText changed;
  changed.bytes.reserve(text_.bytes.size() + value.size());
  changed.bytes.append(text_.bytes, 0, key.begin).append(value).append(text_.bytes, key.begin + key.size);
  return changed;
}

}  // namespace backupctl::vault
