#include <doctest/doctest.h>

#include "gate/vault/token.h"

using backupctl::vault::check_token;
using backupctl::vault::max_token;

TEST_CASE("tokens as rclone writes them") {
  CHECK(check_token(R"({"access_token":"a\u003c","token_type":"Bearer","refresh_token":"r","expiry":"2026-01-01T00:00:00.1Z"})",
                    ""));
  CHECK(check_token(R"({"access_token":"a","expiry":"0001-01-01T00:00:00Z"})", R"({"access_token":"b"})"));
  CHECK(check_token(R"({"access_token":"a","refresh_token":"r","expires_in":3600})", ""));
}

TEST_CASE("D5, X5: nothing else takes a token's place") {
  const char* bad[] = {"",
                       "{}",
                       "null",
                       "x",
                       R"({"access_token":""})",
                       R"({"refresh_token":"r"})",
                       R"({"access_token":"a"} )",
                       R"({"access_token":"a"}x)",
                       R"({"access_token":"a",})",
                       R"({"access_token":"a")",
                       R"({"access_token":"a)",
                       R"({"access_token":"a\)",
                       R"({"access_token":"a\u12)",
                       R"({"access_token":"a\x"})",
                       R"({"access_token":"a\u12g4"})",
                       R"({"access_token":1})",
                       R"({"access_token":"a","access_token":"b"})",
                       R"({"access_token":"a","extra":"b"})",
                       R"({"access_token":"a","expires_in":"1"})",
                       R"({"access_token":"a","expires_in":1234567890123})",
                       R"({"access_token":{"a":"b"}})",
                       "{\"access_token\":\"a\x01\"}",
                       "{\"access_token\":\"a\x80\"}",
                       "{\"access_token\":\"a\x7f\"}",
                       "{\"access_token\":\"a\r\"}"};
  for (const char* token : bad) {
    CAPTURE(token);
    CHECK_FALSE(check_token(token, ""));
  }
  CHECK(check_token("{\"access_token\":\"" + std::string(max_token - 19, 'a') + "\"}", ""));
  CHECK_FALSE(check_token("{\"access_token\":\"" + std::string(max_token, 'a') + "\"}", ""));
}

TEST_CASE("D5: a refresh token is not given up") {
  CHECK_FALSE(check_token(R"({"access_token":"a"})", R"({"access_token":"b","refresh_token":"r"})"));
  CHECK_FALSE(check_token(R"({"access_token":"a","refresh_token":""})", R"({"access_token":"b","refresh_token":"r"})"));
}
