#pragma once

#include <span>
#include <string>

#include "common/result.h"
#include "gate/source/archive_tree.h"

namespace backupctl::archive {

/// Reads the reader's arguments:
/// `--format tar.gz|tar.zst [--level N] [--threads N]` or `--list-only`, and `[--hot] [--exclude GLOB]...
/// [--covered PATH]...`.
/// Error: Exit::bug or bad_config.
Result<ArchiveOptions> parse_reader_args(std::span<const std::string> args);

/// Gives names their locale (UTF-8, for what libarchive stores as text). Before the sandbox: it loads a file.
void prepare_names();

/// The reader's work once it is confined (sandbox::Work): /source to /spool/archive and /spool/files.jsonl. With --list-only
/// to the latter alone, byte for byte as beside an archive; what the records say of an archive is 0 then. Records:
///   progress  number[0] bytes read
///   not_read  as in record.h, at most Reporter::max_reports
///   entry     text "files.jsonl", number[0] its bytes, digest its SHA-256
///   result    number: [0] archive bytes, [1] members, [2] content bytes, [3] files unreadable, changed or vanished,
///             and directories of another file system (D2), [4] special files reported, [5] files.jsonl bytes, [6] files of a
///             hot tree that changed or vanished, [7] bytes of all regular files, holes and every hard link counted; digest:
///             SHA-256 of the archive
///   failed    number[0] the Exit code; nothing is left in the spool
int run_reader(std::span<const std::string> args);

/// With `--pack …` instead (pack.h): the files of /source as a tar to standard output. Records: progress, and the result,
/// number[0] the bytes written; or failed.
int run_packer(std::span<const std::string> args, const UniqueFd& source, int out, int report);

/// The reader's with given descriptors. @param source, spool  open directories; @param report  where Records go.
int run_reader(std::span<const std::string> args, UniqueFd source, UniqueFd spool, int report);

}  // namespace backupctl::archive
