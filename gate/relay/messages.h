#pragma once

#include <cstddef>

namespace backupctl::relay {

/// Mode "messages": a program's standard error. Its first lines become notes, secrets taken out (secrets.h), at most
/// most_messages of max_message bytes; the rest is read and thrown away, so that nobody blocks on us (X5).
/// The result: number[0] lines read.
inline constexpr std::size_t most_messages = 20;
inline constexpr std::size_t max_message = 512;

}  // namespace backupctl::relay
