#pragma once

#include <csignal>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/record.h"
#include "gate/monitor/child.h"
#include "gate/monitor/session.h"

namespace backupctl::monitor {

/// How one child ended.
struct Ending {
  int status = -1;               ///< exit status, or 128 + signal
  std::optional<Record> result;  ///< its last `result` record
  std::optional<Error> failure;  ///< its `failed` record or violation
};

/// Children that work together (a producer, a transfer, a relay), watched until all have ended.
class Job {
 public:
  explicit Job(Session& session) : session_(session) {}

  /// Sees a child's records but for results and failures. True: dealt with; else progress and notes go to the client.
  using OnRecord = std::function<bool(const Record&)>;
  /// Takes a child over. @return its place, for ending().
  std::size_t add(Child child, OnRecord on_record = {});
  /// Calls `act` whenever `fd` can be read, until it returns false.
  void watch(int fd, std::function<bool()> act);

  /// Asks one child to end early.
  void stop(std::size_t index, int signal = SIGTERM);

  /// Runs until all children have ended. When the session is over first, the children are ended (SIGTERM, after 5 s SIGKILL;
  /// S5) and its Error is returned; else the first child's failure, if any.
  Result<> run();

  [[nodiscard]] const Ending& ending(std::size_t index) const { return members_[index].ending; }

 private:
  struct Member {
    std::unique_ptr<Child> child;
    OnRecord on_record;
    Ending ending;
    bool ended = false;
    std::string partial;  ///< bytes of a record that has not arrived whole
  };
  struct Watched {
    int fd;
    std::function<bool()> act;
  };
  [[nodiscard]] std::vector<int> descriptors() const;
  [[nodiscard]] bool all_ended() const;
  void serve(const std::vector<int>& ready);
  /// Takes what one read(2) gives: whoever writes without end gets no more of the monitor than its turn (S5).
  /// @return whether there may be more
  bool read_records(Member& member);
  void take(Member& member, const Record& record);
  void end_all();

  Session& session_;
  std::vector<Member> members_;
  std::vector<Watched> watched_;
};

}  // namespace backupctl::monitor
