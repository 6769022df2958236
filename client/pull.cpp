#include "client/pull.h"

#include <fmt/format.h>

#include "client/pulled_folder.h"

namespace backupctl::client {
namespace {

/// The tar that comes, until something is wrong with it.
class Incoming : public Sink {
 public:
  explicit Incoming(PulledFolder& folder) : reader_(folder, folder.place()) {}
  void pass(std::string_view bytes) override {
    if (result_) result_ = reader_.take(bytes);
  }
  [[nodiscard]] bool over() const override { return !result_; }
  [[nodiscard]] bool ended() const { return reader_.ended(); }
  [[nodiscard]] auto inside() const { return reader_.inside(); }
  [[nodiscard]] const Result<>& result() const { return result_; }

 private:
  TarReader reader_;
  Result<> result_;
};

int end_with(const Error& error) {
  say(error.sentence);
  return to_status(error.exit);
}

/// What lies on the host has become something else: an earlier gate, or the snapshot is rotated away.
bool cannot_go_on(int status) { return status == to_status(Exit::not_a_request) || status == to_status(Exit::bad_data); }

}  // namespace

int pull(Session& session, const PullWish& wish) {
  auto folder = PulledFolder::open(wish.to, wish.request.name);
  if (!folder) return end_with(folder.error());
  // A snapshot that is asked for by name is wanted, and no other.
  if (wish.request.snapshot_id && folder->id() != *wish.request.snapshot_id) folder->discard();
  for (;;) {
    Request request = wish.request;
    const std::uint64_t before = folder->place().offset;
    if (before > 0) {
      request.snapshot_id = folder->id();
      request.offset = before;
      say(fmt::format("going on with snapshot {} at {} bytes", folder->id(), before));
    }
    Incoming incoming(*folder);
    const int status = session.send(request, {}, false, &incoming).status;
    if (status == 0 && incoming.result() && incoming.ended()) break;
    if (!incoming.result()) {
      if (incoming.result().error().exit == Exit::bad_data) folder->discard();
      folder->suspend({});
      return end_with(incoming.result().error());
    }
    if (before > 0 && cannot_go_on(status)) {
      folder->discard();
      say("the host cannot go on with it: it is pulled from its beginning");
      continue;
    }
    folder->suspend(incoming.inside());
    if (folder->place().offset > 0)
      say(fmt::format("nothing new is in {}: what came so far is kept for a day, and the next pull goes on with it", wish.to));
    else if (status == 0)
      say(fmt::format("the export ended before its beginning, so nothing new is in {}: pull again", wish.to));
    return status != 0 ? status : to_status(Exit::unavailable);
  }
  const std::string id = folder->id();
  const auto bytes = folder->commit();
  if (!bytes) return end_with(bytes.error());
  say(fmt::format("snapshot {} is in {}/{}, {} bytes, every file as its checksum says", id, wish.to, id, *bytes));
  if (wish.keep == 0) return 0;
  const auto gone = folder->rotate(wish.keep);
  if (!gone) return end_with(gone.error());
  for (const std::string& each : *gone) say(fmt::format("removed {}: {} others are kept", each, wish.keep));
  return 0;
}

}  // namespace backupctl::client
