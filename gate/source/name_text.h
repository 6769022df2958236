#pragma once

#include <cstdint>
#include <string_view>

namespace backupctl::archive {

/// What bytes of a name are, as text; names on Linux are any bytes but NUL and '/'.
enum class NameText : std::uint8_t {
  stable,  ///< UTF-8 that no Unicode normalisation (form C) changes
  utf8,    ///< UTF-8 that a normalising reader might change: two different names could become one
  bytes,   ///< not UTF-8
};

/// @return the least stable that applies. Conservative: only blocks without combining characters and without canonical
/// decompositions other than precomposed letters count as stable (Unicode 15, DerivedNormalizationProps, NFC_Quick_Check).
NameText classify(std::string_view name);

}  // namespace backupctl::archive
