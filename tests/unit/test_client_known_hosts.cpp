#include <doctest/doctest.h>

#include "client/known_hosts.h"

using namespace backupctl;
using namespace backupctl::client;

namespace {
constexpr std::string_view a = "host.containers.internal ssh-ed25519 AAAAC3Nz1";
constexpr std::string_view b = "[10.0.0.1]:2222,other ecdsa-sha2-nistp256 AAAAE2Vj2";
constexpr std::string_view c = "@cert-authority *.lan ssh-rsa AAAAB3Nz3";
}  // namespace

TEST_CASE("inline lines and paths") {
  for (const std::string_view text : {a, b, c}) CHECK(is_inline_known_hosts(text));
  for (const std::string_view text :
       {"", "/data/.ssh/known_hosts", "known_hosts", "/etc/ssh/ssh_known_hosts", "/my ssh/known_hosts"})
    CHECK(!is_inline_known_hosts(text));
}

TEST_CASE("mangled lines are whole again") {
  const std::string three = fmt::format("{}\n{}\n{}\n", a, b, c);
  for (const std::string& text :
       {fmt::format("{}\n{}\n{}", a, b, c), fmt::format("{} {} {}", a, b, c), fmt::format("{}\r\n{}\r\n{}\r\n", a, b, c),
        fmt::format("{}\\n{}\\n{}\\n", a, b, c), fmt::format("\"{}\n{}\n{}\"", a, b, c),
        fmt::format("# made by ssh-keyscan\n\n{} root@host\n{} a comment\n  {}", a, b, c),
        fmt::format("{} root@host {} two words {} last", a, b, c)}) {
    CAPTURE(text);
    CHECK(rebuild_known_hosts(text).value_or("") == three);
  }
}

TEST_CASE("a commented line stays one") {
  CHECK(rebuild_known_hosts(fmt::format("#{}\n{}", b, a)).value_or("") == fmt::format("{}\n", a));
  CHECK(rebuild_known_hosts(fmt::format("# {}\n{}", b, a)).value_or("") == fmt::format("{}\n", a));
  CHECK(rebuild_known_hosts(fmt::format("{} #{}", a, b)).value_or("") == fmt::format("{}\n", a));
}

TEST_CASE("no line at all") {
  for (const std::string_view text :
       {"", "ssh-ed25519 AAAA", "ssh-ed25519", "host ssh-ed25519", "# x\n", "host AAAA ssh-rsa"}) {
    CAPTURE(text);
    const auto lines = rebuild_known_hosts(text);
    REQUIRE(!lines);
    CHECK(lines.error().exit == Exit::bad_config);
  }
}

TEST_CASE("whether a file may speak of a host") {
  const Host plain{"me", "host", 22};
  const Host ported{"me", "host", 2222};
  const std::string_view key = "ssh-ed25519 AAAA";
  const struct {
    std::string_view names;
    bool by_plain;
    bool by_ported;
  } rows[] = {
      {"host", true, true},       {"HOST", true, true},          {"[host]:2222", false, true}, {"[host]:22", true, false},
      {"other,host", true, true}, {"other", false, false},       {"[host]:23", false, false},  {"*", true, true},
      {"h?st", true, true},       {"|1|abc=|def=", false, true}, {"#host", false, false},      {"@revoked host", true, true},
      {"hostess", false, false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.names);
    const std::string lines = fmt::format("# first\r\n\nelsewhere {0}\n{1} {0}\n", key, row.names);
    CHECK(may_name_host(lines, plain) == row.by_plain);
    CHECK(may_name_host(lines, ported) == row.by_ported);
  }
  CHECK(!may_name_host("", plain));
}
