#include "common/result.h"

#include <cstring>

namespace backupctl {

tl::unexpected<Error> fail_with(Exit exit, std::optional<int> code, fmt::string_view format, fmt::format_args args) {
  std::string sentence = fmt::vformat(format, args);
  if (code) sentence += ": " + errno_text(*code);
  return tl::make_unexpected(Error{exit, std::move(sentence)});
}

std::string errno_text(int code) {
  const char* words = strerrordesc_np(code);
  return words != nullptr ? words : "error " + std::to_string(code);
}

}  // namespace backupctl
