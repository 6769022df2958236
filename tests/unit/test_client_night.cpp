#include <doctest/doctest.h>

#include <map>
#include <vector>

#include "client/night.h"

using namespace backupctl;
using namespace backupctl::client;

namespace {

/// A night against a host that answers as told; what was sent and said is kept.
struct Rehearsal {
  std::map<std::string, StepEnd> answers;
  bool due = true;
  std::string sent;
  std::string said;
  int pauses = 0;
  std::map<std::string, bool> finish;

  int run() {
    const auto request = [](Verb verb) {
      Request made;
      made.verb = verb;
      made.name = "vaultwarden";
      return made;
    };
    Night night{request(Verb::stop), request(Verb::sync), std::nullopt, request(Verb::start)};
    if (due) night.archive = request(Verb::archive);
    return run_night(night, {[&](const Request& asked, const std::string& label, bool to_the_end) {
                               sent += label + " ";
                               finish[label] = to_the_end;
                               CHECK(info(asked.verb).word == "--" + label);
                               return answers[label];
                             },
                             [&](const std::string& sentence) { said += sentence + "\n"; }, [&] { ++pauses; }});
  }
};

}  // namespace

TEST_CASE("a good night") {
  Rehearsal night;
  CHECK(night.run() == 0);
  CHECK(night.sent == "stop sync archive start ");
  CHECK(night.said.empty());
  CHECK(night.finish == std::map<std::string, bool>{{"stop", false}, {"sync", false}, {"archive", false}, {"start", true}});
}

TEST_CASE("no archive on other days, and a skipped one is no failure") {
  Rehearsal other_day;
  other_day.due = false;
  CHECK(other_day.run() == 0);
  CHECK(other_day.sent == "stop sync start ");
  CHECK(other_day.said.find("[archive] skipped") != std::string::npos);
  Rehearsal there;
  there.answers["archive"] = {75};
  CHECK(there.run() == 0);
  CHECK(there.sent == "stop sync archive start ");
}

TEST_CASE("whatever fails, the service is started and the first failure is the code") {
  const struct {
    const char* step;
    StepEnd end;
    const char* sent;
  } rows[] = {
      {"stop", {69}, "stop start "},
      {"stop", {124}, "stop start "},
      {"stop", {69, true}, "stop start "},
      {"stop", {143}, "stop start "},
      {"sync", {65}, "stop sync start "},
      {"sync", {75}, "stop sync start "},
      {"sync", {69, true}, "stop sync start "},
      {"archive", {74}, "stop sync archive start "},
  };
  for (const auto& row : rows) {
    CAPTURE(row.step);
    Rehearsal night;
    night.answers[row.step] = row.end;
    CHECK(night.run() == row.end.status);
    CHECK(night.sent == row.sent);
    CHECK(night.pauses == 0);
    night.answers["start"] = {70};
    night.said.clear();
    CHECK(night.run() == row.end.status);
    CHECK(night.said.find("vaultwarden MAY BE DOWN") != std::string::npos);
  }
}

TEST_CASE("a start that fails is the night's code and said; one that was not heard is tried again") {
  Rehearsal refused;
  refused.answers["start"] = {69};
  CHECK(refused.run() == 69);
  CHECK(refused.sent == "stop sync archive start ");
  CHECK(refused.said.find("MAY BE DOWN") != std::string::npos);
  Rehearsal unheard;
  unheard.answers["start"] = {69, true};
  CHECK(unheard.run() == 69);
  CHECK(unheard.sent == "stop sync archive start start start ");
  CHECK(unheard.pauses == 2);
}
