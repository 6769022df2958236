#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace backupctl {

/// What a confined child tells the monitor: one fixed-layout message on a pipe, so that the monitor parses nothing that came
/// from a tree or a remote. Smaller than PIPE_BUF (4,096, pipe(7)), so that each write arrives whole.
struct Record {
  enum class Kind : std::uint32_t {
    progress = 1,  ///< number[0] bytes done, number[1] bytes in all (0: unknown), number[2] bytes per second, number[3] seconds
                   ///< left (-1: unknown)
    note,          ///< text: a line for the user; number[0] 0 information, 1 warning
    failed,        ///< text: one sentence; number[0] the Exit code. The child ends after it
    not_read,  ///< D2: text: why and the path, number[0]: 1 unreadable, 2 changed, 3 vanished, 4 special file (reported, not an
               ///< error), 5 mount point
    result,    ///< the child's last record when it succeeded; meaning of number[] and digest by role
    entry,  ///< one name of a listing: text the name, number[0] bytes (-1 unknown), number[1] unix seconds, number[2] 1 for a
            ///< directory; digest if number[3] is 1; number[4] what else the role's header says
    violation,  ///< seccomp: number[0] the syscall's number
  };
  Kind kind{};
  std::uint32_t text_size = 0;  ///< bytes used of text
  std::array<std::int64_t, 9> number{};
  std::array<std::uint8_t, 32> digest{};
  std::array<char, 1024> text{};

  /// The text, never beyond its array whatever text_size says. Not yet escaped.
  [[nodiscard]] std::string_view view() const { return {text.data(), text_size < text.size() ? text_size : text.size()}; }
  /// Copies what fits.
  void set_text(std::string_view bytes) {
    text_size = static_cast<std::uint32_t>(bytes.size() < text.size() ? bytes.size() : text.size());
    std::memcpy(text.data(), bytes.data(), text_size);
  }
};
static_assert(std::is_trivially_copyable_v<Record>);
static_assert(sizeof(Record) <= 4096);

/// Writes one record to `fd`; false when nobody reads any more.
bool send_record(int fd, const Record& record);

}  // namespace backupctl
