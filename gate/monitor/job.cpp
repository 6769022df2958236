#include "gate/monitor/job.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "common/escape.h"
#include "gate/sandbox/helper.h"

namespace backupctl::monitor {
namespace {

/// A child's word is data: its exit code counts only where it is one of ours.
Exit trusted_exit(std::int64_t number) {
  for (const Exit code : {Exit::bad_data, Exit::unavailable, Exit::io_error, Exit::bad_config})
    if (number == to_status(code)) return code;
  return Exit::bug;
}

}  // namespace

std::size_t Job::add(Child child, OnRecord on_record) {
  members_.push_back({std::make_unique<Child>(std::move(child)), std::move(on_record), {}, false, {}});
  return members_.size() - 1;
}

void Job::watch(int fd, std::function<bool()> act) { watched_.push_back({fd, std::move(act)}); }

void Job::stop(std::size_t index, int signal) {
  if (!members_[index].ended) members_[index].child->signal(signal);
}

std::vector<int> Job::descriptors() const {
  std::vector<int> fds;
  for (const Member& member : members_) {
    if (member.ended) continue;
    fds.push_back(member.child->pidfd());
    if (member.child->report() >= 0) fds.push_back(member.child->report());
  }
  for (const Watched& watched : watched_)
    if (watched.fd >= 0) fds.push_back(watched.fd);
  return fds;
}

bool Job::all_ended() const {
  return std::all_of(members_.begin(), members_.end(), [](const Member& member) { return member.ended; });
}

void Job::take(Member& member, const Record& record) {
  Output& output = session_.output();
  const std::string_view role = sandbox::role(member.child->role()).word;
  switch (record.kind) {
    case Record::Kind::result:
      member.ending.result = record;
      return;
    case Record::Kind::failed:
      if (!member.ending.failure) member.ending.failure = Error{trusted_exit(record.number[0]), escape_line(record.view())};
      return;
    case Record::Kind::violation:
      member.ending.failure =
          Error{Exit::bug, fmt::format("the {} tried the system call {}, which its role does not allow, and was ended", role,
                                       sandbox::syscall_name(record.number[0]))};
      return;
    default:
      break;
  }
  if (member.on_record && member.on_record(record)) return;
  if (record.kind == Record::Kind::progress) output.progress(record);
  if (record.kind == Record::Kind::note) output.note(record.view(), record.number[0] != 0);
}

bool Job::read_records(Member& member) {
  char buffer[sizeof(Record) * 8];
  const ssize_t n = ::read(member.child->report(), buffer, sizeof buffer);
  if (n < 0) return errno == EINTR;
  if (n == 0) {
    member.child->close_report();
    return false;
  }
  member.partial.append(buffer, static_cast<std::size_t>(n));
  while (member.partial.size() >= sizeof(Record)) {
    Record record;
    std::memcpy(&record, member.partial.data(), sizeof record);
    member.partial.erase(0, sizeof record);
    take(member, record);
  }
  return true;
}

void Job::serve(const std::vector<int>& ready) {
  const auto is_ready = [&](int fd) { return fd >= 0 && std::find(ready.begin(), ready.end(), fd) != ready.end(); };
  for (Watched& watched : watched_)
    if (is_ready(watched.fd) && !watched.act()) watched.fd = -1;
  for (Member& member : members_) {
    if (member.ended) continue;
    if (is_ready(member.child->report())) read_records(member);
    if (!is_ready(member.child->pidfd())) continue;
    if (const auto status = member.child->collect()) {
      // What it said last: no more than a pipe holds (pipe(7)), should a child of the child still write.
      for (std::size_t left = 65536 / sizeof(Record) + 1; left > 0 && member.child->report() >= 0 && read_records(member);
           --left) {
      }
      member.ending.status = *status;
      member.ended = true;
    }
  }
}

void Job::end_all() {
  for (const Member& member : members_)
    if (!member.ended) member.child->signal(SIGTERM);
  // A second job within the grace gets what is left of it: many in a row must not outlast it together (S5).
  if (!session_.in_grace()) session_.allow_grace(std::chrono::seconds(15));
  const auto kill_at = Clock::now() + std::chrono::seconds(5);
  bool killed = false;
  while (!all_ended()) {
    const auto ready = session_.wait(descriptors(), kill_at + (killed ? std::chrono::seconds(10) : std::chrono::seconds(0)));
    if (!ready || (killed && ready->empty())) return;  // unkillable: stuck in the kernel; its destructor waits for it
    if (ready->empty()) {
      for (const Member& member : members_)
        if (!member.ended) member.child->signal(SIGKILL);
      killed = true;
    }
    serve(*ready);
  }
}

Result<> Job::run() {
  while (!all_ended()) {
    const auto ready = session_.wait(descriptors());
    if (!ready) {
      end_all();
      return pass(ready.error());
    }
    serve(*ready);
  }
  // A watched pipe may still hold what was written last.
  for (Watched& watched : watched_)
    if (watched.fd >= 0) watched.act();
  for (const Member& member : members_)
    if (member.ending.failure) return pass(*member.ending.failure);
  return {};
}

}  // namespace backupctl::monitor
