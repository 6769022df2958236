#include <doctest/doctest.h>

#include "client/host.h"

using namespace backupctl;
using namespace backupctl::client;

TEST_CASE("host forms") {
  const struct {
    std::string_view text;
    Host host;
  } rows[] = {
      {"backup_ops@host.containers.internal", {"backup_ops", "host.containers.internal", 22}},
      {"me@10.0.0.1:2222", {"me", "10.0.0.1", 2222}},
      {"host", {"backup_ops", "host", 22}},
      {"host:65535", {"backup_ops", "host", 65535}},
      {"[::1]:22", {"backup_ops", "::1", 22}},
      {"me@[::1]", {"me", "::1", 22}},
      {"me@[fe80::1%eth0]:2200", {"me", "fe80::1%eth0", 2200}},
      {"me@::1", {"me", "::1", 22}},
      {"2001:db8::22", {"backup_ops", "2001:db8::22", 22}},
      {"a.b-c_d@x_y", {"a.b-c_d", "x_y", 22}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const auto host = parse_host(row.text);
    REQUIRE(host);
    CHECK(*host == row.host);
  }
}

TEST_CASE("what is no host") {
  for (const std::string_view text : {"",
                                      " ",
                                      "@host",
                                      "me@",
                                      "me@@host",
                                      "a@b@c",
                                      "-oProxyCommand=x",
                                      "-oProxyCommand=x@host",
                                      "me@-host",
                                      "me@host:",
                                      "me@host:0",
                                      "me@host:65536",
                                      "me@host:22x",
                                      "me@host:+22",
                                      "me@host: 22",
                                      "me@ho st",
                                      "me@host\n",
                                      "me@host\\",
                                      "me@$(id)",
                                      "me@[::1",
                                      "me@[::1]22",
                                      "me@[host]:22",
                                      "me@[::1]:",
                                      "me@[]",
                                      "me@fe80::1%",
                                      "me@fe80::1%-x",
                                      "me@host/x",
                                      "ssh://me@host",
                                      "me@:22",
                                      "me@host,other",
                                      "me@%h",
                                      "m*@host",
                                      "me@::1::2"}) {
    CAPTURE(text);
    const auto host = parse_host(text);
    REQUIRE(!host);
    CHECK(host.error().exit == Exit::bad_config);
    CHECK(host.error().sentence.find("BACKUP_HOST") != std::string::npos);
    CHECK(host.error().sentence.find('\n') == std::string::npos);
  }
  CHECK(!parse_host("me@" + std::string(254, 'a')));
  CHECK(parse_host("me@" + std::string(253, 'a')));
  CHECK(!parse_host(std::string(33, 'a') + "@host"));
}

TEST_CASE("the name in known_hosts") {
  CHECK(known_hosts_name({"me", "host", 22}) == "host");
  CHECK(known_hosts_name({"me", "host", 2222}) == "[host]:2222");
  CHECK(known_hosts_name({"me", "::1", 22}) == "::1");
  CHECK(known_hosts_name({"me", "::1", 23}) == "[::1]:23");
  CHECK(display({"me", "host", 2222}) == "me@[host]:2222");
}
