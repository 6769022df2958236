#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/sha256.h"
#include "gate/monitor/job.h"
#include "gate/remote/capabilities.h"
#include "gate/remote/rclone.h"
#include "gate/state/lock.h"
#include "gate/step/context.h"
#include "gate/step/snapshot_record.h"
#include "gate/step/worker.h"
#include "gate/vault/vault.h"

namespace backupctl::step {

/// One name of a remote directory.
struct Entry {
  std::string name;
  std::int64_t size = -1;     ///< bytes, -1 unknown
  std::int64_t modified = 0;  ///< unix seconds, 0 unknown
  bool directory = false;
  std::optional<Digest> sha256;
  std::string tier = {};  ///< of Azure's, as the policy says it; empty: unknown, or none
};

/// The file of that name in a listing; nullptr where there is none.
const Entry* find(const std::vector<Entry>& entries, std::string_view name);

/// What rclone said and did in one run.
struct Ran {
  Record figures;                  ///< the relay's result for rclone's log (progress.h or dry_run.h)
  std::optional<Record> listened;  ///< the relay's result for rclone's standard output
};

/// One remote for the length of one step: its credential on loan from the vault, a worker uid, and the operations that a backup
/// needs, each an rclone in the role "transfer" whose words only relays read. Paths are the layout's.
class RemoteFiles {
 public:
  /// Copies the credential out. In a context that gives way one reads at a time, and what makes a backup ends it where it waits
  /// for the credential: to look at last week's backup must not cost tonight's. Error: Exit::bad_config, Exit::unavailable
  /// (lent to another step for too long), Exit::io_error.
  /// @param source  another remote that mirror() copies from: its credential is lent as well (X4). nullptr: none
  static Result<RemoteFiles> open(Context& context, const policy::Remote& remote, const policy::Remote* source = nullptr);

  RemoteFiles(RemoteFiles&& other) noexcept;
  RemoteFiles& operator=(RemoteFiles&&) = delete;
  /// Ends the loan as close() does, for steps that failed; a rotation that could not be saved is told as a warning.
  ~RemoteFiles();

  [[nodiscard]] const remote::Layout& layout() const { return rclone_.layout(); }
  [[nodiscard]] const remote::Capabilities& can() const { return can_; }
  [[nodiscard]] const policy::Remote& remote() const { return *remote_; }

  /// Most names of a directory (X5).
  static constexpr std::int64_t most_names = 100'000;
  /// What lies in a directory; nothing where there is none. Error: Exit::bad_data, the relay passes on more than most_names.
  Result<std::vector<Entry>> list(const std::string& directory);
  /// Whether anything lies there, however much. @param directory  may be of the source
  Result<bool> holds_anything(const std::string& directory);
  /// A directory of a remote that is a directory of this host. Error: Exit::io_error.
  Result<UniqueFd> open_directory(const std::string& directory);
  /// Its path on this host.
  [[nodiscard]] std::string path_here(const std::string& directory) const;
  /// Sends a file of the spool folder `from`.
  Result<> put(const std::string& from, const std::string& file, const std::string& to);
  /// Sends all files of the spool folder `from` into a directory, one after the other, the smallest first.
  /// @param meanwhile  done once while they are on their way
  Result<> put_all(const std::string& from, const std::string& directory, const std::function<void()>& meanwhile);
  /// Reads a file back: its size and digest.
  Result<std::pair<std::int64_t, Digest>> read_back(const std::string& file);
  /// Size and digest of an archive as the remote holds it (D1): by the remote's own hash where that is good enough, else read
  /// back.
  Result<std::pair<std::int64_t, Digest>> examine(const std::string& service, const std::string& archive);
  /// The same of any file of a directory.
  Result<std::pair<std::int64_t, Digest>> examine_in(const std::string& directory, const std::string& file);
  /// Reads a file of exactly `size` bytes into `out_fd`; a remote that sends more is cut off (X5). Error: Exit::bad_data.
  Result<> fetch(const std::string& file, int out_fd, std::int64_t size);
  /// Reads a directory with all beneath it into the open empty directory `into` of ours, where everything then belongs to root;
  /// a remote that sends more than `most_bytes` or `most_files` is cut off (X5), of the files within a second. Nothing where
  /// there is none. @param what  how errors call `into`. Error: Exit::bad_data, more files.
  Result<> fetch_tree(const std::string& directory, int into, const std::string& what, std::int64_t most_bytes,
                      std::int64_t most_files);
  /// Checks a manifest against signature, service and archive name. @param keys  trusted public keys, PEM
  /// @param on_entry  gets the files that lie beside a dump, among others
  Result<Record> check_manifest(const std::string& file, const std::string& service, const std::string& archive,
                                const std::string& keys, const monitor::Job::OnRecord& on_entry = {});
  /// The same for the manifest of a snapshot of volumes.
  Result<SnapshotRecord> check_snapshot(const std::string& service, const std::string& id, const std::string& keys);
  Result<> set_tier(const std::string& tier, const std::string& file);
  Result<> rename(const std::string& from, const std::string& to);
  Result<> remove(const std::string& file);
  Result<> purge(const std::string& directory);
  /// A mirror, or with `dry_run` what it would do. @param tree_fd  the tree, shown as /source, with `instead` over its own
  /// files; of a bucket -1
  Result<Ran> mirror(const remote::Mirror& mirror, int tree_fd, const std::vector<Instead>& instead, bool dry_run);
  /// What copying `compare` over the source would overwrite there, kept in `mirror.to`. Nothing where the source is gone.
  Result<Ran> keep_changed(const remote::Mirror& mirror, const std::string& compare);
  /// Copies the tree over a bucket, which is made if it is not there, and compares them afterwards. Deletes nothing.
  Result<Ran> fill_bucket(const remote::Mirror& mirror, int tree_fd);

  /// Carries a renewed credential back and ends the loan. A rotation that could not be saved is a failed run (D5).
  Result<> close();

 private:
  /// What one run gets to see and where its output goes.
  struct Run {
    const char* doing = "";  ///< for error sentences: "list", "send"
    int tree_fd = -1;
    std::vector<Instead> instead = {};  ///< over the tree's own files
    std::string spool = {};             ///< folder shown at /spool
    int into_fd = -1;                   ///< our folder, shown at /spool, writable; what is made there is root's
    std::string into = {};              ///< how errors call it
    std::vector<std::string> log_mode = {"progress"};
    std::vector<std::string> listener = {};  ///< a relay mode for standard output; empty: none
    int out_fd = -1;                         ///< without a listener: where standard output is copied to
    std::int64_t out_size = 0;               ///< exactly so many bytes
    bool shows_progress = false;             ///< it moves data; a listing is not worth a line
    std::vector<int> listener_extra = {};
    monitor::Job::OnRecord on_entry = {};
    bool missing_is_fine = false;                   ///< "not found" is an empty answer
    bool believes_words = true;                     ///< also where rclone's words say so, which may quote a server of one file
    std::function<void()> meanwhile = {};           ///< done once, while rclone works
    std::optional<std::int64_t> most_deleted = {};  ///< remote::Mirror::most_deleted
    std::optional<std::int64_t> most_files = {};    ///< that it may transfer
  };
  RemoteFiles(Context& context, const policy::Remote& remote, remote::Rclone rclone, Worker worker)
      : context_(&context), remote_(&remote), rclone_(std::move(rclone)), worker_(std::move(worker)) {}
  Result<Ran> run(const remote::Command& command, const Run& run);
  Result<> furnish(const Run& run);

  Context* context_;
  const policy::Remote* remote_;
  remote::Rclone rclone_;
  remote::Capabilities can_ = remote::directory_capabilities;
  Worker worker_;
  std::optional<state::Lock> reading_;  ///< of a context that gives way
  std::optional<vault::Vault> vault_;
  UniqueFd directory_;  ///< of a directory remote
};

}  // namespace backupctl::step
