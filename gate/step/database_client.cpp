#include "gate/step/database_client.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "common/escape.h"
#include "common/io.h"
#include "gate/sandbox/helper.h"
#include "gate/sandbox/memory.h"
#include "gate/step/network_files.h"
#include "gate/step/worker.h"

namespace backupctl::step {
namespace {

/// The directories of libraries of a Debian system (Debian Policy, 9.1.1; FHS), and the dynamic linkers that programs name.
constexpr const char* library_directories[] = {"/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"};
constexpr const char* linkers[] = {"/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"};

/// The secret in a folder of its own that the worker's uid alone may enter; swept with the spool after a crash.
Result<state::Spool> write_secret(Context& context, const vault::SecretText& secret, uid_t uid) {
  auto folder = state::Spool::make(context.state);
  if (!folder) return folder;
  const UniqueFd file = open_beneath(folder->fd(), "secret", O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (!file || ::fchown(file.get(), uid, uid) != 0)
    return fail_errno(Exit::io_error, errno, "cannot write a private file in {}", folder->path());
  if (auto written = write_all(file.get(), secret.bytes); !written) return pass(written.error());
  if (auto given = folder->give_to(uid); !given) return pass(given.error());
  return folder;
}

Result<> furnish(Worker& worker, const DatabaseClient& client, const state::Spool* secret) {
  if (auto shown = show_program(worker, client.argv[0]); !shown) return shown;
  if (auto shown = show_network_files(worker); !shown) return shown;
  if (!client.socket.empty()) {
    // Whoever listens there is told the password and believed: while the server stands still, any account could.
    const std::string directory = client.socket.substr(0, client.socket.rfind('/'));
    if (const std::string fault = plantable(directory); !fault.empty())
      return fail(
          Exit::bad_config,
          "{} {}, so that any account could listen there in the server's place and be told the password; have the server "
          "make its socket in a directory of its own, and name that in the policy",
          directory, fault);
    if (auto shown = worker.show_file(client.socket); !shown) return shown;
  }
  for (const std::string& certificate : client.certificates) {
    // Without it libpq verifies nothing, and whoever exchanges it chooses who is believed (X7).
    if (auto trusted = open_trusted(certificate); !trusted) return pass(trusted.error());
    if (auto shown = worker.show_file(certificate); !shown) return shown;
  }
  if (secret != nullptr)
    if (auto shown = worker.show_directory(secret->path(), sandbox::config_dir, false); !shown) return shown;
  if (client.spool == nullptr) return {};
  if (auto given = client.spool->give_to(worker.uid()); !given) return given;
  return worker.show_directory(client.spool->path(), sandbox::spool_dir, true);
}

/// A descriptor that can be read once the time has passed.
Result<UniqueFd> timer(std::chrono::seconds span) {
  UniqueFd fd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
  const itimerspec at{{}, {span.count(), 0}};
  if (!fd || ::timerfd_settime(fd.get(), 0, &at, nullptr) != 0)
    return fail_errno(Exit::unavailable, errno, "no timer could be made");
  return fd;
}

/// Whether the program itself had no memory left (libpq, PostgreSQL's fe_memutils.c, zmalloc.c); a server's own lack of it
/// comes as an ERROR of its.
bool ran_out_of_memory(const std::string& line) {
  return (line.find("ut of memory") != std::string::npos || line.find("memory exhausted") != std::string::npos ||
          line.find("annot allocate memory") != std::string::npos) &&
         line.find("ERROR:") == std::string::npos && line.find("FATAL:") == std::string::npos;
}

/// NAME=secret, not moved while it grows.
std::string variable(const std::string& name, const vault::SecretText& secret) {
  std::string text;
  text.reserve(name.size() + 1 + secret.bytes.size());
  text += name;
  text += '=';
  text += secret.bytes;
  return text;
}

}  // namespace

Result<vault::SecretText> read_password(const std::string& path) {
  auto fd = open_trusted(path, true);
  if (!fd) return pass(fd.error());
  auto text = vault::read_secret(fd->get());
  if (!text) return fail(Exit::bad_config, "cannot use {}: {}", path, text.error().sentence);
  while (text->bytes.ends_with('\n') || text->bytes.ends_with('\r')) text->bytes.pop_back();
  if (text->bytes.empty() || text->bytes.find_first_of(std::string_view("\n\0", 2)) != std::string::npos)
    return fail(Exit::bad_config, "{} does not hold one line, the password alone", path);
  return text;
}

Result<> show_program(Worker& worker, const std::string& program) {
  for (const char* const directory : library_directories)
    if (auto shown = worker.show_libraries(directory); !shown) return shown;
  for (const char* const linker : linkers)
    if (auto shown = worker.show_file(linker, true); !shown) return shown;
  return worker.show_file(program, true);
}

Result<ClientRun> run_client(Context& context, const DatabaseClient& client) {
  if (auto program = open_trusted_program(client.argv[0]); !program) return pass(program.error());
  const std::uint64_t memory = sandbox::half_of_available_memory();
  auto worker = Worker::hire(context, client.network ? sandbox::RoleName::dumper : sandbox::RoleName::local_dumper);
  if (!worker) return pass(worker.error());
  std::optional<state::Spool> secret;
  if (client.secret != nullptr && client.secret_variable.empty()) {
    auto written = write_secret(context, *client.secret, worker->uid());
    if (!written) return pass(written.error());
    secret.emplace(std::move(*written));
  }
  if (auto done = furnish(*worker, client, secret ? &*secret : nullptr); !done) return pass(done.error());
  auto words = make_pipe();
  auto data = make_pipe();
  if (!words || !data) return fail(Exit::unavailable, "no pipe could be made to talk to {}", client.argv[0]);
  const bool listens = !client.listener.empty();
  monitor::Spawn spawn;
  spawn.cage = worker->cage();
  spawn.program = client.argv[0];
  spawn.argv = client.argv;
  spawn.env = client.env;
  spawn.in = client.in;
  spawn.out = listens ? data->write.get() : client.out;
  spawn.err = words->write.get();

  ClientRun run;
  monitor::Job job(context.session);
  std::vector<Worker> relays;
  relays.reserve(2);
  const auto add_relay = [&](const std::vector<std::string>& mode, int in, monitor::Job::OnRecord on) -> Result<std::size_t> {
    auto relay = Worker::hire(context, sandbox::RoleName::relay);
    if (!relay) return pass(relay.error());
    relays.push_back(std::move(*relay));
    auto child = start_helper(relays.back(), "backupctl-relay", mode, in, -1);
    if (!child) return pass(child.error());
    return job.add(std::move(*child), std::move(on));
  };
  const auto said = add_relay({"messages"}, words->read.get(), [&](const Record& record) {
    if (record.kind != Record::Kind::note) return false;
    run.words.push_back(escape_line(record.view()));
    return true;
  });
  if (!said) return pass(said.error());
  std::size_t listener = 0;
  if (listens) {
    const auto added = add_relay(client.listener, data->read.get(), client.on_record);
    if (!added) return pass(added.error());
    listener = *added;
  }
  spawn.env.reserve(spawn.env.size() + 1);
  if (!client.secret_variable.empty()) spawn.env.push_back(variable(client.secret_variable, *client.secret));
  auto child = monitor::spawn(spawn);
  if (!client.secret_variable.empty()) vault::wipe(spawn.env.back());
  if (!child) return pass(child.error());
  const std::size_t place = job.add(std::move(*child));
  UniqueFd late;
  if (client.limit.count() > 0) {
    auto made = timer(client.limit);
    if (!made) return pass(made.error());
    late = std::move(*made);
    job.watch(late.get(), [&] {
      job.stop(place, SIGKILL);  // as the first of its namespace it would not heed another that it does not handle
      return false;
    });
  }
  for (Pipe* const pipe : {&*words, &*data}) pipe->read.reset(), pipe->write.reset();
  const Result<> ended = job.run();
  if (!ended && context.session.over()) return pass(ended.error());
  run.status = job.ending(place).status;
  if (run.status != 0 && std::ranges::any_of(run.words, ran_out_of_memory))
    run.words = {
        fmt::format("{} needs more memory than it may have, half of what was available on this host ({}): free some, or "
                    "look whether the data is what it should be",
                    client.argv[0], monitor::human_bytes(static_cast<std::int64_t>(memory)))};
  // A client that failed said why; what a listener makes of half an output is no better answer.
  if (!ended && (run.status == 0 || run.status == 128 + SIGPIPE)) return pass(ended.error());
  if (listens && job.ending(listener).result) run.listened = *job.ending(listener).result;
  if (client.spool != nullptr)
    if (auto back = client.spool->take_back(); !back) return pass(back.error());
  return run;
}

}  // namespace backupctl::step
