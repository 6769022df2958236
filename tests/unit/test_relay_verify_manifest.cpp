#include <doctest/doctest.h>

#include <algorithm>

#include "gate/manifest/manifest.h"
#include "gate/relay/signed_object.h"
#include "gate/relay/verify_manifest.h"
#include "gate/signer/signer.h"
#include "relay_harness.h"

using namespace backupctl;
using test::fd_of;
using test::relay_run;

namespace {

const std::string archive = "x-2026-03-01.tar.gz";
const std::string files = "{\"path\":\"a\"}\n{\"path\":\"b\"}\n";

struct Keys {
  std::string secret;
  std::string open;
  Keys() {
    const UniqueFd secret_fd = fd_of({});
    const UniqueFd open_fd = fd_of({});
    REQUIRE(signer::generate(secret_fd.get(), open_fd.get()));
    secret = test::content(secret_fd);
    open = test::content(open_fd);
  }
};
const Keys& keys() {
  static const Keys made;
  return made;
}

manifest::Manifest good() {
  manifest::Manifest m;
  m.service = "x";
  m.archive = archive;
  m.date = "2026-03-01";
  m.created = 1772330400;
  m.size = 12345;
  m.sha256.fill(7);
  m.members = 3;
  m.source_bytes = 99;
  m.files_count = 2;
  m.files_sha256 = sha256(files);
  m.downtime_seconds = 1.234;
  m.probes = {{"entities", "12"}};
  return m;
}

std::string assembled(const std::string& value, std::string_view list = files) {
  const UniqueFd out = fd_of({});
  const auto line = signer::sign(fd_of(value).get(), fd_of(keys().secret).get());
  REQUIRE(line);
  REQUIRE(manifest::assemble(out.get(), value, *line, fd_of(list).get()));
  return test::content(out);
}

std::string signed_value(const manifest::Manifest& m) { return manifest::signed_object(m).value(); }

test::Reported verify(std::string_view text) { return relay_run({"manifest", "x", archive}, text, keys().open); }

bool rejected(std::string_view text, std::string_view why) {
  const auto out = verify(text);
  INFO(out.last().view());
  return out.failed(Exit::bad_data) && out.last().view().find(why) != std::string_view::npos;
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("a good manifest") {
  const auto out = verify(assembled(signed_value(good())));
  INFO(out.last().view());
  REQUIRE(out.done());
  CHECK(out.last().view() == archive);
  CHECK(out.last().digest[0] == 7);
  CHECK(out.last().number == decltype(Record::number){12345, 1772330400, 1, 3, 99, 1234, 0, 0});
  auto m = good();
  m.downtime_seconds.reset();
  m.complete = false;
  m.files_count = 0;
  m.files_sha256 = sha256("");
  m.adopted = true;
  const auto adopted = verify(assembled(signed_value(m), ""));
  REQUIRE(adopted.done());
  CHECK(adopted.last().number[2] == 1);
  CHECK(adopted.last().number[6] == 1);
  m.adopted = false;
  const auto empty = verify(assembled(signed_value(m), ""));
  REQUIRE(empty.done());
  CHECK(empty.last().number[2] == 0);
  CHECK(empty.last().number[5] == -1);
}

TEST_CASE("X6: a manifest of something else, moved here, does not count") {
  auto m = good();
  m.service = "other";
  CHECK(rejected(assembled(signed_value(m)), "belongs to the service other"));
  m = good();
  m.archive = "x-2026-02-01.tar.gz";
  CHECK(rejected(assembled(signed_value(m)), "belongs to the archive x-2026-02-01.tar.gz"));
}

TEST_CASE("X6: what was changed is detected, and before any JSON is parsed") {
  const std::string text = assembled(signed_value(good()));
  CHECK(rejected(replaced(text, "\"size\":12345", "\"size\":12346"), "its signature is wrong"));
  CHECK(rejected(replaced(text, "\"schema\":1", "\"schema\"; "), "its signature is wrong"));
  CHECK(rejected(replaced(text, "{\"path\":\"a\"}", "{\"path\":\"c\"}"), "not the one that was signed"));
  CHECK(rejected(replaced(text, "{\"path\":\"a\"},\n", ""), "not the one that was signed"));
  CHECK(rejected(replaced(text, "{\"path\":\"b\"}\n]", "{\"path\":\"b\"},\n]"), "not laid out"));
  CHECK(rejected(replaced(text, "{\"path\":\"a\"},", "{\"path\":\"a\"}"), "not laid out"));
  CHECK(rejected(replaced(text, "\"files\":[", "\"Files\":["), "does not begin on line 3"));
  CHECK(rejected(text + "\n", "follows its end"));
  CHECK(rejected(replaced(text, "{\"signed\":", "{ \"signed\":"), "first line"));
  for (std::size_t size = 0; size < text.size(); ++size) CHECK(verify(text.substr(0, size)).failed(Exit::bad_data));
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string changed = text;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    CHECK_MESSAGE(verify(changed).failed(Exit::bad_data), at);
  }
}

TEST_CASE("X6: only trusted keys count") {
  const Keys other;
  const std::string text = assembled(signed_value(good()));
  const auto run = [&](const std::string& pem) { return relay_run({"manifest", "x", archive}, text, pem); };
  CHECK(run(other.open).failed(Exit::bad_data));
  CHECK(run(other.open).last().view().find("does not trust") != std::string_view::npos);
  CHECK(run(other.open + keys().open).done());
  CHECK(run("").failed(Exit::bad_config));
  CHECK(run(keys().secret).failed(Exit::bad_config));
}

TEST_CASE("what is signed must have every member with its type, once") {
  const std::string value = signed_value(good());
  REQUIRE(relay::parse_signed(value));
  const auto fault = [&](std::string_view from, std::string_view to) {
    const auto parsed = relay::parse_signed(replaced(value, from, to));
    return parsed ? std::string("none") : parsed.error().sentence;
  };
  CHECK(fault("\"schema\":1", "\"schema\":2").ends_with("valid schema"));
  CHECK(fault("\"size\":12345", "\"size\":\"12345\"").ends_with("valid size"));
  CHECK(fault("\"size\":12345", "\"size\":-1").ends_with("valid size"));
  CHECK(fault("\"size\":12345", "\"size\":1.5").ends_with("valid size"));
  CHECK(fault("\"size\":12345", "\"size\":99999999999999999999").ends_with("valid size"));
  CHECK(fault("\"size\":12345,", "").ends_with("valid size"));
  CHECK(fault("\"size\":12345", "\"size\":12345,\"size\":1").ends_with("valid size"));
  CHECK(fault("\"size\":12345", "\"size\":{}").ends_with("valid size"));
  CHECK(fault("\"tool\":{", "\"tool\":1,\"x\":{").ends_with("valid tool"));
  CHECK(fault("\"tool\":{\"name\":\"\"", "\"tool\":{\"name\":7").ends_with("valid tool.name"));
  CHECK(fault("\"tool\":{\"name\":\"\"", "\"tool.name\":\"\",\"tool\":{\"x\":\"\"") ==
        "its signed part lacks a valid tool.name");
  CHECK(fault("\"entities\":\"12\"", "\"entities\":12").ends_with("valid probes"));
  CHECK(fault("\"entities\":\"12\"", "\"a\":\"1\",\"a\":\"2\"").ends_with("valid probes"));
  CHECK(fault("\"date\":\"2026-03-01\"", "\"date\":\"2026-02-30\"").ends_with("valid date"));
  CHECK(fault("2026-03-01T02:00:00Z", "yesterday").ends_with("valid created"));
  CHECK(fault("\"complete\"", "\"perfect\"").ends_with("valid status"));
  CHECK(fault("\"encrypted\":false", "\"encrypted\":0").ends_with("valid encrypted"));
  CHECK(fault("1.2", "1e9").ends_with("valid downtime_seconds"));
  CHECK(fault("0707", "07G7").ends_with("valid sha256"));
  CHECK(fault("{\"schema\"", "{\"later\":{\"deep\":[{\"a\":[1]}]},\"schema\"") == "none");
  for (const std::string& text : test::hostile_inputs()) CHECK(!relay::parse_signed(text));
}

TEST_CASE("X5: hostile manifests are refused") {
  for (const std::string& text : test::hostile_inputs()) CHECK(verify(text).failed(Exit::bad_data));
  const std::string text = assembled(signed_value(good()));
  const std::string head = text.substr(0, text.find("{\"path\""));
  CHECK(rejected(head + "{\"" + std::string(20 << 20, 'x') + "\n", "too long"));
  CHECK(rejected("{\"signed\":{\"a\":\"" + std::string(70000, 'x') + "\"},\n", "first line"));
}

namespace {

const std::string id = "20260301-020000";
std::string volume(const std::string& name) {
  return "{\"volume\":\"v\",\"engine\":\"docker\",\"archive\":\"" + name + "\",\"size\":7,\"sha256\":\"" +
         std::string(64, 'a') + "\",\"members\":5,\"source_bytes\":9}\n";
}

manifest::Manifest of_volumes(const std::string& list) {
  manifest::Manifest m = good();
  m.archive = id;
  m.source = "volumes";
  m.files_count = std::count(list.begin(), list.end(), '\n');
  m.files_sha256 = sha256(list);
  m.probes = {{"entities", "12\t=\x01"}};
  return m;
}

test::Reported snapshot(const std::string& list, const std::string& asked = id) {
  return relay_run({"snapshot", "x", asked}, assembled(signed_value(of_volumes(list)), list), keys().open);
}

}  // namespace

TEST_CASE("a snapshot's manifest tells its archives") {
  const auto out = snapshot(volume("a.tar.gz") + volume("b_c.tar.gz"));
  INFO(out.last().view());
  REQUIRE(out.done());
  REQUIRE(out.records.size() == 5);
  CHECK(out.records[1].view() == "b_c.tar.gz");
  CHECK(out.records[1].number[0] == 7);
  CHECK(out.records[1].number[3] == 1);
  CHECK(out.records[1].number[4] == 5);
  CHECK(out.records[1].number[5] == 9);
  CHECK(out.records[1].digest[0] == 0xaa);
  CHECK(out.records[2].view() == "entities=12\t=\x01");
  CHECK(out.records[2].number[3] == 2);
  CHECK(out.records[2].digest == sha256("12\t=\x01"));
  CHECK(out.records[3].view() == "files.jsonl");
}

TEST_CASE("X6: a snapshot's manifest under another id, or of another kind, does not count") {
  CHECK(snapshot(volume("a.tar.gz"), "20260302-020000").failed(Exit::bad_data));
  manifest::Manifest as_archive = of_volumes("");
  as_archive.archive = archive;
  CHECK(rejected(assembled(signed_value(as_archive), ""), "another kind"));
  CHECK(relay_run({"snapshot", "x", archive}, assembled(signed_value(good())), keys().open).failed(Exit::bad_data));
}

TEST_CASE("X5: an archive's name in a manifest leads nowhere") {
  for (const char* name : {"", "../a.tar.gz", "a/b.tar.gz", ".hidden", "a b", "a\\nb", "\xc3\xbc.tar.gz"}) {
    CAPTURE(name);
    CHECK(snapshot(volume(name)).failed(Exit::bad_data));
  }
  const std::vector<std::pair<const char*, const char*>> spoilt = {{"\"size\":7", "\"size\":-1"},
                                                                   {"\"size\":7", "\"size\":1152921504606846977"},
                                                                   {"\"members\":5", "\"members\":1.5"},
                                                                   {",\"source_bytes\":9", ""},
                                                                   {"\"sha256\":\"a", "\"sha256\":\"x"}};
  for (const auto& each : spoilt) {
    const std::string_view key = each.first, bad = each.second;
    CAPTURE(bad);
    std::string line = volume("a.tar.gz");
    line.replace(line.find(key), key.size(), bad);
    CHECK(snapshot(line).failed(Exit::bad_data));
  }
  std::string many;
  for (int i = 0; i < 1001; ++i) many += volume("a.tar.gz");
  CHECK(snapshot(many).failed(Exit::bad_data));
}
