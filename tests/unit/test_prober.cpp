#include <doctest/doctest.h>

#include "gate/prober/prober.h"

using backupctl::prober::judge;

TEST_CASE("health: members of the answer, by their values") {
  const std::string body = R"({"status":"healthy","busy":false,"tasks":3,"deep":{"a":1}})";
  CHECK(judge(body, {}).empty());
  CHECK(judge(body, {{"status", "healthy"}, {"busy", "false"}, {"tasks", "3"}}).empty());
  CHECK(judge(body, {{"deep", R"({"a":1})"}}).empty());
  CHECK(judge(body, {{"status", "starting"}}) == "status is healthy and not starting");
  CHECK(judge(body, {{"state", "healthy"}}) == "its answer has no state");
}

TEST_CASE("health: an answer that is no JSON object is none") {
  for (const char* body : {"", "healthy", "[]", "null", "{", R"({"status":"healthy"} x)", "\xff"}) {
    CAPTURE(body);
    CHECK(judge(body, {{"status", "healthy"}}) == "it answers no JSON object");
  }
  CHECK(judge("anything", {}).empty());  // no member is asked for
  CHECK(judge(std::string(100000, '['), {{"status", "healthy"}}) == "it answers no JSON object");
}
