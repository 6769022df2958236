#include "client/pull.h"

#include <fmt/format.h>

#include "client/pulled_folder.h"

namespace backupctl::client {
namespace {

/// The tar that comes, until something is wrong with it.
class Incoming : public Sink {
 public:
  explicit Incoming(PulledFolder& folder) : reader_(folder, folder.offset()) {}
  void pass(std::string_view bytes) override {
    if (result_) result_ = reader_.take(bytes);
  }
  [[nodiscard]] bool over() const override { return !result_; }
  [[nodiscard]] bool ended() const { return reader_.ended(); }
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
  auto folder = PulledFolder::open(wish.to);
  if (!folder) return end_with(folder.error());
  // A snapshot that is asked for by name is wanted, and no other.
  if (wish.request.snapshot_id && folder->id() != *wish.request.snapshot_id) folder->discard();
  for (;;) {
    Request request = wish.request;
    const bool goes_on = folder->offset() > 0;
    if (goes_on) {
      request.snapshot_id = folder->id();
      request.offset = folder->offset();
      say(fmt::format("going on with snapshot {} at {} bytes", folder->id(), folder->offset()));
    }
    Incoming incoming(*folder);
    const int status = session.send(request, {}, false, &incoming).status;
    if (!incoming.result()) {
      const bool here = incoming.result().error().exit == Exit::skipped;
      if (incoming.result().error().exit == Exit::bad_data) folder->discard();
      return end_with(
          {incoming.result().error().exit, incoming.result().error().sentence + (here ? ", so nothing more was sent" : "")});
    }
    if (goes_on && cannot_go_on(status)) {
      folder->discard();
      say("the host cannot go on with it: the newest is pulled from its beginning");
      continue;
    }
    if (status != 0) {
      say(fmt::format("nothing new is in {}: what came so far is kept for a day, and the next pull goes on with it", wish.to));
      return status;
    }
    if (!incoming.ended())
      return end_with({Exit::unavailable, "the export ended before its end, so nothing new is there; pull again"});
    break;
  }
  const std::string id = folder->id();
  const auto bytes = folder->commit();
  if (!bytes) return end_with(bytes.error());
  say(fmt::format("snapshot {} is in {}/{}, {} bytes, every file as its checksum says", id, wish.to, id, *bytes));
  if (wish.keep == 0) return 0;
  const auto gone = folder->rotate(wish.keep);
  if (!gone) return end_with(gone.error());
  for (const std::string& each : *gone) say(fmt::format("removed {}: {} newer ones are kept", each, wish.keep));
  return 0;
}

}  // namespace backupctl::client
