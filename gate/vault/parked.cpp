#include "gate/vault/parked.h"

#include <sys/stat.h>

#include <cerrno>

#include "common/io.h"

namespace backupctl::vault {

Result<std::string> park(const std::string& directory, const std::string& remote, std::string_view bytes) {
  constexpr int most = 16;
  std::string place;
  timespec oldest{};
  for (int i = 0; i < most; ++i) {
    std::string path = fmt::format("{}/{}.{}", directory, remote, i);
    struct stat st {};
    if (::lstat(path.c_str(), &st) != 0 && errno == ENOENT) {
      place = std::move(path);
      break;
    }
    const bool older =
        st.st_mtim.tv_sec < oldest.tv_sec || (st.st_mtim.tv_sec == oldest.tv_sec && st.st_mtim.tv_nsec < oldest.tv_nsec);
    if (!place.empty() && !older) continue;
    place = std::move(path);
    oldest = st.st_mtim;
  }
  if (auto written = write_file_durably(place, bytes, 0600); !written) return pass(written.error());
  return place;
}

}  // namespace backupctl::vault
