#pragma once

#include <string>

#include "common/record.h"
#include "common/unique_fd.h"
#include "gate/state/spool.h"
#include "gate/step/remote_files.h"

namespace backupctl::step {

/// The mirror of a service on a remote, whose manifest is good.
struct StoredMirror {
  const policy::Remote* remote = nullptr;
  UniqueFd manifest;  ///< the whole of it, in a file without a name: what was verified is what is used (D6)
  Record record;      ///< the relay's result for it (gate/relay/verify_manifest.h)

  /// The tree was not standing still, or not all of it could be read: what differs from the manifest is left out of a
  /// restore and named, since it was to be expected. Otherwise a difference means that nothing is restored.
  [[nodiscard]] bool may_differ() const { return record.number[7] == 1 || record.number[2] != 1; }
  [[nodiscard]] bool complete() const { return record.number[2] == 1; }
  [[nodiscard]] std::int64_t bytes() const { return record.number[0]; }
  [[nodiscard]] std::int64_t files() const { return record.number[3]; }
  /// Of a bucket: keys that no path can have, which are not in it.
  [[nodiscard]] std::int64_t left_out() const { return record.number[8]; }
};

/// The newest mirror of a service that has a good manifest (of equals the one on the remote that the policy names first).
/// @param keys  trusted public keys, PEM. Error: Exit::bad_data, there is none; Exit::io_error, no room for the manifest; a
/// remote's own.
Result<StoredMirror> find_mirror(Context& context, const policy::Service& service, const std::string& keys,
                                 const std::vector<std::string>& remotes);

/// Says in a report how many keys of a bucket are in no mirror, where there are any.
void add_left_out(std::vector<monitor::Field>& fields, std::int64_t keys);

/// Reads the mirror that lies on a remote into a new folder of the spool. Whatever lies there, half of the bytes and inodes
/// stay free (X5, D8), not counting those that the mirror is known to have. Error: Exit::bad_data, it is more; Exit::io_error;
/// a remote's own.
Result<UniqueFd> fetch_data(RemoteFiles& files, const policy::Service& service, const state::Spool& spool,
                            std::int64_t known_bytes = 0, std::int64_t known_files = 0);

/// The same of one that has a manifest. Error: Exit::io_error, no room; as above.
Result<UniqueFd> fetch_mirror(Context& context, const policy::Service& service, const StoredMirror& stored,
                              const state::Spool& spool);

/// Compares every file with the signed manifest, by size and SHA-256 (D6, X6); what differs is told line by line.
/// @return how many files extract_mirror() will leave out: none, unless may_differ() or a file has no SHA-256.
/// Error: Exit::bad_data.
Result<std::int64_t> verify_mirror(Context& context, const StoredMirror& stored, int mirror);

/// Whether it may take the place of the data: the run that made it was complete, and it is as new as the last that this host
/// made. Error: Exit::bad_data, Exit::io_error.
Result<> check_in_place(Context& context, const policy::Service& service, const StoredMirror& stored);

/// A mirror that was fetched and verified; it lies in the spool until it is written.
struct FetchedMirror {
  StoredMirror stored;
  state::Spool spool;
  UniqueFd folder;
  std::int64_t left_out = 0;  ///< verify_mirror()'s
};

/// Finds, fetches and verifies one, all of it (D6). @param in_place  it is to take the place of the data, so none will do but
/// one that is whole, and as new as the last that this host made. Error: Exit::bad_data, Exit::io_error, as above.
Result<FetchedMirror> obtain_mirror(Context& context, const policy::Service& service, const std::string& keys,
                                    const std::vector<std::string>& remotes, bool in_place);

/// Writes it into the open empty directory `target` as `data/…`, with everything the manifest knows (D7).
/// @param to  how errors call the directory. @return the extractor's result (gate/restore/extractor.h)
Result<Record> extract_mirror(Context& context, const StoredMirror& stored, int mirror, int target, const std::string& to);

}  // namespace backupctl::step
