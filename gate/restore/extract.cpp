#include "gate/restore/extract.h"

#include <unistd.h>

#include <cerrno>

#include "common/room.h"
#include "gate/restore/archive_input.h"
#include "gate/restore/member_path.h"
#include "gate/restore/member_placer.h"
#include "gate/restore/selection.h"
#include "gate/source/sorted_names.h"
#include "gate/source/tree_walk.h"

namespace backupctl::archive {
namespace {

constexpr std::string_view tree_member = "data";  ///< what the reader calls a tree's own directory

tl::unexpected<Error> suspicious(std::string_view what, std::string_view name) {
  return fail(Exit::bad_data, "the archive is suspicious: {}, {}; nothing of it is to be used", what, name);
}

bool is_beneath(std::string_view path, std::string_view root) {
  return path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '/');
}

/// Makes names safe, in place.
Result<> check_names(Member& member) {
  auto path = safe_path(member.path);
  if (!path || path->size() > max_path) return suspicious("a member lies outside of the target", member.path.substr(0, 200));
  if (path->empty() && !S_ISDIR(member.st.st_mode)) return suspicious("the target itself would be replaced", member.path);
  if (!member.hardlink.empty()) {
    auto link = safe_path(member.hardlink);
    if (!link || link->empty()) return suspicious("a hard link leads out of the target", member.path);
    member.hardlink = std::move(*link);
  }
  member.path = std::move(*path);
  return {};
}

/// Reads the archive once; `placer` null: writes nothing, and notes what is selected. @param quiet  another reading tells it
Result<ExtractTotals> run(int archive, const ExtractOptions& options, Reporter& reporter, Selection& selection,
                          MemberPlacer* placer, bool quiet = false) {
  auto input = ArchiveInput::open(archive, options.format);
  if (!input) return pass(input.error());
  ExtractTotals totals;
  Member member;
  std::string warning;
  for (;;) {
    const auto more = (*input)->next(member, warning);
    if (!more) return pass(more.error());
    if (!*more) break;
    if (++totals.members > options.members && options.members != 0)
      return fail(Exit::bad_data, "the archive has more members than its manifest says; choose another backup");
    if (auto safe = check_names(member); !safe) return pass(safe.error());
    if (!options.root.empty() && !is_beneath(member.path, options.root))
      return fail(Exit::bad_data, "it has members outside of {}/, {} for one, so that a restore could not put it in place",
                  options.root, member.path.substr(0, 200));
    totals.has_tree = totals.has_tree || member.path == tree_member;
    if (placer == nullptr) selection.note(member);
    const bool taken = selection.take(member);
    MemberPlacer* const to = taken ? placer : nullptr;
    if (to != nullptr) ++totals.restored;
    if (!warning.empty() && taken && !quiet)
      reporter.not_read(NotRead::unreadable, member.path, "a part of its header is lost: " + warning);
    if (to != nullptr) {
      if (auto done = to->begin(member); !done) return pass(done.error());
    }
    ArchiveInput::Piece piece;
    for (;;) {
      const auto some = (*input)->read(piece);
      if (!some) return pass(some.error());
      if (!*some) break;
      totals.content_bytes += piece.bytes.size();
      if (totals.content_bytes > options.content_bytes && options.content_bytes != 0)
        return fail(Exit::bad_data, "the archive holds more than its manifest says; choose another backup");
      if (to != nullptr) {
        if (auto done = to->write(piece.bytes, piece.offset); !done) return pass(done.error());
      }
      if (!quiet) reporter.progress(totals.content_bytes, options.content_bytes);
    }
    if (to != nullptr) {
      if (auto done = to->end(); !done) return pass(done.error());
    }
  }
  if (totals.members < options.members || totals.members == 0)
    return fail(Exit::bad_data, "the archive ends after {} members of {}; choose another backup", totals.members,
                options.members);
  if (auto met = selection.complete(); !met) return pass(met.error());
  if (auto done = (*input)->drain(); !done) return pass(done.error());
  totals.archive_bytes = (*input)->bytes();
  totals.archive_digest = (*input)->digest();
  return totals;
}

}  // namespace

Result<> check_target(int target, std::uint64_t content_bytes) {
  SortedNames names(4096);
  const auto first = names.next(target);
  if (!first) return pass(first.error());
  if (first->name != nullptr)
    return fail(Exit::unavailable, "the target is not empty; nothing was restored. Name an empty directory");
  const auto room = room_on(target);
  if (!room) return pass(room.error());
  if (room->free < content_bytes)
    return fail(Exit::io_error,
                "the target's file system has {} bytes free and the backup needs {}; nothing was restored. Make room first",
                room->free, content_bytes);
  return {};
}

Result<> finish_target(MemberPlacer& placer, int root) {
  if (auto done = placer.finish(); !done) return done;
  if (::syncfs(root) != 0)
    return fail_errno(Exit::io_error, errno, "the restored files cannot be written to the target's disk");
  return {};
}

Result<ExtractTotals> verify_archive(int archive, const ExtractOptions& options, Reporter& reporter) {
  Selection selection(options.only);
  return run(archive, options, reporter, selection, nullptr);
}

Result<ExtractTotals> extract_archive(int archive, UniqueFd target, const ExtractOptions& options, Reporter& reporter) {
  if (auto good = check_target(target.get(), options.only.empty() ? options.content_bytes : 0); !good)
    return pass(good.error());
  Selection selection(options.only);
  if (!selection.everything()) {  // which hard links need another's content is known only at the end
    const auto read = run(archive, options, reporter, selection, nullptr, true);
    if (!read) return read;
    if (::lseek(archive, 0, SEEK_SET) != 0) return fail_errno(Exit::io_error, errno, "the archive cannot be read again");
  }
  const UniqueFd root(::dup(target.get()));
  MemberPlacer placer(std::move(target), reporter);
  auto totals = run(archive, options, reporter, selection, &placer);
  if (!totals) return totals;
  if (auto done = finish_target(placer, root.get()); !done) return pass(done.error());
  return totals;
}

}  // namespace backupctl::archive
