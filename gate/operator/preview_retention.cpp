#include <time.h>

#include <CLI/CLI.hpp>

#include "common/io.h"
#include "gate/operator/operator.h"
#include "policy/preview.h"

namespace backupctl::operate {
namespace {

constexpr std::size_t most_names = 64 << 20;

}  // namespace

Exit preview_retention(const std::string&, const Args& args) {
  policy::PreviewOptions options{};
  std::string today;
  CLI::App app("backupctl --preview-retention");
  app.add_option("--service", options.service);
  app.add_option("--keep-daily", options.keep.daily);
  app.add_option("--keep-weekly", options.keep.weekly)->required();
  app.add_option("--keep-monthly", options.keep.monthly)->required();
  app.add_option("--keep-last", options.keep_last);
  app.add_option("--today", today);
  try {
    app.parse(std::vector<std::string>(args.rbegin(), args.rend()));  // CLI11 takes them from the back
  } catch (const CLI::Error& error) {
    return complain({Exit::not_a_request, fmt::format("--preview-retention: {}", error.what())});
  }
  const auto date = today.empty() ? date_in_zone(::time(nullptr), "host") : parse_date(today);
  if (!date) return complain({Exit::not_a_request, "--today wants a date that exists, YYYY-MM-DD"});
  options.today = *date;
  const auto names = read_all(0, most_names);
  if (!names) return complain(names.error());
  const auto text = policy::preview_retention(options, *names);
  if (!text) return complain(text.error());
  const auto written = write_all(1, *text);
  return written ? Exit::done : complain(written.error());
}

}  // namespace backupctl::operate
