#pragma once

#include <string_view>

namespace backupctl::service {

/// Whether the kernel would drop a signal sent to a process instead of delivering it, so that waiting for the process to
/// end is in vain. The first process of a PID namespace (a container's command) does not get signals that it neither handles
/// nor blocks (pid_namespaces(7), "The namespace init process").
/// @param status  the text of /proc/PID/status (proc(5)); of text that is not understood nothing is claimed (false).
/// @param signal  1 to 64
bool would_be_dropped(std::string_view status, int signal);

/// A stop signal as podman prints it, "15" (up to 4.x), "SIGTERM" or "TERM"; 0 when it is none that is known by name.
int signal_number(std::string_view text);

}  // namespace backupctl::service
