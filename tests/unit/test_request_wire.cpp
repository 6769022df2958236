#include <doctest/doctest.h>

#include <cstddef>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "common/request_wire.h"

using namespace backupctl;

namespace {

constexpr const char* full_verify = "backupctl --verify a --remote r:/f --timeout 9 --snapshot-id 20260628-031500 --json";
constexpr const char* full_archive =
    "backupctl --archive a --path /p --remote r:/f --keep-weekly 3 --keep-monthly 12 --timeout 9 --json";

std::optional<std::string> through(const WireRequest& wire) {
  const auto back = unpack(wire);
  if (!back) return {};
  return *back ? serialize(**back) : std::string(info(back->error()).word);
}

template <std::size_t N>
void set(std::array<char, N>& array, std::uint16_t& size, std::string_view text) {
  array.fill(0);
  std::memcpy(array.data(), text.data(), text.size());
  size = static_cast<std::uint16_t>(text.size());
}

}  // namespace

TEST_CASE("requests and refusals pass through the wire") {
  for (const char* line : {full_verify, full_archive, "backupctl --version", "backupctl --status"}) {
    CHECK(through(pack(parse_request(line))) == line);
  }
  CHECK(through(pack(parse_request(""))) == "empty");
  CHECK(through(pack(parse_request("backupctl --restore a"))) == "operator-verb");
  const std::string head = "backupctl --sync a --path /";
  const std::string longest = head + std::string(max_request - head.size(), 'x');
  CHECK(through(pack(parse_request(longest))) == longest);
}

TEST_CASE("what parse_request cannot have made packs as nothing") {
  CHECK_FALSE(through(WireRequest{}));
  CHECK_FALSE(through(pack(Request{.verb = Verb::stop, .name = std::string(65, 'a')})));
  CHECK_FALSE(through(pack(Request{.verb = Verb::sync, .name = "a", .path = std::string(1025, '/')})));
}

TEST_CASE("X3: a parser child that lies is not believed") {
  const std::vector<std::function<void(WireRequest&)>> lies{
      [](WireRequest& w) { w.kind = 0; },
      [](WireRequest& w) { w.kind = 3; },
      [](WireRequest& w) { w.verb = verb_count; },
      [](WireRequest& w) { w.verb = 255; },
      [](WireRequest& w) { w.verb = static_cast<std::uint8_t>(Verb::stop); },     // takes no --path
      [](WireRequest& w) { w.verb = static_cast<std::uint8_t>(Verb::version); },  // takes no name
      [](WireRequest& w) { w.options |= option_snapshot_id; },                    // not for --archive
      [](WireRequest& w) { w.options = 0xff; },
      [](WireRequest& w) { w.name_size = 0; },
      [](WireRequest& w) { w.name_size = max_name + 1; },
      [](WireRequest& w) { w.name_size = 0xffff; },
      [](WireRequest& w) { w.name_size = 2; },  // "a\0"
      [](WireRequest& w) { set(w.name, w.name_size, "../x"); },
      [](WireRequest& w) { set(w.name, w.name_size, "-x"); },
      [](WireRequest& w) { w.path_size = 0; },
      [](WireRequest& w) { w.path_size = max_request + 1; },
      [](WireRequest& w) { set(w.path, w.path_size, "p"); },
      [](WireRequest& w) { set(w.path, w.path_size, "/p q"); },
      [](WireRequest& w) { set(w.path, w.path_size, "/p\n"); },
      [](WireRequest& w) { w.remote_size = 0; },
      [](WireRequest& w) { w.remote_size = max_name + 1; },
      [](WireRequest& w) { set(w.remote, w.remote_size, ":local"); },
      [](WireRequest& w) { w.folder_size = 0; },
      [](WireRequest& w) { w.folder_size = max_request + 1; },
      [](WireRequest& w) { set(w.folder, w.folder_size, "/f;id"); },
      [](WireRequest& w) { w.keep_weekly = 1'000'000; },
      [](WireRequest& w) { w.keep_monthly = 0xffffffff; },
      [](WireRequest& w) { w.timeout = 0; },
      [](WireRequest& w) { w.timeout = 1'000'000; },
      [](WireRequest& w) {  // two long texts: each fits, together they are no request
        set(w.path, w.path_size, "/" + std::string(600, 'x'));
        set(w.folder, w.folder_size, std::string(600, 'x'));
      },
      [](WireRequest& w) { w.kind = WireRequest::refusal, w.code = static_cast<std::uint8_t>(RefusalCode::unknown_name); },
      [](WireRequest& w) { w.kind = WireRequest::refusal, w.code = 255; },
  };
  const WireRequest honest = pack(parse_request(full_archive));
  REQUIRE(through(honest) == full_archive);
  for (std::size_t i = 0; i < lies.size(); ++i) {
    CAPTURE(i);
    WireRequest wire = honest;
    lies[i](wire);
    CHECK_FALSE(through(wire));
  }
  WireRequest wire = pack(parse_request(full_verify));
  REQUIRE(through(wire));
  wire.snapshot_id[4] = '9';
  CHECK_FALSE(through(wire));
}

TEST_CASE("whatever bytes come over the wire, what is believed is a request of the grammar") {
  std::mt19937 random{1};
  int believed = 0;
  for (int i = 0; i < 40'000; ++i) {
    WireRequest wire = pack(parse_request(i % 2 == 0 ? full_archive : full_verify));
    auto bytes = std::array<unsigned char, sizeof wire>{};
    std::memcpy(bytes.data(), &wire, sizeof wire);
    for (auto n = random() % 3; n < 3; ++n) {
      const std::size_t range = random() % 2 == 0 ? offsetof(WireRequest, name) + 4 : bytes.size();  // mostly the numbers
      const std::size_t at = random() % range;
      bytes[at] = static_cast<unsigned char>(random());
    }
    std::memcpy(&wire, bytes.data(), sizeof wire);
    const auto back = unpack(wire);
    if (!back || !*back) continue;
    ++believed;
    const std::string line = serialize(**back);
    const auto again = parse_request(line);
    REQUIRE(again);
    CHECK(*again == **back);
  }
  CHECK(believed > 1000);
}
