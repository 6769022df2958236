#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/io.h"
#include "gate/monitor/session.h"

using namespace backupctl;

namespace {

/// A pipe that nobody reads, filled to the brim.
Pipe full_pipe() {
  auto pipe = make_pipe();
  REQUIRE(pipe);
  const std::string block(4096, 'x');
  ::fcntl(pipe->write.get(), F_SETFL, O_NONBLOCK);
  while (::write(pipe->write.get(), block.data(), block.size()) > 0) {
  }
  ::fcntl(pipe->write.get(), F_SETFL, 0);
  return std::move(*pipe);
}

}  // namespace

TEST_CASE("S5: a client that reads nothing holds up no step, and gets what it can take later on") {
  Pipe pipe = full_pipe();
  monitor::Output output(false, "sync x", pipe.write.get());
  const auto began = monitor::Clock::now();
  for (int i = 0; i < 1000; ++i) output.step("reading");
  CHECK(monitor::Clock::now() - began < std::chrono::seconds(5));
  std::string seen(65536, '\0');
  REQUIRE(::read(pipe.read.get(), seen.data(), seen.size()) > 0);
  output.result("done", {});
  const ssize_t n = ::read(pipe.read.get(), seen.data(), seen.size());
  REQUIRE(n > 0);
  CHECK(seen.substr(0, static_cast<std::size_t>(n)).ends_with("sync x: done\n"));
}

TEST_CASE("a line longer than a pipe takes at once arrives whole") {
  auto pipe = make_pipe();
  REQUIRE(pipe);
  monitor::Output output(true, "list", pipe->write.get());
  const std::string object(20000, 'a');
  output.json_line(object);
  std::string seen(65536, '\0');
  const ssize_t n = ::read(pipe->read.get(), seen.data(), seen.size());
  REQUIRE(n == static_cast<ssize_t>(object.size()) + 1);
  CHECK(seen.substr(0, static_cast<std::size_t>(n)) == object + "\n");
}

TEST_CASE("S1: a session ends with its client, and one that is seen through does not") {
  auto pipe = make_pipe();
  REQUIRE(pipe);
  monitor::Output output(false, "start x", pipe->write.get());
  monitor::Session session(output, std::chrono::seconds(60), true);
  const auto moment = [] { return monitor::Clock::now() + std::chrono::milliseconds(50); };
  CHECK_FALSE(session.over());
  CHECK(session.wait({}, moment()));
  pipe->read.reset();
  CHECK(session.over());
  CHECK_FALSE(session.wait({}, moment()));
  session.see_through();
  CHECK_FALSE(session.over());
  CHECK(session.wait({}, moment()));
}

TEST_CASE("S5: a session ends at its deadline, and its grace does as well") {
  monitor::Output output(false, "sync x");
  monitor::Session session(output, std::chrono::seconds(1), false);
  const auto began = monitor::Clock::now();
  const auto waited = session.wait({}, began + std::chrono::seconds(20));
  REQUIRE_FALSE(waited);
  CHECK(waited.error().exit == Exit::timed_out);
  CHECK(monitor::Clock::now() - began < std::chrono::seconds(10));
  session.allow_grace(std::chrono::seconds(30));
  CHECK(session.over());
  session.allow_grace(std::chrono::seconds(0));
  CHECK_FALSE(session.wait({}, monitor::Clock::now() + std::chrono::seconds(20)));
}
