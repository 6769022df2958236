#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <tl/expected.hpp>
#include <type_traits>

#include "common/request.h"

namespace backupctl {

/// What the parser child writes to the monitor, once: a Request or a refusal, in a layout that needs no parsing. Smaller
/// than PIPE_BUF (4,096, pipe(7)), so that it arrives whole or not at all. Both ends are one binary on one machine: byte
/// order and sizes are the machine's.
struct WireRequest {
  enum Kind : std::uint8_t { nothing = 0, request = 1, refusal = 2 };
  std::uint8_t kind = nothing;  ///< a Kind; integers throughout, so that no bit pattern is undefined behaviour to read
  std::uint8_t verb = 0;        ///< a Verb
  std::uint8_t code = 0;        ///< a RefusalCode
  std::uint8_t options = 0;     ///< OptionBits that are given
  std::uint16_t name_size = 0;  ///< bytes used of the arrays below
  std::uint16_t path_size = 0;
  std::uint16_t remote_size = 0;
  std::uint16_t folder_size = 0;
  std::uint32_t keep_weekly = 0;
  std::uint32_t keep_monthly = 0;
  std::uint32_t timeout = 0;  ///< seconds
  std::uint64_t offset = 0;   ///< bytes
  std::array<char, max_name> name{};
  std::array<char, max_name> remote{};
  std::array<char, 16> snapshot_id{};  ///< 15 bytes and a zero
  std::array<char, max_request> path{};
  std::array<char, max_request> folder{};
};
static_assert(std::is_trivially_copyable_v<WireRequest>);
static_assert(std::has_unique_object_representations_v<WireRequest>, "padding could carry memory of the child");
static_assert(sizeof(WireRequest) <= 4096);

/// For the parser child. A Request that parse_request() cannot have made (a string too long) packs as `nothing`.
WireRequest pack(const tl::expected<Request, RefusalCode>& parsed);

/// For the monitor. Trusts nothing, since whoever sent the request may own the child: lengths, enums, alphabets, ranges, the
/// verb's tables and the whole length are checked again, so that what comes out could have come from parse_request(), and
/// refusals are only those that it gives. Nothing otherwise: treat the child as broken (Exit::bug).
std::optional<tl::expected<Request, RefusalCode>> unpack(const WireRequest& wire);

}  // namespace backupctl
