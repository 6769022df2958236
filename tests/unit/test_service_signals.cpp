#include <doctest/doctest.h>

#include <csignal>
#include <string>

#include "gate/service/signals.h"

using namespace backupctl::service;

namespace {

/// The lines of /proc/PID/status that count; masks as the kernel prints them (bit 14 is SIGTERM, bit 1 SIGINT).
std::string status(const char* pids, const char* blocked, const char* ignored, const char* caught) {
  return std::string("Name:\tsh\nNSpid:\t") + pids + "\nSigPnd:\t0000000000000000\nSigBlk:\t" + blocked + "\nSigIgn:\t" +
         ignored + "\nSigCgt:\t" + caught + "\nCapInh:\t0000000000000000\n";
}

constexpr const char* none = "0000000000000000";
constexpr const char* term = "0000000000004000";

}  // namespace

TEST_CASE("a container's first process gets only the signals it handles or blocks") {
  CHECK(would_be_dropped(status("900\t1", none, none, none), SIGTERM));
  CHECK_FALSE(would_be_dropped(status("900\t1", none, none, term), SIGTERM));
  CHECK(would_be_dropped(status("900\t1", none, none, term), SIGINT));
  CHECK_FALSE(would_be_dropped(status("900\t1", term, none, none), SIGTERM));  // sigwait: tini, catatonit
  CHECK(would_be_dropped(status("900\t1", none, term, none), SIGTERM));
}

TEST_CASE("any other process is ended by a signal that it does not ignore") {
  CHECK_FALSE(would_be_dropped(status("900", none, none, none), SIGTERM));  // --pid=host
  CHECK_FALSE(would_be_dropped(status("900\t21", none, none, none), SIGTERM));
  CHECK(would_be_dropped(status("900", none, term, none), SIGTERM));
}

TEST_CASE("nothing is claimed of SIGKILL, unknown signals and text that is not understood") {
  for (const int signal : {0, -1, 65, SIGKILL, SIGSTOP})
    CHECK_FALSE(would_be_dropped(status("900\t1", none, none, none), signal));
  CHECK_FALSE(would_be_dropped("", SIGTERM));
  CHECK_FALSE(would_be_dropped(status("900\t1", "xyz", none, none), SIGTERM));
  CHECK_FALSE(would_be_dropped("SigBlk:\t0\nSigIgn:\t0\nSigCgt:\t0", SIGTERM));
}

TEST_CASE("stop signals as podman prints them") {
  CHECK(signal_number("15") == SIGTERM);
  CHECK(signal_number("SIGTERM") == SIGTERM);
  CHECK(signal_number("QUIT") == SIGQUIT);
  CHECK(signal_number("37") == 37);
  for (const char* text : {"", "0", "65", "-1", "SIG", "SIGRTMIN+3", "15x", "NONE"}) CHECK(signal_number(text) == 0);
}
