#include "gate/restore/mirror.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <memory>
#include <set>
#include <span>

#include "common/io.h"
#include "gate/restore/extract.h"
#include "gate/restore/list_line.h"
#include "gate/restore/manifest_lines.h"
#include "gate/restore/member_placer.h"
#include "gate/source/tree_walk.h"

namespace backupctl::archive {
namespace {

constexpr std::size_t piece_size = std::size_t{1} << 20;
constexpr std::size_t block = 4096;                           ///< holes are found by blocks of zeros
constexpr std::size_t most_left_out = std::size_t{16} << 20;  ///< bytes of names: memory stays bounded (X5)

std::string in_archive(const std::string& path) { return path.empty() ? member_root : std::string(member_root) + "/" + path; }

using Sink = std::function<Result<>(std::span<const char>, std::int64_t)>;

/// The fetched files: what others put there, so that each is opened beneath, no link followed, and must be a plain file (X5).
class Mirror {
 public:
  explicit Mirror(const UniqueFd& root) : root_(root), piece_(std::make_unique_for_overwrite<char[]>(piece_size)) {}

  [[nodiscard]] bool holds(const std::string& path) const {
    const UniqueFd fd = open_beneath(root_.get(), path, O_PATH | O_NOFOLLOW);
    struct stat st {};
    return fd && ::fstat(fd.get(), &st) == 0 && S_ISREG(st.st_mode);
  }

  /// Reads a file, compares it with its line and hands out its content. @param difference  set when it is not the listed one
  Result<> read(const ListedFile& file, const Sink& sink, std::string& difference) const {
    const UniqueFd fd = open_beneath(root_.get(), file.member.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    struct stat st {};
    if (!fd && (errno == EIO || errno == EMFILE || errno == ENOMEM))
      return fail_errno(Exit::io_error, errno, "the fetched file {} cannot be opened", file.member.path);
    if (!fd || ::fstat(fd.get(), &st) != 0 || !S_ISREG(st.st_mode)) return difference = "is missing in the mirror", Result<>{};
    if (st.st_size != file.member.st.st_size)
      return difference = fmt::format("has {} bytes in the mirror and {} in its manifest", st.st_size, file.member.st.st_size),
             Result<>{};
    Sha256 hash;
    for (std::int64_t at = 0;;) {
      const ssize_t n = ::read(fd.get(), piece_.get(), piece_size);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return fail_errno(Exit::io_error, errno, "the fetched file {} cannot be read", file.member.path);
      if (n == 0) break;
      const std::span<const char> bytes(piece_.get(), static_cast<std::size_t>(n));
      hash.update(bytes.data(), bytes.size());
      if (auto done = sink(bytes, at); !done) return done;
      at += n;
    }
    if (hash.finish() != *file.content) difference = "is not what its manifest says (SHA-256)";
    return {};
  }

 private:
  const UniqueFd& root_;
  std::unique_ptr<char[]> piece_;
};

/// Counts plain files and opens none.
class Counter : public Visitor {
 public:
  std::uint64_t files = 0;
  bool wanted(std::string_view, std::uint8_t type) override {
    if (type == DT_REG) ++files;
    return type == DT_DIR;
  }
  Result<> found(const Found&) override { return {}; }
  bool descend(std::string_view) override { return true; }
  void leave(std::string_view, const struct stat&, const struct stat&) override {}
  void lost(NotRead, std::string_view, std::string_view) override {}
};

/// Writes what a sparse file has beside blocks of zeros: those were its holes (D7).
Result<> write_data(MemberPlacer& placer, std::span<const char> bytes, std::int64_t offset, bool sparse) {
  if (!sparse) return placer.write(bytes, offset);
  while (!bytes.empty()) {
    const auto one = bytes.first(std::min(block, bytes.size()));
    if (std::any_of(one.begin(), one.end(), [](char c) { return c != 0; }))
      if (auto done = placer.write(one, offset); !done) return done;
    offset += static_cast<std::int64_t>(one.size());
    bytes = bytes.subspan(one.size());
  }
  return {};
}

class Restorer {
 public:
  Restorer(const UniqueFd& mirror, const MirrorOptions& options, Reporter& reporter, MemberPlacer* placer)
      : mirror_(mirror), options_(options), reporter_(reporter), placer_(placer) {}

  /// One line. @param present  counts what of the mirror it names
  Result<> take(ListedFile file, std::uint64_t& present) {
    Member& member = file.member;
    ++totals_.members;
    const bool regular = S_ISREG(member.st.st_mode);
    // rclone keeps a symbolic link as a small file of this name; the target that counts is the list's, which is signed.
    const bool kept = placer_ == nullptr && (regular || S_ISLNK(member.st.st_mode)) &&
                      mirror_.holds(member.path + (regular ? "" : ".rclonelink"));
    if (kept) ++present;
    if (!member.hardlink.empty() && left_out_.contains(member.hardlink))
      return leave_out(member.path, "is another name of a file that was left out");
    const bool content = regular && member.hardlink.empty();
    if (content && !file.content)
      return leave_out(member.path,
                       "has no SHA-256 in the manifest (its holes exceed 4 GiB), so that nobody can tell what its copy is");
    if (content && (placer_ == nullptr || options_.leave_out)) {
      std::string difference;
      const auto read = mirror_.read(
          file, [&](std::span<const char> bytes, std::int64_t) { return count(bytes.size(), placer_ == nullptr); }, difference);
      if (!read) return read;
      if (!difference.empty()) ++differing_;
      if (!difference.empty()) return leave_out(member.path, difference);
    }
    return placer_ == nullptr ? Result<>{} : place(file, content);
  }

  [[nodiscard]] const MirrorTotals& totals() const { return totals_; }
  [[nodiscard]] std::uint64_t differing() const { return differing_; }

 private:
  Result<> count(std::size_t bytes, bool counted) {
    if (counted) totals_.content_bytes += bytes;
    reporter_.progress(totals_.content_bytes, options_.content_bytes);
    return {};
  }

  Result<> leave_out(const std::string& path, std::string_view why) {
    ++totals_.left_out;
    if (placer_ == nullptr) reporter_.not_read(NotRead::changed, path, why);  // once is enough
    names_size_ += path.size();
    if (names_size_ > most_left_out)
      return fail(Exit::bad_data, "so much of the mirror differs from its manifest that it is not used; nothing was written");
    left_out_.insert(path);
    return {};
  }

  Result<> place(ListedFile& file, bool content) {
    Member& member = file.member;
    ListedFile copy = file;  // with the name that the target knows it by
    copy.member.path = in_archive(member.path);
    if (!member.hardlink.empty()) copy.member.hardlink = in_archive(member.hardlink);
    if (auto done = placer_->begin(copy.member); !done) return done;
    if (content) {
      std::string difference;
      const auto read = mirror_.read(
          file,
          [&](std::span<const char> bytes, std::int64_t at) {
            if (auto done = count(bytes.size(), true); !done) return done;
            return write_data(*placer_, bytes, at, member.sparse);
          },
          difference);
      if (!read) return read;
      if (!difference.empty())
        return fail(Exit::bad_data, "{} of the fetched mirror changed between verifying and writing", member.path);
    }
    return placer_->end();
  }

  Mirror mirror_;
  const MirrorOptions& options_;
  Reporter& reporter_;
  MemberPlacer* placer_;
  MirrorTotals totals_;
  std::set<std::string> left_out_;
  std::size_t names_size_ = 0;
  std::uint64_t differing_ = 0;
};

/// `placer` null: writes nothing.
Result<MirrorTotals> run(int manifest, const UniqueFd& mirror, const MirrorOptions& options, Reporter& reporter,
                         MemberPlacer* placer) {
  // D6, X6: the list as a whole first, as bytes; nothing is parsed, let alone written, of one that was not signed.
  if (auto good = check_list(manifest, options.list_digest, options.files); !good) return pass(good.error());
  auto lines = ManifestLines::open(manifest);
  if (!lines) return pass(lines.error());
  Restorer restorer(mirror, options, reporter, placer);
  std::uint64_t present = 0;
  std::string_view line;
  for (;;) {
    const auto more = (*lines)->next(line);
    if (!more) return pass(more.error());
    if (!*more) break;
    auto file = parse_list_line(line);
    if (!file) return pass(file.error());
    if (auto done = restorer.take(std::move(*file), present); !done) return pass(done.error());
  }
  MirrorTotals totals = restorer.totals();
  if (restorer.differing() > 0 && !options.leave_out)
    return fail(Exit::bad_data,
                "{} of the {} files in the mirror's signed manifest are missing in the mirror or differ (named above): nothing "
                "was written; "
                "restore an archive, or what the next --sync has mirrored",
                restorer.differing(), totals.members);
  if (placer != nullptr) return totals;
  Counter counter;
  UniqueFd root(::openat(mirror.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) return fail_errno(Exit::io_error, errno, "the fetched mirror cannot be read");
  if (auto walked = walk_tree(std::move(root), counter); !walked) return pass(walked.error());
  totals.surplus = counter.files > present ? counter.files - present : 0;
  return totals;
}

}  // namespace

Result<MirrorTotals> verify_mirror(int manifest, const UniqueFd& mirror, const MirrorOptions& options, Reporter& reporter) {
  return run(manifest, mirror, options, reporter, nullptr);
}

Result<MirrorTotals> extract_mirror(int manifest, const UniqueFd& mirror, UniqueFd target, const MirrorOptions& options,
                                    Reporter& reporter) {
  if (auto good = check_target(target.get(), options.content_bytes); !good) return pass(good.error());
  const UniqueFd root(::dup(target.get()));
  MemberPlacer placer(std::move(target), reporter);
  auto totals = run(manifest, mirror, options, reporter, &placer);
  if (!totals) return totals;
  if (auto done = finish_target(placer, root.get()); !done) return pass(done.error());
  return totals;
}

}  // namespace backupctl::archive
