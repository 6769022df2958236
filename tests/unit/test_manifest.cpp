#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "gate/manifest/manifest.h"
#include "gate/manifest/signature.h"
#include "relay_harness.h"

using namespace backupctl;
using namespace backupctl::manifest;

TEST_CASE("the signed object is one line of JSON with every member") {
  Manifest m;
  m.service = "vault\"warden\n";
  m.created = 1772330400;
  m.size = 5;
  m.downtime_seconds = 1.5;
  m.probes = {{"entities", "12\n"}, {"a", "b"}};
  m.sha256.fill(0xab);
  const auto text = signed_object(m);
  REQUIRE(text);
  CHECK(text->find('\n') == std::string::npos);
  const auto json = nlohmann::json::parse(*text);
  CHECK(json.size() == 24 - 1);
  CHECK(json["schema"] == 1);
  CHECK(json["service"] == m.service);
  CHECK(json["created"] == "2026-03-01T02:00:00Z");
  CHECK(json["downtime_seconds"] == 1.5);
  CHECK(json["probes"]["entities"] == "12\n");
  CHECK(json["sha256"] == std::string(64, 'x').replace(0, 64, to_hex(m.sha256)));
  m.downtime_seconds.reset();
  CHECK(nlohmann::json::parse(*signed_object(m))["downtime_seconds"].is_null());
  m.probes["long"] = std::string(max_signed, 'x');
  CHECK(signed_object(m).error().exit == Exit::bug);
}

TEST_CASE("a manifest is laid out in lines; the files stream through") {
  Signature signature{};
  const std::string line2 = signature_line("0123456789abcdef", signature);
  CHECK(line2.size() == signature_line_size);
  const std::string head = "{\"signed\":{\"a\":1},\n" + line2 + "\"files\":[\n";
  const auto assembled = [&](std::string_view files) {
    const UniqueFd out = test::fd_of({});
    REQUIRE(assemble(out.get(), "{\"a\":1}", line2, test::fd_of(files).get()));
    return test::content(out);
  };
  CHECK(assembled("") == head + "]}\n");
  CHECK(assembled("{}\n") == head + "{}\n]}\n");
  CHECK(assembled("{\"p\":1}\n{\"p\":2}\n{}\n") == head + "{\"p\":1},\n{\"p\":2},\n{}\n]}\n");
  CHECK(nlohmann::json::parse(assembled("{\"p\":1}\n{\"p\":2}\n"))["files"].size() == 2);
  std::string many;
  for (int i = 0; i < 50000; ++i) many += "{\"path\":\"" + std::to_string(i) + "\"}\n";
  CHECK(nlohmann::json::parse(assembled(many))["files"].size() == 50000);
  CHECK(assemble(-1, "{}", "x", -1).error().exit == Exit::bug);
  CHECK(assemble(-1, "{}", line2, -1).error().exit == Exit::io_error);
}

TEST_CASE("line 2 has exactly one form") {
  Signature signature;
  for (std::size_t i = 0; i < signature.size(); ++i) signature[i] = static_cast<std::uint8_t>(i * 5);
  std::string line = signature_line("0123456789abcdef", signature);
  line.pop_back();
  const auto parsed = parse_signature_line(line);
  REQUIRE(parsed);
  CHECK(parsed->key_id == "0123456789abcdef");
  CHECK(parsed->signature == signature);
  for (std::size_t i = 0; i < line.size(); ++i) {
    std::string changed = line;
    changed[i] = ' ';
    CHECK_MESSAGE(!parse_signature_line(changed), i);
    CHECK(!parse_signature_line(line.substr(0, i)));
  }
  CHECK(!parse_signature_line(line + " "));
  std::string upper = line;
  upper.replace(signature_before_key.size(), 16, "0123456789ABCDEF");
  CHECK(!parse_signature_line(upper));
  // Base64 whose unused bits are not zero would give one signature two spellings.
  std::string loose = line;
  loose[loose.size() - 6] = static_cast<char>(loose[loose.size() - 6] + 1);
  CHECK(!parse_signature_line(loose));
}
