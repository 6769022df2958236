#pragma once

#include <span>
#include <string>

#include "common/result.h"
#include "common/unique_fd.h"

namespace backupctl::archive {

/// The extractor's work once it is confined (sandbox::Work): the archive on standard input, a file, to /target.
/// `--format tar.gz|tar.zst [--members N] [--content-bytes N] [--root NAME] [--only PATH]... [--verify-only]`, the numbers from
/// the signed manifest; with --only nothing but these members and those beneath them are restored, and each has to be there.
/// With `--mirror` what is on standard input is a mirror's manifest, the mirror itself lies in /mirror, and the rest is
/// `--list-digest HEX --members N --content-bytes N [--leave-out] [--verify-only]` (mirror.h).
/// Before the sandbox: prepare_names() (gate/source/reader.h). Records:
///   progress  number[0] content bytes, [1] of how many (0: unknown)
///   not_read  what could not be restored: number[0] 1 an owner, attribute, list or time; 2 a mirror's file that differs; 4 a
///   device or socket result    number: [0] archive bytes, [1] members, [2] content bytes, [3] things not restored, [4] devices
///   and sockets,
///             [5] members restored; of a mirror: files left out, [6] files that its list does not name;
///             digest: SHA-256 of the archive, computed while it was read; of a mirror: that of its list, which was compared
///   failed    number[0] the Exit code: 65 damaged or suspicious, 74 disk, 69 target not empty or no memory
int run_extractor(std::span<const std::string> args);

/// The same with given descriptors. @param archive  or the manifest. @param target  open directory; not used by
/// --verify-only. @param mirror  for --mirror
int run_extractor(std::span<const std::string> args, int archive, UniqueFd target, int report, UniqueFd mirror = {});

}  // namespace backupctl::archive
