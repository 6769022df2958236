#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/result.h"

namespace backupctl::client {

/// Reads the tar of an export as its bytes come: directories and regular files, in the format that the gate writes (ustar with
/// GNU's long names and sizes beyond 8 GiB; POSIX.1-1988, and GNU tar's manual, "Basic Tar Format"). Anything else is an error:
/// a whole library would bring the client a dozen others, and formats that no gate sends.
class TarReader {
 public:
  struct Member {
    std::string path;  ///< as it came
    bool directory = false;
    std::uint64_t size = 0;  ///< bytes
  };
  /// What is done with members. An Error ends the reading.
  class Receiver {
   public:
    virtual ~Receiver() = default;
    virtual Result<> begin(const Member& member) = 0;
    virtual Result<> content(std::string_view bytes) = 0;
    /// @param next  where in the tar the next member begins, bytes
    virtual Result<> end(std::uint64_t next) = 0;
  };

  /// Where a transfer was cut off.
  struct Place {
    std::uint64_t offset = 0;   ///< bytes of the tar that have come
    std::uint64_t content = 0;  ///< of the member they end in: bytes that are still to come, with padding behind them
    std::uint64_t padding = 0;
  };
  /// @param place  where its bytes go on; inside a member its receiver goes on with that. @param receiver  outlives the reader
  TarReader(Receiver& receiver, const Place& place)
      : receiver_(receiver),
        at_(place.offset),
        content_(place.content),
        padding_(place.padding),
        in_member_(place.content + place.padding > 0) {}
  /// Error: the receiver's; Exit::bad_data, it is no such tar.
  Result<> take(std::string_view bytes);
  /// Its end has come, and not only that of the stream.
  [[nodiscard]] bool ended() const { return ended_; }
  /// Where it is, if that is in a member's content; else the receiver knows from end().
  [[nodiscard]] std::optional<Place> inside() const {
    if (!in_member_) return {};
    return Place{at_, content_, padding_};
  }

 private:
  Result<> header();
  Result<> finish_member();

  Receiver& receiver_;
  std::string block_;          ///< of a header, or a long name
  std::string long_name_;      ///< of the member that follows
  std::uint64_t at_;           ///< bytes of the tar so far
  std::uint64_t content_ = 0;  ///< bytes of content that are still to come
  std::uint64_t padding_ = 0;
  bool in_member_ = false;
  bool in_name_ = false;
  bool ended_ = false;
  std::uint64_t behind_ = 0;  ///< bytes after the end
};

}  // namespace backupctl::client
