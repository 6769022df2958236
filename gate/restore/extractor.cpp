#include "gate/restore/extractor.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <charconv>
#include <new>
#include <optional>

#include "gate/relay/hash.h"
#include "gate/restore/extract.h"
#include "gate/restore/member_path.h"
#include "gate/restore/mirror.h"
#include "gate/sandbox/helper.h"

namespace backupctl::archive {
namespace {

struct Args {
  ExtractOptions options;
  MirrorOptions mirror;  ///< with is_mirror; its numbers are those of options
  bool is_mirror = false;
  bool verify_only = false;
};

Result<Args> parse(std::span<const std::string> words) {
  Args args;
  const auto number = [](const std::string& text, std::uint64_t& value) {
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    return code == std::errc{} && end == text.data() + text.size();
  };
  bool good = true;
  std::optional<Digest> digest;
  for (std::size_t i = 0; good && i < words.size(); ++i) {
    const bool value = i + 1 < words.size();
    if (words[i] == "--verify-only")
      args.verify_only = true;
    else if (words[i] == "--mirror")
      args.is_mirror = true;
    else if (words[i] == "--leave-out")
      args.mirror.leave_out = true;
    else if (words[i] == "--list-digest" && value)
      digest = relay::parse_digest(words[++i]);
    else if (words[i] == "--format" && value)
      args.options.format = words[++i];
    else if (words[i] == "--root" && value)
      args.options.root = words[++i];
    else if (words[i] == "--members" && value)
      good = number(words[++i], args.options.members);
    else if (words[i] == "--content-bytes" && value)
      good = number(words[++i], args.options.content_bytes);
    else if (words[i] == "--only" && value) {
      const auto path = safe_path(words[++i]);
      good = path && !path->empty();
      if (good) args.options.only.push_back(*path);
    } else
      good = false;
  }
  if (!good || args.is_mirror != args.options.format.empty() || args.is_mirror != digest.has_value())
    return fail(Exit::bug, "the extractor was started with arguments it does not know");
  if (digest) args.mirror.list_digest = *digest;
  args.mirror.files = args.options.members;
  args.mirror.content_bytes = args.options.content_bytes;
  return args;
}

Record result_of(const ExtractTotals& totals, const Reporter& reporter) {
  Record record;
  record.kind = Record::Kind::result;
  std::size_t i = 0;
  for (const std::uint64_t value :
       {totals.archive_bytes, totals.members, totals.content_bytes, reporter.incomplete(), reporter.special(), totals.restored})
    record.number[i++] = static_cast<std::int64_t>(value);
  record.number[7] = totals.has_tree ? 1 : 0;
  record.digest = totals.archive_digest;
  return record;
}

Record result_of(const MirrorTotals& totals, const Digest& list_digest, const Reporter& reporter) {
  Record record = result_of(
      ExtractTotals{
          .members = totals.members, .content_bytes = totals.content_bytes, .has_tree = true, .archive_digest = list_digest},
      reporter);
  record.number[5] = static_cast<std::int64_t>(totals.left_out);
  record.number[6] = static_cast<std::int64_t>(totals.surplus);
  return record;
}

}  // namespace

int run_extractor(std::span<const std::string> words, int archive, UniqueFd target, int report, UniqueFd mirror) {
  Reporter reporter(report);
  ::umask(0);
  const auto work = [&]() -> Result<> {
    const auto args = parse(words);
    if (!args) return pass(args.error());
    if (args->is_mirror) {
      const auto totals = args->verify_only ? verify_mirror(archive, mirror, args->mirror, reporter)
                                            : extract_mirror(archive, mirror, std::move(target), args->mirror, reporter);
      if (!totals) return pass(totals.error());
      reporter.send(result_of(*totals, args->mirror.list_digest, reporter));
      return {};
    }
    const auto totals = args->verify_only ? verify_archive(archive, args->options, reporter)
                                          : extract_archive(archive, std::move(target), args->options, reporter);
    if (!totals) return pass(totals.error());
    reporter.send(result_of(*totals, reporter));
    return {};
  };
  Result<> done;
  try {
    done = work();
  } catch (const std::bad_alloc&) {
    done = fail(Exit::unavailable, "there is not enough memory to read this archive");
  }
  if (done) return to_status(Exit::done);
  reporter.failed(done.error());
  return to_status(done.error().exit);
}

int run_extractor(std::span<const std::string> args) {
  UniqueFd target(::open(sandbox::target_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  UniqueFd mirror(::open(sandbox::mirror_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC));  // neither need be there
  return run_extractor(args, STDIN_FILENO, std::move(target), sandbox::report_fd, std::move(mirror));
}

}  // namespace backupctl::archive
