#include <doctest/doctest.h>

#include "gate/relay/redis_output.h"
#include "relay_harness.h"

namespace redis_state = backupctl::relay::redis_state;
using backupctl::Exit;
using backupctl::Record;
using backupctl::test::relay_run;

namespace {

const std::string server =
    "# "
    "Server\r\nredis_version:7.0.15\r\nrun_id:dc89f619d328b8c2049b78b36627c036cda5ec18\r\nserver_time_usec:"
    "1795297265418517\r\n";

}  // namespace

TEST_CASE("what a server says of itself") {
  const auto out =
      relay_run({"redis-info"}, server +
                                    "connected_clients:3\r\nloading:0\r\nrdb_bgsave_in_progress:1\r\n"
                                    "rdb_last_save_time:1795297258\r\nrdb_last_bgsave_status:err\r\naof_enabled:1\r\n"
                                    "role:slave\r\nmaster_link_status:down\r\nconnected_slaves:2\r\ncluster_enabled:0\r\n"
                                    "# Keyspace\r\ndb0:keys=4,expires=1,avg_ttl=0\r\ndb15:keys=7,expires=0,avg_ttl=0\r\n"
                                    "dbx:keys=4\r\ndb3:other=4\r\n");
  REQUIRE(out.done());
  CHECK(out.last().number[0] == (redis_state::saving | redis_state::save_failed | redis_state::append_only |
                                 redis_state::replica | redis_state::link_down));
  CHECK(out.last().number[1] == 1795297258);
  CHECK(out.last().number[2] == 1795297265);
  CHECK(out.last().number[3] == 0xdc89f619d328b8cLL);
  CHECK(out.last().number[4] == 3);
  CHECK(out.last().number[5] == 2);
  CHECK(out.last().number[6] == 7);
  const auto databases = out.of(Record::Kind::entry);
  REQUIRE(databases.size() == 2);
  CHECK(databases[0].number == decltype(Record::number){4, 1, 0, 0, 0, 0, 0, 0});
  CHECK(databases[1].number == decltype(Record::number){7, 0, 15, 0, 0, 0, 0, 0});
}

TEST_CASE("what is no answer to INFO") {
  CHECK(relay_run({"redis-info"}, "").failed(Exit::bad_data));
  CHECK(relay_run({"redis-info"}, "redis_version:7.0.15\r\n").failed(Exit::bad_data));
  CHECK(
      relay_run({"redis-info"}, "redis_version:-7\nrun_id:zz\nserver_time_usec:99999999999999999999\n").failed(Exit::bad_data));
  std::string many = server;
  for (int i = 0; i <= 100'000; ++i) many += "db" + std::to_string(i) + ":keys=1,expires=0\r\n";
  CHECK(relay_run({"redis-info"}, many).failed(Exit::bad_data));
}

TEST_CASE("what redis-check-rdb prints") {
  const std::string good =
      "[offset 0] Checking RDB file x\n[offset 445] Checksum OK\n[offset 445] \\o/ RDB looks OK! \\o/\n[info] 5 keys read\n"
      "[info] 2 expires\n[info] 1 already expired\n";
  const auto out = relay_run({"redis-check"}, good);
  REQUIRE(out.done());
  CHECK(out.last().number == decltype(Record::number){5, 2, 1, 445, 1, 0, 0, 0});
  const auto bad =
      relay_run({"redis-check"}, "--- RDB ERROR DETECTED ---\n[additional info] Reading key '\\o/ RDB looks OK! \\o/'\n");
  REQUIRE(bad.done());
  CHECK(bad.last().number[4] == 0);
}

TEST_CASE("what redis-check-aof prints") {
  const auto said = [](const std::string& lines) {
    const auto out = relay_run({"redis-check-aof"}, lines);
    REQUIRE(out.done());
    return std::pair(out.last().number[0], out.last().number[1]);
  };
  CHECK(said("INCR AOF appendonly.aof.2.incr.aof is valid\nAll AOF files and manifest are valid\n") == std::pair(1L, 0L));
  CHECK(said("Start checking Old-Style AOF\nAOF appendonly.aof.manifest is empty\n") == std::pair(0L, 0L));
  CHECK(said("AOF All AOF files and manifest are valid is not valid.\n") == std::pair(0L, 0L));
  CHECK(said("--- RDB ERROR DETECTED ---\n[offset 9] Can't handle RDB format version 99\n") == std::pair(0L, 1L));
  CHECK(said("") == std::pair(0L, 0L));
}
