#include "gate/source/archive_tree.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "gate/source/tree_archiver.h"

namespace backupctl::archive {
namespace {

Result<UniqueFd> create(int spool, const char* name) {
  UniqueFd fd(::openat(spool, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return fail_errno(Exit::io_error, errno, "cannot create {} in the spool; nothing was archived", name);
  return fd;
}

/// The list alone: the same walk, the same lines, and no archive.
Result<ArchiveTotals> write_list(UniqueFd source, int list_fd, const ArchiveOptions& options, Reporter& reporter) {
  FileList list(list_fd);
  TreeArchiver archiver(nullptr, nullptr, list, options, reporter);
  if (auto done = walk_tree(std::move(source), archiver); !done) return pass(done.error());
  if (auto done = list.finish(); !done) return pass(done.error());
  return ArchiveTotals{0, 0, archiver.content_bytes(), list.bytes(), list.file_bytes(), list.lines(), {}, list.digest()};
}

Result<ArchiveTotals> write_archive(UniqueFd source, int archive, int list_fd, const ArchiveOptions& options,
                                    Reporter& reporter) {
  const int level = options.level != 0 ? options.level : options.codec->level;
  auto pipe = BlockPipe::open(*options.codec, level, options.threads, archive);
  if (!pipe) return pass(pipe.error());
  auto tar = TarWriter::open(**pipe);
  if (!tar) return pass(tar.error());
  FileList list(list_fd);
  TreeArchiver archiver(pipe->get(), tar->get(), list, options, reporter);
  if (auto done = walk_tree(std::move(source), archiver); !done) return pass(done.error());
  if (auto done = (*tar)->finish(); !done) return pass(done.error());
  const auto written = (*pipe)->finish();
  if (!written) return pass(written.error());
  if (auto done = list.finish(); !done) return pass(done.error());
  return ArchiveTotals{written->bytes,    archiver.members(), archiver.content_bytes(), list.bytes(),
                       list.file_bytes(), list.lines(),       written->digest,          list.digest()};
}

}  // namespace

Result<ArchiveTotals> archive_tree(UniqueFd source, int spool, const ArchiveOptions& options, Reporter& reporter) {
  const bool archives = options.codec != nullptr;
  auto archive = archives ? create(spool, archive_name) : UniqueFd();
  if (!archive) return pass(archive.error());
  auto list = create(spool, file_list_name);
  auto totals = !list      ? Result<ArchiveTotals>(pass(list.error()))
                : archives ? write_archive(std::move(source), archive->get(), list->get(), options, reporter)
                           : write_list(std::move(source), list->get(), options, reporter);
  if (!totals) {  // half an archive must not be mistaken for one (D1, D8)
    if (archives) ::unlinkat(spool, archive_name, 0);
    if (list) ::unlinkat(spool, file_list_name, 0);
  }
  return totals;
}

}  // namespace backupctl::archive
