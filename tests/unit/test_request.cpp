#include <doctest/doctest.h>

#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "common/request.h"
#include "common/request_wire.h"
#include "tests/fuzz/near_misses.h"

using namespace backupctl;

namespace {

std::string code_of(std::string_view line) {
  const auto parsed = parse_request(line);
  return parsed ? "ok" : std::string(info(parsed.error()).word);
}

/// Undoes the escapes of requests.txt (documented at its top).
std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    const char kind = text.at(++i);
    if (kind == 'x') {
      out += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
      i += 2;
    } else {
      const std::map<char, char> simple{{'t', '\t'}, {'n', '\n'}, {'r', '\r'}, {'\\', '\\'}};
      out += simple.at(kind);
    }
  }
  return out;
}

struct Line {
  std::string code, request;
};

std::vector<Line> attack_table() {
  std::vector<Line> lines;
  std::ifstream file(TESTS_DIR "/attack/requests.txt");
  for (std::string text; std::getline(file, text);) {
    if (text.empty() || text.front() == '#') continue;
    const std::size_t tab = text.find('\t');
    REQUIRE(tab != std::string::npos);
    lines.push_back({text.substr(0, tab), unescape(std::string_view(text).substr(tab + 1))});
  }
  return lines;
}

std::optional<RefusalInfo> refusal(std::string_view word) {
  for (std::size_t i = 0; i < refusal_count; ++i) {
    if (info(static_cast<RefusalCode>(i)).word == word) return info(static_cast<RefusalCode>(i));
  }
  return {};
}

}  // namespace

TEST_CASE("what existing schedulers send parses as it is (wire.md)") {
  const std::string path = "/media/ssd/podman/vaultwarden/data";
  const RemoteAssertion remote{"onedrive", "/OdroidBackup"};
  CHECK(*parse_request("backupctl --stop vaultwarden --timeout 120") ==
        Request{.verb = Verb::stop, .name = "vaultwarden", .timeout = 120});
  CHECK(*parse_request("backupctl --sync vaultwarden --path /media/ssd/podman/vaultwarden/data "
                       "--remote onedrive:/OdroidBackup --timeout 3600") ==
        Request{.verb = Verb::sync, .name = "vaultwarden", .path = path, .remote = remote, .timeout = 3600});
  CHECK(*parse_request("backupctl --archive vaultwarden --path /media/ssd/podman/vaultwarden/data "
                       "--remote onedrive:/OdroidBackup --keep-weekly 3 --keep-monthly 12 --timeout 3600") ==
        Request{.verb = Verb::archive,
                .name = "vaultwarden",
                .path = path,
                .remote = remote,
                .keep_weekly = 3,
                .keep_monthly = 12,
                .timeout = 3600});
  CHECK(*parse_request("backupctl --start vaultwarden --timeout 300") ==
        Request{.verb = Verb::start, .name = "vaultwarden", .timeout = 300});
  CHECK(*parse_request("backupctl --sync-extra www --remote onedrive:/OdroidBackup --timeout 3600") ==
        Request{.verb = Verb::sync_extra, .name = "www", .remote = remote, .timeout = 3600});
}

TEST_CASE("each verb's smallest and largest request") {
  for (const char* line :
       {"backupctl --version", "backupctl --status", "backupctl --status n8n --json", "backupctl --list",
        "backupctl --list n8n", "backupctl --status --json", "backupctl --list --json", "backupctl --export lightrag",
        "backupctl --export lightrag --timeout 1 --snapshot-id 20260628-235959",
        "backupctl --export lightrag --snapshot-id 20260628-235959 --offset 999999999999999", "backupctl --verify a",
        "backupctl --verify a --remote r:f --timeout 999999 --snapshot-id 20240229-000000 --json", "backupctl --snapshot a",
        "backupctl --snapshot a --timeout 5 --json", "backupctl --backup 0_-a --remote R_-0:/a:b@c,d=e+f --timeout 1 --json",
        "backupctl --archive a --keep-weekly 0 --keep-monthly 0 --json", "backupctl --archive a --keep-monthly 999999",
        "backupctl --sync a --path / --json", "backupctl --sync a --remote azure:lightrag-backup"}) {
    CAPTURE(line);
    const auto parsed = parse_request(line);
    REQUIRE(parsed);
    CHECK(serialize(*parsed) == line);
  }
}

TEST_CASE("X1: the attack table, grammar part") {
  const auto lines = attack_table();
  CHECK(lines.size() >= 150);
  std::map<std::string, int> seen;
  for (const Line& line : lines) {
    CAPTURE(line.request);
    const auto row = refusal(line.code);
    REQUIRE(row);
    ++seen[line.code];
    const bool by_grammar = row->exit == Exit::not_a_request || row->code == RefusalCode::operator_verb;
    CHECK(code_of(line.request) == (by_grammar ? line.code : "ok"));
  }
  for (std::size_t i = 0; i < refusal_count; ++i) {
    const auto code = static_cast<RefusalCode>(i);
    if (code == RefusalCode::too_often || code == RefusalCode::outside_hours) continue;  // depend on state, not on the line
    CAPTURE(info(code).word);
    CHECK(seen[std::string(info(code).word)] > 0);
  }
}

TEST_CASE("the order in which codes apply (request.h)") {
  const std::string overlong(max_request + 1, ';');
  CHECK(code_of(overlong) == "too-long");  // before charset
  CHECK(code_of(std::string(max_request, ';')) == "charset");
  CHECK(code_of("backupctl --restore a;b") == "charset");  // before operator-verb
  CHECK(code_of("backupctl  --frob \xff") == "charset");   // before syntax
  CHECK(code_of("backupctl --frob  --stop") == "unknown-verb");
  CHECK(code_of("backupctl --restore  a --frob ") == "operator-verb");
  CHECK(code_of("backupctl --stop a --path") == "option-not-for-verb");
  CHECK(code_of("backupctl --stop a --json --path /x") == "option-not-for-verb");
  CHECK(code_of("backupctl --stop a --timeout 0 --path /x") == "syntax");
  CHECK(code_of("backupctl --stop --path /x") == "syntax");  // the name is missing first
  CHECK(code_of("backupctl --version --json") == "option-not-for-verb");
  CHECK(code_of("backupctl --version x --json") == "syntax");
}

TEST_CASE("lengths at their edges") {
  const std::string name(max_name, 'a');
  CHECK(code_of("backupctl --stop " + name) == "ok");
  CHECK(code_of("backupctl --stop " + name + "a") == "syntax");
  const std::string head = "backupctl --sync a --path /";
  CHECK(code_of(head + std::string(max_request - head.size(), 'x')) == "ok");
  CHECK(code_of(head + std::string(max_request - head.size() + 1, 'x')) == "too-long");
  CHECK(code_of("backupctl --sync a --remote " + name + ":/x") == "ok");
  CHECK(code_of("backupctl --sync a --remote " + name + "a:/x") == "syntax");
}

TEST_CASE("the refusal and verb tables are whole") {
  for (std::size_t i = 0; i < refusal_count; ++i) {
    const RefusalInfo& row = info(static_cast<RefusalCode>(i));
    CAPTURE(row.word);
    CHECK(row.exit == (i < 6 ? Exit::not_a_request : Exit::not_permitted));
    CHECK(row.sentence.size() > 20);
    CHECK_FALSE(row.sentence.ends_with('.'));
    CHECK(refusal(row.word)->code == row.code);  // no word twice
  }
  REQUIRE(verb_table().size() == verb_count);
  for (const VerbInfo& row : verb_table()) CHECK(&info(row.verb) == &row);
}

TEST_CASE("every byte that no token can contain is refused, wherever it stands") {
  const std::string tokens = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/@+=,: ";
  for (int byte = 0; byte < 256; ++byte) {
    CAPTURE(byte);
    const char c = static_cast<char>(byte);
    const bool possible = tokens.find(c) != std::string::npos;
    for (const std::string& line : {std::string("backupctl --stop a") + c, c + std::string("backupctl --stop a"),
                                    "backupctl --sync a --path /" + std::string(1, c), "backupctl --re" + std::string(1, c)}) {
      CHECK((code_of(line) == "charset") == !possible);
    }
  }
}

namespace {

/// What the monitor would get: through the wire and back.
void check_wire(const tl::expected<Request, RefusalCode>& parsed) {
  const auto back = unpack(pack(parsed));
  REQUIRE(back);
  CHECK(*back == parsed);
}

}  // namespace

TEST_CASE("what parses re-serializes to the same bytes; a refusal needs no more than the wrong token") {
  test::NearMisses lines;
  std::map<std::string, int> seen;
  for (int i = 0; i < 60'000; ++i) {
    const std::string line = lines.next();
    const auto parsed = parse_request(line);
    ++seen[parsed ? "ok" : std::string(info(parsed.error()).word)];
    check_wire(parsed);
    if (parsed) {
      CHECK(serialize(*parsed) == line);
      CHECK(parse_request(line + " ").error() == RefusalCode::syntax);
      CHECK_FALSE(parse_request(" " + line));
    } else if (parsed.error() != RefusalCode::syntax) {  // syntax may also be "too short", which more tokens would mend
      CHECK(parse_request(line + " --json").error() == parsed.error());
    }
  }
  for (const char* code : {"ok", "charset", "syntax", "unknown-verb", "option-not-for-verb", "operator-verb"}) {
    CAPTURE(code);
    CHECK(seen[code] > 200);  // the generator reaches all of the parser
  }
}
