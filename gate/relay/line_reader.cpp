#include "gate/relay/line_reader.h"

#include <unistd.h>

#include <array>
#include <cerrno>

namespace backupctl::relay {

Result<bool> LineReader::fill() {
  std::array<char, 65536> piece;
  for (;;) {
    const ssize_t n = ::read(fd_, piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(Exit::io_error, errno, "cannot read what a child process says");
    buffer_.append(piece.data(), static_cast<std::size_t>(n));
    return n > 0;
  }
}

Result<bool> LineReader::next(Line& line) {
  bool cut = false;
  for (;;) {
    const std::size_t end = buffer_.find('\n', searched_);
    const bool found = end != std::string::npos;
    const std::size_t size = (found ? end : buffer_.size()) - begin_;
    if (found) {
      line = {std::string_view(buffer_).substr(begin_, size < limit_ ? size : limit_), cut || size > limit_, true};
      begin_ = searched_ = end + 1;
      return true;
    }
    if (size > limit_) {  // keep the front, forget the rest as it comes
      buffer_.resize(begin_ + limit_);
      cut = true;
    }
    if (begin_ > 0) {
      buffer_.erase(0, begin_);
      begin_ = 0;
    }
    searched_ = buffer_.size();
    const auto more = fill();
    if (!more) return more;
    if (*more) continue;
    if (buffer_.empty()) return false;
    line = {std::string_view(buffer_).substr(0, limit_), cut || buffer_.size() > limit_, false};
    begin_ = searched_ = buffer_.size();
    return true;
  }
}

Result<> each_line(int fd, std::size_t limit, const std::function<Result<>(const LineReader::Line&)>& take) {
  LineReader reader(fd, limit);
  LineReader::Line line;
  for (;;) {
    const auto more = reader.next(line);
    if (!more) return pass(more.error());
    if (!*more) return {};
    if (auto taken = take(line); !taken) return taken;
  }
}

}  // namespace backupctl::relay
