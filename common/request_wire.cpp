#include "common/request_wire.h"

#include <algorithm>
#include <string_view>

namespace backupctl {
namespace {

/// Copies the text; false when it does not fit.
template <std::size_t N>
bool put(std::string_view text, std::array<char, N>& array, std::uint16_t& size) {
  if (text.size() > N) return false;
  std::copy(text.begin(), text.end(), array.begin());
  size = static_cast<std::uint16_t>(text.size());
  return true;
}

/// The text, or nothing when the size is beyond the array.
template <std::size_t N>
std::optional<std::string_view> get(const std::array<char, N>& array, std::uint16_t size) {
  if (size > N) return {};
  return std::string_view(array.data(), size);
}

std::optional<WireRequest> pack_request(const Request& request) {
  WireRequest wire;
  wire.kind = WireRequest::request;
  wire.verb = static_cast<std::uint8_t>(request.verb);
  if (!put(request.name, wire.name, wire.name_size)) return {};
  const auto given = [&](OptionBit bit) { wire.options = static_cast<std::uint8_t>(wire.options | bit); };
  if (request.path) {
    given(option_path);
    if (!put(*request.path, wire.path, wire.path_size)) return {};
  }
  if (request.remote) {
    given(option_remote);
    if (!put(request.remote->remote, wire.remote, wire.remote_size)) return {};
    if (!put(request.remote->folder, wire.folder, wire.folder_size)) return {};
  }
  if (request.snapshot_id) {
    given(option_snapshot_id);
    std::uint16_t size = 0;
    if (!put(*request.snapshot_id, wire.snapshot_id, size)) return {};
  }
  if (request.keep_weekly) given(option_keep_weekly);
  if (request.keep_monthly) given(option_keep_monthly);
  if (request.timeout) given(option_timeout);
  if (request.offset) given(option_offset);
  if (request.json) given(option_json);
  wire.keep_weekly = request.keep_weekly.value_or(0);
  wire.keep_monthly = request.keep_monthly.value_or(0);
  wire.timeout = request.timeout.value_or(0);
  wire.offset = request.offset.value_or(0);
  return wire;
}

constexpr std::uint32_t max_number = 999'999;              // wire.md: six digits
constexpr std::uint64_t max_offset = 999'999'999'999'999;  // fifteen

bool name_fits(std::string_view name, NameKind kind) {
  if (name.empty()) return kind == NameKind::none || kind == NameKind::optional_service;
  return kind != NameKind::none && is_name(name);
}

std::optional<Request> unpack_request(const WireRequest& wire) {
  if (wire.verb >= verb_count) return {};
  Request request;
  request.verb = static_cast<Verb>(wire.verb);
  const VerbInfo& verb = info(request.verb);
  if ((wire.options & ~verb.options) != 0) return {};
  const auto given = [&](OptionBit bit) { return (wire.options & bit) != 0; };

  const auto name = get(wire.name, wire.name_size);
  if (!name || !name_fits(*name, verb.name)) return {};
  request.name = *name;
  if (given(option_path)) {
    const auto path = get(wire.path, wire.path_size);
    if (!path || !is_path_text(*path) || path->front() != '/') return {};
    request.path = *path;
  }
  if (given(option_remote)) {
    const auto remote = get(wire.remote, wire.remote_size);
    const auto folder = get(wire.folder, wire.folder_size);
    if (!remote || !folder || !is_remote_name(*remote) || !is_path_text(*folder)) return {};
    request.remote = RemoteAssertion{std::string(*remote), std::string(*folder)};
  }
  if (given(option_snapshot_id)) {
    const std::string_view id(wire.snapshot_id.data(), wire.snapshot_id.size() - 1);
    if (!is_snapshot_id(id)) return {};
    request.snapshot_id = id;
  }
  if (wire.keep_weekly > max_number || wire.keep_monthly > max_number || wire.timeout > max_number) return {};
  if (given(option_timeout) && wire.timeout == 0) return {};
  if (given(option_keep_weekly)) request.keep_weekly = wire.keep_weekly;
  if (given(option_keep_monthly)) request.keep_monthly = wire.keep_monthly;
  if (given(option_timeout)) request.timeout = wire.timeout;
  if (given(option_offset)) {
    if (wire.offset == 0 || wire.offset > max_offset || !request.snapshot_id) return {};
    request.offset = wire.offset;
  }
  request.json = given(option_json);
  if (serialize(request).size() > max_request) return {};
  return request;
}

}  // namespace

WireRequest pack(const tl::expected<Request, RefusalCode>& parsed) {
  if (parsed) return pack_request(*parsed).value_or(WireRequest{});
  WireRequest wire;
  wire.kind = WireRequest::refusal;
  wire.code = static_cast<std::uint8_t>(parsed.error());
  return wire;
}

std::optional<tl::expected<Request, RefusalCode>> unpack(const WireRequest& wire) {
  if (wire.kind == WireRequest::request) {
    auto request = unpack_request(wire);
    if (!request) return {};
    return *std::move(request);
  }
  // The policy's codes are the monitor's alone to give.
  if (wire.kind != WireRequest::refusal || wire.code > static_cast<std::uint8_t>(RefusalCode::operator_verb)) return {};
  return tl::make_unexpected(static_cast<RefusalCode>(wire.code));
}

}  // namespace backupctl
