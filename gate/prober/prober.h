#pragma once

#include <map>
#include <string>
#include <string_view>

#include "common/record.h"

namespace backupctl::prober {

/// One question to a service for its health (policy.md, `health`).
struct Question {
  std::string url;       ///< http or https
  std::string resolved;  ///< "HOST:PORT:ADDRESS[,ADDRESS]…" (CURLOPT_RESOLVE); empty where HOST is an address
  std::map<std::string, std::string> json;  ///< members of the object that must be answered, by their values
};

/// Bounds of an answer (X5): bytes, redirects, seconds.
inline constexpr std::size_t most_bytes = 1 << 20;
inline constexpr long most_redirects = 3;
inline constexpr long longest_answer = 10;

/// Asks once. Redirects are followed on the same host and port alone: no other name is known, and nobody else was meant.
/// @return a result: number[0] the HTTP status or 0, number[1] 1 for healthy, else text says what is wrong.
Record ask(const Question& question);

/// Whether the answer has the members; else what is wrong with it. A value that is no string is compared as JSON writes it.
/// @return empty when all is well
std::string judge(std::string_view body, const std::map<std::string, std::string>& json);

}  // namespace backupctl::prober
