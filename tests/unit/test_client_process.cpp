#include <doctest/doctest.h>

#include <csignal>

#include "tests/unit/client_fixture.h"

using namespace backupctl;
using namespace backupctl::client;
using std::chrono::seconds;

namespace {

Ran shell(const char* script, Watch watch = {seconds{20}}, bool prefixed = false) {
  auto signals = Signals::take();
  REQUIRE(signals);
  return run_for_test({"/bin/sh", "-c", script}, *signals, watch, prefixed);
}

}  // namespace

TEST_CASE("exit codes and bytes come through as they are") {
  for (const int code : {0, 1, 64, 75, 124, 255}) CHECK(shell(fmt::format("exit {}", code).c_str()).ending.status == code);
  const Ran ran = shell("printf 'a\\000b\\377'; printf 'half a line' >&2");
  CHECK(ran.out == std::string_view("a\0b\xff", 4));
  CHECK(ran.err == "half a line");
  CHECK(shell("head -c 1000000 /dev/zero").out == std::string(1'000'000, '\0'));
  const Ran killed = shell("kill -9 $$");
  CHECK(killed.ending.why == Ending::Why::killed);
  CHECK(killed.ending.status == 128 + SIGKILL);
}

TEST_CASE("prefixes") {
  const Ran ran = shell("printf 'one\\n\\ntwo'; printf 'three\\n' >&2", {seconds{20}}, true);
  CHECK(ran.out == "o:one\no:\no:two\n");
  CHECK(ran.err == "e:three\n");
  const Ran lengthy = shell("head -c 20000 /dev/zero | tr '\\0' x", {seconds{20}}, true);
  CHECK(lengthy.out.size() == 20'000 + 3 * 3);
}

TEST_CASE("standard input is empty, signals are as they were") {
  CHECK(shell("read -r line").ending.status == 1);
  auto signals = Signals::take();
  REQUIRE(signals);
  const Ran ran = run_for_test({"/bin/grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"}, *signals, {seconds{20}});
  CHECK(ran.out == "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST_CASE("a deadline ends the child, and one that will not end is killed") {
  const Ran polite = shell("exec sleep 60", {seconds{1}});
  CHECK(polite.ending.why == Ending::Why::timed_out);
  CHECK(polite.ending.status == 128 + SIGTERM);
  const Ran stubborn = shell("trap '' TERM; exec sleep 60", {seconds{1}});
  CHECK(stubborn.ending.why == Ending::Why::timed_out);
  CHECK(stubborn.ending.status == 128 + SIGKILL);
}

TEST_CASE("a signal to us ends the child, unless it is to finish") {
  const std::string signal_us = fmt::format("kill -TERM {}; ", ::getpid());
  const Ran ended = shell((signal_us + "exec sleep 30").c_str());
  CHECK(ended.ending.why == Ending::Why::interrupted);
  CHECK(ended.ending.status == 128 + SIGTERM);
  const Ran finished = shell((signal_us + "sleep 1; exit 3").c_str(), {seconds{20}, true});
  CHECK(finished.ending.why == Ending::Why::by_itself);
  CHECK(finished.ending.status == 3);
}

TEST_CASE("a relay remembers the end of what came, and gives a reader that is gone up") {
  const UniqueFd sink(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  Relay relay(sink.get(), "");
  relay.pass(std::string(5000, 'a'));
  relay.pass("the end");
  CHECK(relay.tail().size() == 4096);
  CHECK(relay.tail().ends_with("the end"));
  auto pipe = make_pipe();
  REQUIRE(pipe);
  pipe->read.reset();
  auto signals = Signals::take();  // ignores SIGPIPE
  Relay broken(pipe->write.get(), "");
  broken.pass("nobody reads");
  CHECK(broken.tail() == "nobody reads");
}
