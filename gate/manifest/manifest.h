#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "common/result.h"
#include "common/sha256.h"

namespace backupctl::manifest {

/// # The manifest, `<archive>.manifest.json`, and a mirror's, `data.manifest.json` beside `data/` (normative)
///
/// A manifest is one JSON object (RFC 8259, UTF-8), laid out in lines, so that its signature is checked before any JSON is
/// parsed (X6) and a million files stream through bounded memory (X5). Every line ends with one "\n":
///
///     {"signed":{…},                                                  at most max_signed bytes of "signed"
///     "signature":{"algorithm":"ed25519","key":"…","value":"…"},      signature.h: fixed length
///     "files":[
///     {…},                                                            the reader's files.jsonl, one object a line,
///     {…}                                                             a comma after each but the last
///     ]}
///
/// The signature covers exactly the bytes of the value of "signed" on line 1, without the comma that follows it. Through
/// `files_sha256` and `files_count` it covers the files, through `sha256` and `size` the archive.
///
/// "signed" holds these members; a reader of schema 1 demands each with its type, and ignores members it does not know:
///
/// | member            | type             | meaning                                                                     |
/// |-------------------|------------------|-----------------------------------------------------------------------------|
/// | schema            | number           | 1                                                                           |
/// | service, host     | string           | the service's name; the host name of the machine that made the backup       |
/// | archive           | string           | the archive's file name; "data" for a mirror                                |
/// | source, format    | string           | the source's kind (tree, volumes, …); tar.gz, tar.zst, dump, rdb, files     |
/// | compression       | string           | gzip, zstd, zlib (of a dump), none                                          |
/// | encrypted         | true or false    | whether the remote stores it encrypted (rclone crypt)                       |
/// | created           | string           | RFC 3339, UTC, whole seconds: 2026-03-01T02:00:00Z                          |
/// | date              | string           | YYYY-MM-DD, the civil date in the archive's name                            |
/// | size, sha256      | number, string   | the archive's bytes; its SHA-256, 64 lower-case hexadecimal digits          |
/// | members           | number           | members of the archive                                                      |
/// | source_bytes      | number           | bytes of content before compression                                         |
/// | files_count       | number           | lines of "files"                                                            |
/// | files_sha256      | string           | SHA-256 of the reader's files.jsonl: each object followed by "\n", no comma |
/// | status            | string           | "complete"; a run that is not complete (D2) says "incomplete"; "adopted":   |
/// |                   |                  | made by an earlier script, tested and hashed where it lay (--adopt)         |
/// | consistency       | string           | cold, snapshot, hot; of an adopted archive unknown                          |
/// | downtime_seconds  | number or null   | how long the service stood still (S3); null: it was not stopped, or unknown |
/// | probes            | object           | probe name → its output, a string                                           |
/// | tool              | object           | name, version: what wrote the backup                                        |
/// | policy_sha256     | string           | SHA-256 of the policy file in force                                         |
/// | journal_head      | string           | the journal's hash chain when the manifest was written (X9)                 |
///
/// Of an adopted archive, `host`, `created` and `tool` are those of the adoption, `date` is its name's, and its list of files
/// is empty
/// (`files_count` 0): nobody wrote one when it was made.
/// The manifest of a mirror (`<root>/<service>/data/`) is the same, with "archive" data, "format" files and "compression" none:
///
/// | member            | in a mirror's manifest                                                                           |
/// |-------------------|--------------------------------------------------------------------------------------------------|
/// | date              | the civil date of the sync                                                                       |
/// | size              | bytes of all regular files, holes and each name of a hard link counted: what the mirror takes    |
/// | sha256            | files_sha256 once more: the list has the SHA-256 of each file                                    |
/// | members           | files_count once more                                                                            |
/// | source_bytes      | bytes of content, holes and further names of hard links not counted: what a restore writes       |
/// | status            | "incomplete": files changed, could not be read or lie beneath a mount point (D2)                 |
/// | files             | what was in the tree, not how rclone keeps it: links, FIFOs and empty directories have lines too |
///
/// The files of a dump of PostgreSQL (source postgres) are none, or the roles that lie beside it: one line
/// {"archive":"globals.sql","size":…,"sha256":…,"members":roles,"source_bytes":0}, of the file named as the dump with
/// ".globals.sql" behind it.
///
/// That of a bucket's mirror has "source" bucket, and its files are those of the mirror as it lies on the remote, read back.
/// Where names of the bucket can be no paths, and so are not in it, one member more follows "status", "left_out": how many.
///
/// The manifest of a snapshot of volumes, `<root>/<id>/manifest.json`, is the same, with "source" volumes; its files are its
/// archives, lines of {"volume":…,"engine":…,"archive":…,"size":…,"sha256":…,"members":…,"source_bytes":…}:
///
/// | member            | in a snapshot's manifest                                                                         |
/// |-------------------|--------------------------------------------------------------------------------------------------|
/// | archive           | the snapshot's id: a manifest under another folder's name is none (X6)                           |
/// | size, members     | of all its archives together                                                                     |
/// | sha256            | of MANIFEST.sha256, which has those of the archives and of README.md                             |
///
/// A mirror's manifest is made after the mirror, so that a crash in between leaves the manifest of the sync before: it vouches
/// for the files that are still the same, and for no other. A restore takes nothing of a mirror whose files differ from its
/// manifest, unless "consistency" is hot or "status" incomplete, where a difference was to be expected: then what differs is
/// left out.
///
/// Checking by hand, with nothing but sed, base64 and openssl (3.0 or later), given the host's public key `host.pub`:
///
///     sed -n '1{s/^{"signed"://;s/,$//;p;}' M | tr -d '\n' > signed
///     sed -n '2s/.*"value":"\([^"]*\)".*/\1/p' M | base64 -d > signature
///     openssl pkeyutl -verify -pubin -inkey host.pub -rawin -in signed -sigfile signature
///     sed -n '4,${/^]}$/d;s/,$//;p;}' M | sha256sum        # equals files_sha256
///     sha256sum ARCHIVE                                     # equals sha256
inline constexpr int schema = 1;
/// Longest value of "signed", in bytes.
inline constexpr std::size_t max_signed = 65536;
inline constexpr std::string_view signed_prefix = "{\"signed\":";
inline constexpr std::string_view files_line = "\"files\":[";
inline constexpr std::string_view last_line = "]}";

/// What "signed" says; the members as in the table above. All fields are the caller's; nothing is looked up here.
struct Manifest {
  std::string service;
  std::string host;
  std::string archive;
  std::string source;
  std::string format;
  std::string compression;
  bool encrypted = false;
  std::int64_t created = 0;  ///< unix seconds
  std::string date;
  std::int64_t size = 0;  ///< bytes
  Digest sha256{};
  std::int64_t members = 0;
  std::int64_t source_bytes = 0;
  std::int64_t files_count = 0;
  Digest files_sha256{};
  bool complete = true;
  bool adopted = false;       ///< complete as far as anybody can tell now
  std::int64_t left_out = 0;  ///< names of a bucket that no path can have
  std::string consistency;
  std::optional<double> downtime_seconds;
  std::map<std::string, std::string> probes;
  std::string tool_name;
  std::string tool_version;
  Digest policy_sha256{};
  std::string journal_head;
};

/// The value of "signed": one line of JSON without a line break, its members in the order of the table.
/// Error: Exit::bug when longer than max_signed.
Result<std::string> signed_object(const Manifest& manifest);

/// Writes a whole manifest to `out_fd`, copying the reader's files.jsonl from where `files_fd` stands to its end.
/// @param signature_line  line 2 as the signer wrote it, comma and line break included (signature.h)
/// @param files_fd  one object a line, each ended by "\n"; an empty file is a manifest without files. Stays open.
/// Error: Exit::io_error when reading or writing fails; Exit::bug when the signature line is none.
Result<> assemble(int out_fd, std::string_view signed_json, std::string_view signature_line, int files_fd);

}  // namespace backupctl::manifest
