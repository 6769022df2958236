#pragma once

#include <span>
#include <string_view>

namespace backupctl::vault {

/// One row of the allow-list of section types.
struct SectionType {
  std::string_view type;
  std::string_view wraps;  ///< key that names other sections; empty: the type talks to a server itself
  std::string_view keys;   ///< what else may stand in the section, separated by one space
};

std::span<const SectionType> section_types();
const SectionType* section_type(std::string_view type);
/// `key` is in the row, or allowed everywhere (type, description, encoding).
bool key_allowed(const SectionType& type, std::string_view key);
/// Why a key that is not in the list is refused, to be put after "is not allowed: ".
std::string_view refusal_reason(std::string_view key);

}  // namespace backupctl::vault
