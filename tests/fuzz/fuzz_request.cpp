// libFuzzer target: any bytes give a Request or a refusal, what parses has one spelling, and a lying parser child gains
// nothing. Build and run: meson setup -Dfuzz=true with clang++, then
// tests/fuzz/fuzz_request -dict=tests/fuzz/request.dict -max_len=1100 -max_total_time=60

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "common/request.h"
#include "common/request_wire.h"

using namespace backupctl;

namespace {

void must(bool condition) {
  if (!condition) std::abort();
}

void parse_any(std::string_view bytes) {
  const auto parsed = parse_request(bytes);
  if (parsed) {
    must(serialize(*parsed) == bytes);
  } else {
    must(parsed.error() <= RefusalCode::operator_verb);
  }
  const auto back = unpack(pack(parsed));
  must(back && *back == parsed);
}

void unpack_any(std::string_view bytes) {
  WireRequest wire;
  std::memcpy(&wire, bytes.data(), bytes.size() < sizeof wire ? bytes.size() : sizeof wire);
  const auto back = unpack(wire);
  if (back && *back) {
    const auto again = parse_request(serialize(**back));
    must(again && *again == **back);
  }
}

}  // namespace

// NOLINTNEXTLINE: libFuzzer's name
extern "C" __attribute__((visibility("default"))) int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  parse_any(bytes);
  unpack_any(bytes);
  return 0;
}
