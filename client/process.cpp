#include "client/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <optional>

#include "common/io.h"

namespace backupctl::client {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds grace{5};

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (const auto& text : texts) out.push_back(const_cast<char*>(text.c_str()));  // execve(2) does not write to them
  out.push_back(nullptr);
  return out;
}

/// The child between fork and exec: async-signal-safe calls only.
[[noreturn]] void become(const char* path, char* const* argv, char* const* env, int in, int out, int err,
                         const Signals& signals, pid_t parent) {
  ::setpgid(0, 0);  // a terminal's ^C is for us to act on: first ssh ends, then the service is started
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(127);
  const bool placed = ::dup2(in, 0) == 0 && (out < 0 || ::dup2(out, 1) == 1) && ::dup2(err, 2) == 2;
  signals.restore();
  if (placed) ::execve(path, argv, env);
  ::_exit(127);
}

/// One of the child's streams on our side.
struct Stream {
  UniqueFd from;
  Sink* to = nullptr;

  /// Passes on what is there, at most so many helpings, so that signals and the deadline are seen to between them; closes at
  /// the end of input.
  void drain(int helpings = 16) {
    std::array<char, 16384> buffer;
    for (; from && helpings > 0; --helpings) {
      const ssize_t n = ::read(from.get(), buffer.data(), buffer.size());
      if (n > 0) {
        to->pass({buffer.data(), static_cast<std::size_t>(n)});
        if (static_cast<std::size_t>(n) < buffer.size()) return;
        continue;
      }
      if (n < 0 && errno == EINTR) continue;
      if (n == 0 || errno != EAGAIN) from.reset();
      return;
    }
  }
};

Result<UniqueFd> open_stream(Stream& stream, Sink* to) {
  auto pipe = make_pipe();
  if (!pipe) return pass(pipe.error());
  ::fcntl(pipe->read.get(), F_SETFL, O_NONBLOCK);
  stream = {std::move(pipe->read), to};
  return std::move(pipe->write);
}

/// The child's wait status when it has ended.
std::optional<int> reap(pid_t pid) {
  int status = 0;
  return ::waitpid(pid, &status, WNOHANG) == pid ? std::optional(status) : std::nullopt;
}

/// Waits for the child's end, asking it to end at the deadline or when we are asked to, and making it end a little later.
Ending watch_over(pid_t pid, std::array<Stream, 2>& streams, Signals& signals, Watch watch) {
  Ending ending;
  auto next = Clock::now() + watch.deadline;
  bool asked = false;
  const auto ask_to_end = [&](Ending::Why why) {
    asked = true;
    ending.why = why;
    next = Clock::now() + grace;
    ::kill(pid, SIGTERM);
  };
  for (;;) {
    if (signals.ending() != 0 && !watch.finish && !asked) ask_to_end(Ending::Why::interrupted);
    if (streams[0].to != nullptr && streams[0].to->over() && !asked) ask_to_end(Ending::Why::unwanted);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now()).count();
    if (left <= 0 && asked) ::kill(pid, SIGKILL);
    if (left <= 0 && !asked) ask_to_end(Ending::Why::timed_out);
    std::array<pollfd, 3> ready = {
        {{signals.fd(), POLLIN, 0}, {streams[0].from.get(), POLLIN, 0}, {streams[1].from.get(), POLLIN, 0}}};
    ::poll(ready.data(), ready.size(), static_cast<int>(std::clamp<std::int64_t>(left, 20, 60'000)));
    signals.read();
    for (auto& stream : streams) stream.drain();
    if (const auto status = reap(pid)) {
      for (auto& stream : streams) stream.drain(INT_MAX);  // what is in the pipe still
      ending.status = WIFEXITED(*status) ? WEXITSTATUS(*status) : 128 + WTERMSIG(*status);
      if (ending.why == Ending::Why::interrupted) ending.status = 128 + signals.ending();
      if (ending.why == Ending::Why::by_itself && WIFSIGNALED(*status)) ending.why = Ending::Why::killed;
      return ending;
    }
  }
}

}  // namespace

Result<Ending> run_program(const Program& program, Sink* out, Relay& err, Signals& signals, Watch watch) {
  std::array<Stream, 2> streams;
  UniqueFd out_end;
  if (out != nullptr) {
    auto end = open_stream(streams[0], out);
    if (!end) return pass(end.error());
    out_end = std::move(*end);
  }
  auto err_end = open_stream(streams[1], &err);
  if (!err_end) return pass(err_end.error());
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!null) return fail_errno(Exit::unavailable, errno, "cannot open /dev/null");
  const auto argv = pointers(program.arguments);
  const auto env = pointers(program.environment);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return fail_errno(Exit::unavailable, errno, "cannot start {}", program.path);
  if (pid == 0)
    become(program.path.c_str(), argv.data(), env.data(), null.get(), out_end.get(), err_end->get(), signals, parent);
  out_end.reset();
  err_end->reset();
  const Ending ending = watch_over(pid, streams, signals, watch);
  if (out != nullptr) out->finish();
  err.finish();
  return ending;
}

}  // namespace backupctl::client
