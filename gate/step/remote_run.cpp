#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "common/escape.h"
#include "common/io.h"
#include "gate/remote/exit_status.h"
#include "gate/remote/names.h"
#include "gate/remote/standstill.h"
#include "gate/sandbox/helper.h"
#include "gate/step/network_files.h"
#include "gate/step/remote_directory.h"
#include "gate/step/remote_files.h"

namespace backupctl::step {
namespace {

/// The executable code that rclone, a dynamically linked Go program, finds of the host, where it exists: itself and its
/// libraries.
constexpr const char* programs[] = {
    remote::rclone_program,
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/x86_64-linux-gnu/libc.so.6",
    "/lib/x86_64-linux-gnu/libresolv.so.2",
    "/lib/x86_64-linux-gnu/libpthread.so.0",
    "/lib/ld-linux-aarch64.so.1",
    "/lib/aarch64-linux-gnu/libc.so.6",
    "/lib/aarch64-linux-gnu/libresolv.so.2",
    "/lib/aarch64-linux-gnu/libpthread.so.0",
};

/// Held by the one request that reads what lies on remotes while it has a loan. One lock for all of them: a remote may wrap
/// another, whose credential it then has as well.
constexpr const char* reading_lock = "reading";
constexpr int content_pipe = 1 << 20;                     ///< bytes
constexpr const char* backup_lock = "backup-waits";       ///< held by a step that makes a backup until it has the credential
constexpr auto reading_grace = std::chrono::seconds(30);  ///< for carrying a renewed token back

constexpr std::size_t most_messages = 20;
constexpr std::int64_t most_notes = 200;  ///< of the relay for standard output, which has little to say

/// Copies rclone's standard output to a file, up to a size, and not a byte more.
struct BoundedCopy {
  int from;
  int to;
  std::int64_t left;
  bool surplus = false;
  int fault = 0;  ///< errno of a failed write

  /// What is there now. @return false at the end; the pipe is closed then, so that a surplus or a full disk ends the sender.
  bool some(UniqueFd& pipe) {
    std::array<char, 65536> buffer;
    for (;;) {
      const ssize_t n = ::read(from, buffer.data(), buffer.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) return true;
      if (n > left) surplus = true;
      if (n > 0 && !surplus && !write_all(to, {buffer.data(), static_cast<std::size_t>(n)})) fault = errno;
      if (n <= 0 || surplus || fault != 0) {
        pipe.reset();
        return false;
      }
      left -= n;
    }
  }
  [[nodiscard]] bool complete() const { return left == 0 && !surplus && fault == 0; }
};

/// rclone's own messages, as the relay let them through; the last ones say what went wrong.
struct Message {
  std::string text;
  bool warning;  ///< false: rclone notices something, and nothing is wrong
};
std::string cause(const std::vector<Message>& messages) { return messages.empty() ? "" : ": " + messages.back().text; }

}  // namespace

Result<RemoteFiles> RemoteFiles::open(Context& context, const policy::Remote& remote, const policy::Remote* source) {
  if (auto program = open_trusted_program(remote::rclone_program); !program) return pass(program.error());
  auto rclone = remote::Rclone::open(remote, source != nullptr);
  if (!rclone) return pass(rclone.error());
  auto worker = Worker::hire(context, sandbox::RoleName::transfer);
  if (!worker) return pass(worker.error());
  RemoteFiles files(context, remote, std::move(*rclone), std::move(*worker));
  if (context.gives_way) {
    auto lock = state::take_any(
        context.state, {reading_lock}, context.policy.gate.lock_wait, context.session,
        "another verification, drill or export has read from the remotes all the time, so nothing was done; try again later",
        backup_lock);
    if (!lock) return pass(lock.error());
    files.reading_ = std::move(*lock);
  }
  if (!remote.directory.empty()) {
    auto directory = open_remote_directory(remote);
    if (!directory) return pass(directory.error());
    files.directory_ = std::move(*directory);
  } else if (!files.rclone_.needs_config()) {
    files.can_ = remote::azure_capabilities;
  }
  const std::string own = files.rclone_.needs_config() ? remote.name : "";
  const std::string other = source != nullptr ? source->name : "";
  if (own.empty() && other.empty()) return files;
  // Whoever only reads does not begin meanwhile: one after the other they could keep the credential from a backup (X11).
  std::optional<state::Lock> first;
  const auto come_first = [&]() -> Result<> {
    if (context.gives_way || first) return {};
    auto lock =
        state::Lock::try_take(context.state, backup_lock);  // one that looks whether it is free may have it for a moment
    if (!lock) return pass(lock.error());
    first = std::move(*lock);
    return {};
  };
  if (auto tried = come_first(); !tried) return pass(tried.error());
  const auto give_up = monitor::Clock::now() + context.policy.gate.lock_wait;
  const auto wait = [&]() -> Result<> {
    if (monitor::Clock::now() > give_up)
      return fail(Exit::unavailable,
                  "another step has used the credential of {} all the time, so nothing was sent; try again later",
                  own.empty() || other.empty() ? own + other : own + " or " + other);
    if (auto tried = come_first(); !tried) return tried;
    if (!context.gives_way)
      if (auto ended = state::take_over(context.state, reading_lock, reading_grace, context.session); !ended)
        return pass(ended.error());
    auto waited = context.session.wait({}, monitor::Clock::now() + std::chrono::milliseconds(200));
    return waited ? Result<>{} : pass(waited.error());
  };
  auto vault = vault::Vault::copy_out({context.policy.gate.state_dir, context.policy.gate.rclone_config},
                                      own.empty() ? other : own, files.worker_.uid(), wait, own.empty() ? "" : other);
  if (!vault) return pass(vault.error());
  for (const std::string& warning : vault->warnings()) context.output.note(warning, true);
  if (!own.empty()) files.can_ = remote::capabilities(std::span(vault->selection().types).first(vault->selection().own));
  files.vault_ = std::move(*vault);
  return files;
}

Result<> RemoteFiles::furnish(const Run& run) {
  worker_.clear();
  for (const char* const program : programs)
    if (auto shown = worker_.show_file(program, true); !shown) return shown;
  if (auto shown = worker_.show_file("/etc/mime.types"); !shown) return shown;
  if (auto shown = show_network_files(worker_); !shown) return shown;
  if (vault_)
    if (auto shown = worker_.show_directory(vault_->directory(), sandbox::config_dir, true); !shown) return shown;
  if (directory_)
    if (auto shown = worker_.show_as_root(directory_.get(), remote_->directory, sandbox::target_dir, true); !shown)
      return shown;
  if (run.tree_fd >= 0)
    if (auto shown = worker_.show_tree(run.tree_fd, "the tree", sandbox::source_dir, false, run.instead); !shown) return shown;
  if (run.into_fd >= 0)
    if (auto shown = worker_.show_as_root(run.into_fd, run.into, sandbox::spool_dir, true); !shown) return shown;
  if (!run.spool.empty())
    if (auto shown = worker_.show_directory(run.spool, sandbox::spool_dir, false); !shown) return shown;
  return {};
}

Result<Ran> RemoteFiles::run(const remote::Command& command, const Run& what) {
  if (auto done = furnish(what); !done) return pass(done.error());
  auto log = make_pipe();
  auto data = make_pipe();
  if (!log || !data) return fail(Exit::unavailable, "no pipe could be made to talk to rclone");
  const bool listens = !what.listener.empty();
  // An archive that is read back goes through here: fewer, larger pieces (pipe(7)); where that many are not to be had, smaller
  // ones.
  if (listens) static_cast<void>(::fcntl(data->write.get(), F_SETPIPE_SZ, content_pipe));
  monitor::Spawn spawn;
  spawn.cage = worker_.cage();
  spawn.program = remote::rclone_program;
  spawn.argv = command.argv;
  spawn.env = command.env;
  spawn.err = log->write.get();
  spawn.out = listens || what.out_fd >= 0 ? data->write.get() : -1;

  monitor::Job job(context_->session);
  std::vector<Worker> relays;
  relays.reserve(2);
  const auto add_relay = [&](const std::vector<std::string>& mode, int in, const std::vector<int>& extra,
                             monitor::Job::OnRecord on) -> Result<std::size_t> {
    auto relay = Worker::hire(*context_, sandbox::RoleName::relay);
    if (!relay) return pass(relay.error());
    relays.push_back(std::move(*relay));
    auto child = start_helper(relays.back(), "backupctl-relay", mode, in, -1, extra);
    if (!child) return pass(child.error());
    return job.add(std::move(*child), std::move(on));
  };
  std::size_t transfer = 0;
  std::optional<Error> fault;
  // Nothing more of the transfer is wanted; what ended it is the run's error, whatever rclone says at its end.
  const auto give_up = [&](Error why) {
    if (!fault) fault = std::move(why);
    job.stop(transfer);
  };
  std::vector<Message> messages;
  remote::Standstill standstill;
  const auto too_many_files = [&](std::int64_t most) {
    return Error{Exit::bad_data,
                 fmt::format("cannot {} the remote {}: it holds more than the {} files that there are inodes for "
                             "here; nothing of it was used",
                             what.doing, remote_->name, most)};
  };
  auto figures = add_relay(what.log_mode, log->read.get(), {}, [&](const Record& record) {
    if (record.kind == Record::Kind::progress) {
      if (standstill.reached(record, monitor::Clock::now()))
        give_up(
            {Exit::unavailable,
             fmt::format(
                 "cannot {} the remote {}: for {} minutes nothing moved, so the transfer was ended; either the remote does not "
                 "answer, or a file was exchanged for a FIFO while it was mirrored; the next run tries again",
                 what.doing, remote_->name, remote::Standstill::longest.count())});
      if (what.most_files && record.number[4] > *what.most_files) give_up(too_many_files(*what.most_files));
      return !what.shows_progress;
    }
    if (record.kind != Record::Kind::note) return false;
    // X10: a remote's words stand in rclone's, and a line feed would begin a line that looks like one of ours. Of too many the
    // last is kept: it says what the run failed of.
    if (messages.size() == most_messages) messages.pop_back();
    messages.push_back({escape_line(record.view()), record.number[0] == 1});
    return true;
  });
  if (!figures) return pass(figures.error());
  Result<std::size_t> listener = std::size_t{0};
  std::int64_t entries = 0;
  std::int64_t notes = 0;
  // The bounds of the relay's own hold for as long as it is what it was: it reads a remote's words (X13).
  const auto on_listener = [&](const Record& record) {
    if (record.kind == Record::Kind::note && ++notes > most_notes) return true;
    if (record.kind == Record::Kind::entry && ++entries > most_names) {
      give_up({Exit::bad_data, fmt::format("a listing of the remote {} holds more than the {} names it may; it was not used",
                                           remote_->name, most_names)});
      job.stop(*listener);
      return true;
    }
    return what.on_entry && what.on_entry(record);
  };
  if (listens) listener = add_relay(what.listener, data->read.get(), what.listener_extra, on_listener);
  if (!listener) return pass(listener.error());
  auto child = monitor::spawn(spawn);
  if (!child) return pass(child.error());
  transfer = job.add(std::move(*child));
  log->read.reset();
  log->write.reset();
  data->write.reset();
  if (what.out_fd < 0) data->read.reset();
  if (what.meanwhile) what.meanwhile();
  BoundedCopy copy{data->read.get(), what.out_fd, what.out_size};
  if (what.out_fd >= 0) {
    ::fcntl(copy.from, F_SETFL, O_NONBLOCK);
    job.watch(copy.from, [&] { return copy.some(data->read); });
  }
  if (vault_)
    job.watch(vault_->watch_fd(), [&] {
      const auto carried = vault_->on_change();
      if (carried) return true;
      // What it left is no renewed token: nothing more of it is wanted (D5).
      give_up(carried.error());
      return false;
    });
  const Result<> ended = job.run();
  if (fault) return pass(*fault);
  // What the children said while they were ended is no answer (S5).
  if (!ended && context_->session.over()) return pass(ended.error());

  const int status = job.ending(transfer).status;
  const auto& log_result = job.ending(*figures).result;
  const remote::Meaning meaning = remote::meaning(status);
  const bool missing =
      meaning.not_found || (what.believes_words && log_result && what.log_mode[0] == "progress" && log_result->number[5] == 1);
  if (status != 0 && missing && what.missing_is_fine) return Ran{log_result.value_or(Record{}), std::nullopt};
  if (copy.surplus || copy.fault != 0 || (status == 0 && what.out_fd >= 0 && !copy.complete()))
    return fail(copy.fault != 0 ? Exit::io_error : Exit::bad_data, "what {} sent has not the {} bytes it should have{}",
                remote_->name, what.out_size, copy.fault != 0 ? ", or could not be stored: " + errno_text(copy.fault) : "");
  if (status > 0 && what.most_deleted && log_result && log_result->number[4] > *what.most_deleted)
    return fail(
        Exit::bad_data,
        "while it was mirrored to {} its source lost more files than the policy allows (guard.max_delete_files): new and "
        "changed files "
        "are there, deletions ended at the limit, and what was not deleted is still there; if it is meant, raise the "
        "limit for one run",
        remote_->name);
  if (status > 0) {
    const remote::Hint* hint = nullptr;
    for (const Message& message : messages)
      if (hint == nullptr) hint = remote::hint(message.text);
    const bool relay_refused = !ended && ended.error().exit == Exit::bad_data;
    // A relay that refuses what it reads reads no further, and rclone then ends without a word; cut off by a fault of the
    // remote's, the same input is refused as well, but of that rclone tells.
    if (relay_refused && messages.empty()) return pass(ended.error());
    if (!ended && !relay_refused && ended.error().exit != Exit::bug) return pass(ended.error());
    return fail(hint != nullptr ? hint->exit : meaning.exit, "cannot {} the remote {}: rclone {}{}", what.doing, remote_->name,
                hint != nullptr ? hint->words : meaning.words, cause(messages));
  }
  if (!ended) return pass(ended.error());
  if (what.most_files && log_result && log_result->number[2] > *what.most_files) return pass(too_many_files(*what.most_files));
  if (!log_result || (listens && !job.ending(*listener).result)) return fail(Exit::bug, "a relay ended without a result");
  // rclone 1.60 ends well although it logged an error (an unwritable configuration): what it says is shown.
  for (const Message& message : messages) context_->output.note(message.text, message.warning);
  return Ran{*log_result, listens ? job.ending(*listener).result : std::nullopt};
}

RemoteFiles::RemoteFiles(RemoteFiles&& other) noexcept
    : context_(other.context_),
      remote_(other.remote_),
      rclone_(std::move(other.rclone_)),
      can_(other.can_),
      worker_(std::move(other.worker_)),
      reading_(std::move(other.reading_)),
      vault_(std::move(other.vault_)),
      directory_(std::move(other.directory_)) {
  other.vault_.reset();
}

RemoteFiles::~RemoteFiles() {
  if (const auto closed = close(); !closed) context_->output.note(closed.error().sentence, true);
}

Result<> RemoteFiles::close() {
  if (!vault_) return {};
  const auto finished = vault_->finish();
  vault_.reset();
  return finished;
}

}  // namespace backupctl::step
