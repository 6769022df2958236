#include "gate/remote/capabilities.h"

#include <algorithm>
#include <iterator>

namespace backupctl::remote {
namespace {

struct Row {
  std::string_view type;
  bool rename;
  bool times;
};
// rclone.org/overview ("Move", "ModTime", "Hash") for the types that the vault allows; none of them offers SHA-256 whatever the
// account. rename is false where rclone moves by copying and deleting: slow for a large archive, and not at once. webdav keeps
// times with ownCloud and Nextcloud alone, and refresh() costs the others one more listing. A compressed or encrypted name
// hides the hash and keeps the time.
constexpr Row rows[] = {
    {"onedrive", true, true},
    {"drive", true, true},
    {"dropbox", true, true},
    {"box", true, true},
    {"pcloud", true, true},
    {"yandex", true, true},
    {"webdav", true, false},
    {"sftp", true, true},
    {"azureblob", false, true},
    {"s3", false, true},
    {"b2", false, true},
    {"swift", false, true},
    {"google cloud storage", false, true},
    {"crypt", true, true},
    {"alias", true, true},
    {"chunker", true, true},
    {"compress", true, true},
    {"union", true, true},
    {"combine", true, true},
};

}  // namespace

Capabilities capabilities(std::span<const std::string> types) {
  Capabilities all{!types.empty(), false, !types.empty()};
  for (const std::string& type : types) {
    const auto* const row = std::ranges::find(rows, type, &Row::type);
    all.rename = all.rename && row != std::end(rows) && row->rename;
    all.times = all.times && row != std::end(rows) && row->times;
  }
  return all;
}

}  // namespace backupctl::remote
