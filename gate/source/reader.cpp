#include "gate/source/reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <clocale>
#include <new>
#include <thread>

#include "gate/sandbox/helper.h"
#include "gate/source/pack.h"

namespace backupctl::archive {
namespace {

bool number(const std::string& text, int least, int most, int& value) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  return code == std::errc{} && end == text.data() + text.size() && value >= least && value <= most;
}

Record entry_of(const ArchiveTotals& totals) {
  Record record;
  record.kind = Record::Kind::entry;
  record.set_text(file_list_name);
  record.number[0] = static_cast<std::int64_t>(totals.list_bytes);
  record.number[1] = static_cast<std::int64_t>(totals.list_lines);
  record.number[3] = 1;
  record.digest = totals.list_digest;
  return record;
}

Record result_of(const ArchiveTotals& totals, const Reporter& reporter) {
  Record record;
  record.kind = Record::Kind::result;
  std::size_t i = 0;
  for (const std::uint64_t value : {totals.archive_bytes, totals.members, totals.content_bytes, reporter.incomplete(),
                                    reporter.special(), totals.list_bytes, reporter.harmless(), totals.file_bytes})
    record.number[i++] = static_cast<std::int64_t>(value);
  record.digest = totals.archive_digest;
  return record;
}

}  // namespace

void prepare_names() { std::setlocale(LC_CTYPE, "C.UTF-8"); }

Result<ArchiveOptions> parse_reader_args(std::span<const std::string> args) {
  ArchiveOptions options;
  std::vector<std::string> excludes;
  int level = 0;
  int threads = std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, static_cast<int>(max_threads));
  bool good = true;
  bool list_only = false;
  for (std::size_t i = 0; good && i < args.size(); ++i) {
    const std::string& word = args[i];
    if (word == "--hot" || word == "--list-only") {
      (word == "--hot" ? options.hot : list_only) = true;
      continue;
    }
    good = i + 1 < args.size();
    if (!good) break;
    const std::string& value = args[++i];
    if (word == "--format")
      good = (options.codec = find_codec(value)) != nullptr;
    else if (word == "--exclude")
      excludes.push_back(value);
    else if (word == "--covered")
      options.covered.insert(value);
    else if (word == "--level")
      good = number(value, 1, 22, level);
    else if (word == "--threads")
      good = number(value, 1, static_cast<int>(max_threads), threads);
    else
      good = false;
  }
  if (!good || list_only != (options.codec == nullptr) || (list_only && level != 0))
    return fail(Exit::bug, "the reader was started with arguments it does not know");
  if (level != 0 && (level < options.codec->min_level || level > options.codec->max_level))
    return fail(Exit::bad_config, "{} has levels {} to {}", options.codec->word, options.codec->min_level,
                options.codec->max_level);
  options.level = level;
  options.threads = static_cast<unsigned>(threads);
  auto parsed = Excludes::parse(excludes);
  if (!parsed) return pass(parsed.error());
  options.excludes = std::move(*parsed);
  return options;
}

int run_reader(std::span<const std::string> args, UniqueFd source, UniqueFd spool, int report) {
  Reporter reporter(report);
  const auto work = [&]() -> Result<> {
    const auto options = parse_reader_args(args);
    if (!options) return pass(options.error());
    const auto totals = archive_tree(std::move(source), spool.get(), *options, reporter);
    if (!totals) return pass(totals.error());
    reporter.send(entry_of(*totals));
    reporter.send(result_of(*totals, reporter));
    return {};
  };
  Result<> done;
  try {
    done = work();
  } catch (const std::bad_alloc&) {
    done = fail(Exit::unavailable, "there is not enough memory to archive this tree; nothing was archived");
  }
  if (done) return to_status(Exit::done);
  reporter.failed(done.error());
  return to_status(done.error().exit);
}

int run_packer(std::span<const std::string> args, const UniqueFd& source, int out, int report) {
  Reporter reporter(report);
  const auto packing = parse_packing(args);
  const auto written = packing ? pack(*packing, source.get(), out, reporter) : pass(packing.error());
  if (!written) {
    reporter.failed(written.error());
    return to_status(written.error().exit);
  }
  Record record;
  record.kind = Record::Kind::result;
  record.number[0] = static_cast<std::int64_t>(*written);
  reporter.send(record);
  return to_status(Exit::done);
}

int run_reader(std::span<const std::string> args) {
  UniqueFd source(::open(sandbox::source_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!args.empty() && args[0] == "--pack") return run_packer(args, source, STDOUT_FILENO, sandbox::report_fd);
  UniqueFd spool(::open(sandbox::spool_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!source || !spool) {
    Reporter(sandbox::report_fd).failed(fail_errno(Exit::io_error, errno, "the tree or the spool cannot be opened").value());
    return to_status(Exit::io_error);
  }
  return run_reader(args, std::move(source), std::move(spool), sandbox::report_fd);
}

}  // namespace backupctl::archive
