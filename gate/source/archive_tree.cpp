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

Result<ArchiveTotals> write_archive(UniqueFd source, int archive, int list_fd, const ArchiveOptions& options,
                                    Reporter& reporter) {
  const int level = options.level != 0 ? options.level : options.codec->level;
  auto pipe = BlockPipe::open(*options.codec, level, options.threads, archive);
  if (!pipe) return pass(pipe.error());
  auto tar = TarWriter::open(**pipe);
  if (!tar) return pass(tar.error());
  FileList list(list_fd);
  TreeArchiver archiver(**pipe, **tar, list, options, reporter);
  if (auto done = walk_tree(std::move(source), archiver); !done) return pass(done.error());
  if (auto done = (*tar)->finish(); !done) return pass(done.error());
  const auto written = (*pipe)->finish();
  if (!written) return pass(written.error());
  if (auto done = list.finish(); !done) return pass(done.error());
  return ArchiveTotals{written->bytes, archiver.members(), archiver.content_bytes(),
                       list.bytes(),   list.lines(),       written->digest, list.digest()};
}

}  // namespace

Result<ArchiveTotals> archive_tree(UniqueFd source, int spool, const ArchiveOptions& options, Reporter& reporter) {
  auto archive = create(spool, archive_name);
  if (!archive) return pass(archive.error());
  auto list = create(spool, file_list_name);
  auto totals = list ? write_archive(std::move(source), archive->get(), list->get(), options, reporter)
                     : Result<ArchiveTotals>(pass(list.error()));
  if (!totals) {  // half an archive must not be mistaken for one (D1, D8)
    ::unlinkat(spool, archive_name, 0);
    if (list) ::unlinkat(spool, file_list_name, 0);
  }
  return totals;
}

}  // namespace backupctl::archive
