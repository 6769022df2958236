#include "gate/restore/manifest_lines.h"

#include <unistd.h>

#include <cerrno>

#include "gate/manifest/manifest.h"

namespace backupctl::archive {
namespace {

/// A path and its attributes, escaped (verify_manifest.cpp has the same).
constexpr std::size_t max_line = 16 << 20;

tl::unexpected<Error> damaged() {
  return fail(Exit::bad_data, "the manifest's list of files is not laid out as one, or cut off; nothing of it is to be used");
}

}  // namespace

ManifestLines::ManifestLines(int manifest) : reader_(manifest, max_line) {}

Result<std::unique_ptr<ManifestLines>> ManifestLines::open(int manifest) {
  if (::lseek(manifest, 0, SEEK_SET) != 0) return fail_errno(Exit::io_error, errno, "the manifest cannot be read");
  std::unique_ptr<ManifestLines> lines(new ManifestLines(manifest));
  relay::LineReader::Line line;
  for (int i = 0; i < 3; ++i)  // what is signed, the signature, the list's beginning
    if (auto done = lines->read(line); !done) return pass(done.error());
  if (line.text != manifest::files_line) return damaged();
  return lines;
}

Result<> ManifestLines::read(relay::LineReader::Line& line) {
  const auto more = reader_.next(line);
  if (!more) return pass(more.error());
  return *more && line.ended && !line.cut ? Result<>{} : damaged();
}

Result<bool> ManifestLines::next(std::string_view& line) {
  relay::LineReader::Line read_line;
  if (auto done = read(read_line); !done) return pass(done.error());
  line = read_line.text;
  if (line == manifest::last_line) return false;
  if (line.ends_with(',')) line.remove_suffix(1);
  return true;
}

Result<> check_list(int manifest, const Digest& digest, std::uint64_t lines) {
  auto list = ManifestLines::open(manifest);
  if (!list) return pass(list.error());
  Sha256 sum;
  std::uint64_t count = 0;
  std::string_view line;
  for (;; ++count) {
    const auto more = (*list)->next(line);
    if (!more) return pass(more.error());
    if (!*more) break;
    sum.update(line);
    sum.update("\n");
  }
  if (count == lines && sum.finish() == digest) return {};
  return fail(Exit::bad_data, "the manifest's list of files is not the one that was signed; nothing of it is to be used");
}

}  // namespace backupctl::archive
