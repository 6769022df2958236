#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "common/result.h"
#include "common/unique_fd.h"

namespace backupctl {

/// Both ends of a pipe, close-on-exec.
struct Pipe {
  UniqueFd read;
  UniqueFd write;
};
Result<Pipe> make_pipe();

/// Writes all bytes, continuing after short writes and EINTR. Error: Exit::io_error, with errno's words.
Result<> write_all(int fd, std::string_view bytes);

/// Reads to the end of input, at most `limit` bytes; more is an error (Exit::bad_data), so that no peer can exhaust memory
/// (X5).
Result<std::string> read_all(int fd, std::size_t limit);

/// Opens `path` without ever following a symbolic link in any component (openat2(2), RESOLVE_NO_SYMLINKS; X5, X7).
/// @param flags as for open(2); O_CLOEXEC is added.
/// @return the descriptor; on failure errno is set and the descriptor empty.
UniqueFd open_no_symlinks(const std::string& path, int flags, mode_t mode = 0);

/// Opens `name` beneath the directory `dir`: no "..", no symbolic links, no way out (openat2(2), RESOLVE_BENEATH; X5).
UniqueFd open_beneath(int dir, const std::string& name, int flags, mode_t mode = 0);

/// Opens a file that decides about privilege: no symbolic links; root's; writable by root alone, and so every directory
/// above it (X7). Checked on the opened descriptor, never on the name.
/// @param secret  also refuse when group or others may read it.
/// Error: Exit::bad_config, saying what is wrong with which path.
Result<UniqueFd> open_trusted(const std::string& path, bool secret = false);

/// The same for a program that root is about to run: its path may lead through symbolic links (/bin -> usr/bin), as long as
/// every directory on the way, those of the links included, is root's alone: then nobody else can lead the name elsewhere
/// between this check and execve(2), nor choose which program of root's it means. The descriptor is O_PATH: good for fstat.
Result<UniqueFd> open_trusted_program(const std::string& path);

/// What lets any account of the host put something of its own where `directory` is, or into it: a directory on the way, those
/// of links included, that everybody can reach and write to, sticky or not (a container's volume of mode 1777 lies beneath a
/// directory of the engine's that nobody else can enter). To stand behind the path; empty: nothing does, or it is not
/// there.
std::string plantable(const std::string& directory);

/// Writes `bytes` to a temporary beside `path`, fsyncs, renames over `path`, fsyncs the directory: after a crash the old or
/// the new content is there, never a mixture.
Result<> write_file_durably(const std::string& path, std::string_view bytes, mode_t mode);

}  // namespace backupctl
