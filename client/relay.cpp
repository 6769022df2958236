#include "client/relay.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace backupctl::client {
namespace {

constexpr std::size_t tail_size = 4096;
constexpr std::size_t longest_line = 8192;  // a longer one is broken, so that no stream is collected without end
constexpr std::size_t chunk = 4096;         // PIPE_BUF: a pipe that polls writable takes that much at once, pipe(7)
constexpr int patience_ms = 10'000;

}  // namespace

void Relay::pass(std::string_view bytes) {
  tail_.append(bytes);
  if (tail_.size() > tail_size) tail_.erase(0, tail_.size() - tail_size);
  if (prefix_.empty()) return write(bytes);
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::size_t room = longest_line - line_.size();
    const std::size_t take = std::min(end == std::string_view::npos ? bytes.size() : end, room);
    line_.append(bytes.substr(0, take));
    bytes.remove_prefix(take);
    const bool complete = bytes.starts_with('\n');
    if (complete) bytes.remove_prefix(1);
    if (complete || line_.size() == longest_line) {
      write(prefix_ + line_ + "\n");
      line_.clear();
    }
  }
}

void Relay::finish() {
  if (line_.empty()) return;
  write(prefix_ + line_ + "\n");
  line_.clear();
}

void Relay::write(std::string_view bytes) {
  while (!bytes.empty() && !lost_) {
    pollfd ready{to_, POLLOUT, 0};
    const int polled = ::poll(&ready, 1, patience_ms);
    if (polled < 0 && errno == EINTR) continue;
    const ssize_t n = polled > 0 ? ::write(to_, bytes.data(), std::min(bytes.size(), chunk)) : -1;
    if (n > 0)
      bytes.remove_prefix(static_cast<std::size_t>(n));
    else
      lost_ = polled <= 0 || (errno != EINTR && errno != EAGAIN);
  }
}

}  // namespace backupctl::client
