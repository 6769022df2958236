#include "gate/relay/signed_object.h"

#include <array>
#include <bitset>
#include <cmath>
#include <vector>

#include "common/civil_date.h"
#include "gate/relay/bounded_sax.h"
#include "gate/relay/hash.h"
#include "gate/relay/rfc3339.h"

namespace backupctl::relay {
namespace {

using manifest::Manifest;

/// Stores one member's value; false when it has not the member's type or range.
using Store = bool (*)(Manifest&, const Value&);

template <std::string Manifest::*member>
bool text(Manifest& m, const Value& value) {
  const auto* got = std::get_if<std::string_view>(&value);
  if (got != nullptr) m.*member = *got;
  return got != nullptr;
}

template <std::int64_t Manifest::*member>
bool count(Manifest& m, const Value& value) {
  m.*member = integer_or(value, -1);
  return m.*member >= 0;
}

template <Digest Manifest::*member>
bool digest(Manifest& m, const Value& value) {
  const auto* got = std::get_if<std::string_view>(&value);
  const auto parsed = got != nullptr ? parse_digest(*got) : std::nullopt;
  if (parsed) m.*member = *parsed;
  return parsed.has_value();
}

bool schema(Manifest&, const Value& value) { return integer_or(value, 0) == manifest::schema; }

bool encrypted(Manifest& m, const Value& value) {
  const auto* got = std::get_if<bool>(&value);
  if (got != nullptr) m.encrypted = *got;
  return got != nullptr;
}

bool created(Manifest& m, const Value& value) {
  const auto* got = std::get_if<std::string_view>(&value);
  const auto instant = got != nullptr ? parse_rfc3339(*got) : std::nullopt;
  if (instant) m.created = *instant;
  return instant.has_value();
}

bool date(Manifest& m, const Value& value) { return text<&Manifest::date>(m, value) && parse_date(m.date).has_value(); }

bool status(Manifest& m, const Value& value) {
  const auto* got = std::get_if<std::string_view>(&value);
  if (got == nullptr || (*got != "complete" && *got != "incomplete" && *got != "adopted")) return false;
  m.complete = *got != "incomplete";
  m.adopted = *got == "adopted";
  return true;
}

bool downtime(Manifest& m, const Value& value) {
  if (std::holds_alternative<std::nullptr_t>(value)) return true;
  const auto* real = std::get_if<double>(&value);
  const double seconds = real != nullptr ? *real : static_cast<double>(integer_or(value, -1));
  m.downtime_seconds = seconds;
  return std::isfinite(seconds) && seconds >= 0 && seconds < 1e9;
}

/// A member that is an object; its members have rows of their own, or are free (probes).
constexpr Store object = nullptr;

struct Member {
  std::string_view outer;
  std::string_view inner;  ///< of an object's member; else empty
  Store store;
};

/// The one that is there only where it says something.
constexpr std::string_view optional_member = "left_out";

/// manifest.h's table.
constexpr auto members = std::to_array<Member>({
    {"schema", "", schema},
    {"service", "", text<&Manifest::service>},
    {"host", "", text<&Manifest::host>},
    {"archive", "", text<&Manifest::archive>},
    {"source", "", text<&Manifest::source>},
    {"format", "", text<&Manifest::format>},
    {"compression", "", text<&Manifest::compression>},
    {"encrypted", "", encrypted},
    {"created", "", created},
    {"date", "", date},
    {"size", "", count<&Manifest::size>},
    {"sha256", "", digest<&Manifest::sha256>},
    {"members", "", count<&Manifest::members>},
    {"source_bytes", "", count<&Manifest::source_bytes>},
    {"files_count", "", count<&Manifest::files_count>},
    {"files_sha256", "", digest<&Manifest::files_sha256>},
    {"status", "", status},
    {optional_member, "", count<&Manifest::left_out>},
    {"consistency", "", text<&Manifest::consistency>},
    {"downtime_seconds", "", downtime},
    {"probes", "", object},
    {"tool", "", object},
    {"tool", "name", text<&Manifest::tool_name>},
    {"tool", "version", text<&Manifest::tool_version>},
    {"policy_sha256", "", digest<&Manifest::policy_sha256>},
    {"journal_head", "", text<&Manifest::journal_head>},
});

class SignedSax : public BoundedSax {
 public:
  explicit SignedSax(Manifest& m) : BoundedSax(8), manifest_(m) {}

  /// The member that is wrong or missing; empty when all is well.
  [[nodiscard]] std::string fault() const {
    if (!fault_.empty()) return fault_;
    for (std::size_t i = 0; i < members.size(); ++i)
      if (!seen_[i] && members[i].outer != optional_member) return name(members[i]);
    return {};
  }

 protected:
  bool on_open(bool array) override {
    if (depth() == 1) return !array;
    if (depth() == 2) return see({}, !array, nullptr);
    return true;  // a member that this version does not know
  }

  bool on_value(const Value& value) override {
    if (depth() == 1) return see({}, false, &value);
    if (depth() == 2 && key_at(1) == "tool") return see(key_at(2), false, &value);
    if (depth() == 2 && key_at(1) == "probes") return probe(value);
    return depth() > 0;
  }

 private:
  static std::string name(const Member& member) {
    return std::string(member.outer) + (member.inner.empty() ? "" : ".") + std::string(member.inner);
  }

  /// Notes that a member of the current outer key came, as an object or with a value, and stores the value.
  bool see(std::string_view inner, bool is_object, const Value* value) {
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (members[i].outer != key_at(1) || members[i].inner != inner) continue;
      const bool right = value != nullptr ? members[i].store != object && members[i].store(manifest_, *value)
                                          : is_object && members[i].store == object;
      if (!right || seen_[i]) fault_ = name(members[i]);
      seen_.set(i);
      return fault_.empty();
    }
    return true;
  }

  bool probe(const Value& value) {
    const auto* got = std::get_if<std::string_view>(&value);
    if (got == nullptr || !manifest_.probes.emplace(key_at(2), *got).second) fault_ = "probes";
    return fault_.empty();
  }

  Manifest& manifest_;
  std::bitset<members.size()> seen_;
  std::string fault_;
};

}  // namespace

Result<Manifest> parse_signed(std::string_view input) {
  Manifest parsed;
  SignedSax sax(parsed);
  const bool json = nlohmann::json::sax_parse(input.begin(), input.end(), &sax);
  const std::string fault = sax.fault();
  if (!json && fault.empty()) return fail(Exit::bad_data, "its signed part is no JSON object");
  if (!json || !fault.empty()) return fail(Exit::bad_data, "its signed part lacks a valid {}", fault.empty() ? "form" : fault);
  return parsed;
}

}  // namespace backupctl::relay
