#include "policy/preview.h"

#include <fmt/format.h>

#include <iterator>
#include <vector>

#include "common/escape.h"
#include "common/request.h"
#include "policy/retention.h"

namespace backupctl::policy {
namespace {

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

}  // namespace

Result<std::string> preview_retention(const PreviewOptions& options, std::string_view names) {
  if (!options.service.empty() && !is_name(options.service)) {
    return fail(Exit::not_a_request, "--service {} is no service's name, so nothing can be previewed; correct it",
                escape_line(options.service, max_name));
  }
  if (options.keep == Keep{}) {
    return fail(Exit::not_a_request,
                "--keep-daily, --keep-weekly and --keep-monthly are all 0, which retention never accepts; "
                "give at least one of them a number above 0");
  }
  const std::vector<std::string> lines = split_lines(names);
  const auto verdicts = retain(lines, {.today = options.today,
                                       .keep = options.keep,
                                       .keep_last = options.keep_last,
                                       .service = options.service,
                                       .newest_committed = {}});
  if (!verdicts) return pass(verdicts.error());
  std::string out;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const Verdict& verdict = (*verdicts)[i];
    fmt::format_to(std::back_inserter(out), "{}\t{}\t{}\n", word(verdict.fate), escape_line(lines[i]), verdict.reason);
  }
  return out;
}

}  // namespace backupctl::policy
