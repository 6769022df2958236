#pragma once

#include <string>
#include <string_view>

namespace backupctl::client {

/// Text that is wiped when it goes away, so that key material outlives its use in no heap page, swap or core.
/// Holds at most `capacity` bytes: it never grows, because a reallocation would leave an unwiped copy behind.
class Secret {
 public:
  explicit Secret(std::size_t capacity);
  ~Secret();
  Secret(Secret&& other) noexcept = default;
  Secret& operator=(Secret&&) = delete;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;

  /// Appends what fits; false when it did not fit, with nothing appended.
  [[nodiscard]] bool append(std::string_view text);
  [[nodiscard]] std::string_view view() const { return text_; }

 private:
  std::string text_;  // never short enough for the small-string buffer, which a move would leave behind
};

/// Overwrites an environment variable where the kernel put it (/proc/PID/environ shows the same bytes) and removes it.
void wipe_variable(const char* name);

}  // namespace backupctl::client
