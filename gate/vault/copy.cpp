#include "gate/vault/copy.h"

namespace backupctl::vault {

Copy::Copy(const Ini& ini, const Selection& selection) {
  fixed_.emplace_back();
  for (const std::string& name : selection.sections) {
    const Ini::Section* section = ini.find(name);
    if (section == nullptr) continue;  // select_sections() found it
    fixed_.back().bytes.append("[").append(name).append("]\n");
    for (const Ini::Key& key : section->keys) {
      fixed_.back().bytes.append(key.name).append(" = ");
      if (key.name == "token") {
        owners_.push_back(name);
        tokens_.emplace_back(std::string(ini.value(key)));
        fixed_.emplace_back();
      } else {
        fixed_.back().bytes.append(ini.value(key));
      }
      fixed_.back().bytes.append("\n");
    }
    fixed_.back().bytes.append("\n");
  }
}

SecretText Copy::bytes() const {
  SecretText all;
  all.bytes.reserve(max_config);
  all.bytes.append(fixed_.front().bytes);
  for (std::size_t i = 0; i < tokens_.size(); ++i) all.bytes.append(tokens_[i].bytes).append(fixed_[i + 1].bytes);
  return all;
}

std::optional<std::vector<std::string_view>> Copy::match(std::string_view text) const {
  std::vector<std::string_view> found;
  for (std::size_t i = 0; i < fixed_.size(); ++i) {
    if (!text.starts_with(fixed_[i].bytes)) return {};
    text.remove_prefix(fixed_[i].bytes.size());
    if (i + 1 == fixed_.size()) break;
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    found.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  if (!text.empty()) return {};
  return found;
}

}  // namespace backupctl::vault
