#include "gate/request/parser_child.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "common/escape.h"
#include "common/io.h"
#include "common/record.h"
#include "common/request_wire.h"
#include "gate/sandbox/cage.h"
#include "gate/sandbox/helper.h"

namespace backupctl::request {
namespace {

/// The last of the default worker uids (policy.md, worker_uids): the parser runs before there is a policy to name others.
constexpr uid_t parser_uid = 1878982656 + 255;
/// Parsing 1,024 bytes takes microseconds; a child that needs longer is broken (S5).
constexpr int parse_time_ms = 5000;

[[noreturn]] void parse(std::string_view bytes, int out, int report) {
  constexpr int answer_fd = sandbox::report_fd + 1;
  const bool placed = ::dup2(out, answer_fd) >= 0 && (report == sandbox::report_fd || ::dup2(report, sandbox::report_fd) >= 0);
  if (!placed || ::close_range(answer_fd + 1, ~0U, 0) != 0) ::_exit(to_status(Exit::bug));
  sandbox::Cage cage;
  cage.role = sandbox::RoleName::parser;
  cage.uid = parser_uid;
  if (const auto entered = sandbox::enter(cage); !entered) sandbox::give_up(entered.error());
  const WireRequest wire = pack(parse_request(bytes));
  const bool sent = write_all(answer_fd, {reinterpret_cast<const char*>(&wire), sizeof wire}).has_value();
  ::_exit(sent ? 0 : to_status(Exit::bug));
}

bool readable_in_time(int fd) {
  pollfd polled{fd, POLLIN, 0};
  int ready = 0;
  do {
    ready = ::poll(&polled, 1, parse_time_ms);
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

std::string reason(int report) {
  Record record;
  if (!readable_in_time(report) || ::read(report, &record, sizeof record) != static_cast<ssize_t>(sizeof record))
    return "it gave no answer";
  if (record.kind == Record::Kind::violation)
    return fmt::format("it tried the system call {}", sandbox::syscall_name(record.number[0]));
  if (record.kind == Record::Kind::failed) return escape_line(record.view());
  return "it gave no answer";
}

}  // namespace

Result<ParserChild> ParserChild::start(std::string_view bytes) {
  auto answer = make_pipe();
  auto report = make_pipe();
  if (!answer || !report) return fail(Exit::unavailable, "no pipe could be made to parse the request; nothing was run");
  const pid_t pid = ::fork();
  if (pid < 0) return fail_errno(Exit::unavailable, errno, "no child could be started to parse the request; nothing was run");
  if (pid == 0) {
    // Out of the way of the numbers they are moved to.
    const int out = ::fcntl(answer->write.get(), F_DUPFD, 64);
    parse(bytes, out, ::fcntl(report->write.get(), F_DUPFD, 64));
  }
  return ParserChild(bytes, pid, std::move(answer->read), std::move(report->read));
}

Result<tl::expected<Request, RefusalCode>> ParserChild::answer() {
  WireRequest wire;
  const bool answered =
      readable_in_time(answer_.get()) && ::read(answer_.get(), &wire, sizeof wire) == static_cast<ssize_t>(sizeof wire);
  const std::string why = answered ? "" : reason(report_.get());
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (!answered) return fail(Exit::bug, "the parser of requests ended without an answer ({}); nothing was run", why);
  const auto parsed = unpack(wire);
  if (!parsed || (parsed->has_value() && serialize(**parsed) != bytes_))
    return fail(Exit::bug, "the parser of requests gave an answer that does not fit the request; nothing was run");
  return *parsed;
}

}  // namespace backupctl::request
