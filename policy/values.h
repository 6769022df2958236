#pragma once

#include <optional>
#include <string_view>
#include <utility>

#include "policy/policy.h"

namespace backupctl::policy {

/// "90s", "10m", "2h", "30d", or "0": at most six digits and a unit. Nothing for anything else.
std::optional<Seconds> parse_duration(std::string_view text);

/// "100" is a number, "50%" a share of at most 100%.
std::optional<Limit> parse_limit(std::string_view text);

/// "HH:MM-HH:MM" as minutes since midnight; "24:00" is the day's end; the two differ. "22:00-06:00" wraps around midnight.
std::optional<std::pair<int, int>> parse_hours(std::string_view text);

/// What a string of the policy must look like, and how an error says so ("… is not WANTED").
struct Form {
  bool (*matches)(std::string_view text);
  std::string_view wanted;
};

/// The forms of the schema. None of them lets control characters pass (X10).
namespace form {
extern const Form any;             ///< any text but the empty one
extern const Form name;            ///< common/request.h, is_name
extern const Form remote_name;     ///< common/request.h, is_remote_name
extern const Form absolute_path;   ///< canonical: equal paths are equal strings; never "/" itself
extern const Form relative_path;   ///< canonical, beneath something
extern const Form database_path;   ///< the same of a file that patterns and lists of paths can name as it is
extern const Form remote_root;     ///< a canonical path, absolute or relative (a container, a bucket), or "/"
extern const Form time_zone;       ///< "host" or the form of an IANA name; whether it exists is for who opens it
extern const Form engine_name;     ///< containers, pods, volumes, compose projects and services; never read as an option
extern const Form unit;            ///< a systemd unit's name, systemd.unit(5)
extern const Form user;            ///< a Unix account's name, useradd(8)
extern const Form url;             ///< http:// or https://, without a user or password: it shows in a process list
extern const Form host;            ///< a host's name or address
extern const Form host_or_socket;  ///< the same, or an absolute path
}  // namespace form

}  // namespace backupctl::policy
