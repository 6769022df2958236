#include "gate/restore/selection.h"

#include <sys/stat.h>

#include <algorithm>

#include "common/escape.h"

namespace backupctl::archive {
namespace {

bool is_at_or_beneath(std::string_view path, std::string_view top) {
  return path.starts_with(top) && (path.size() == top.size() || path[top.size()] == '/');
}

}  // namespace

bool Selection::holds(std::string_view path) const {
  return std::any_of(paths_.begin(), paths_.end(), [&](const std::string& top) { return is_at_or_beneath(path, top); });
}

void Selection::note(const Member& member) {
  for (std::size_t i = 0; i < paths_.size(); ++i)
    if (is_at_or_beneath(member.path, paths_[i])) met_[i] = true;
  if (!member.hardlink.empty() && holds(member.path) && !holds(member.hardlink))
    stand_ins_.try_emplace(member.hardlink, member.path);
}

Result<> Selection::complete() const {
  const auto missing = std::find(met_.begin(), met_.end(), false);
  if (missing == met_.end()) return {};
  std::string_view path = paths_[static_cast<std::size_t>(missing - met_.begin())];
  if (path.starts_with("data/")) path.remove_prefix(5);  // as it was asked for
  return fail(Exit::bad_data,
              "the archive holds no {} beneath data/; nothing was restored (its manifest beside it on the remote lists all "
              "names; say them without the leading data/)",
              escape_line(path, 512));
}

bool Selection::take(Member& member) const {
  if (everything()) return true;
  if (holds(member.path)) {
    const auto stand_in = member.hardlink.empty() ? stand_ins_.end() : stand_ins_.find(member.hardlink);
    if (stand_in == stand_ins_.end()) return true;
    if (stand_in->second == member.path) return false;  // restored already, when its first name came
    member.hardlink = stand_in->second;
    return true;
  }
  if (const auto stand_in = stand_ins_.find(member.path); stand_in != stand_ins_.end()) {
    member.path = stand_in->second;
    return true;
  }
  return S_ISDIR(member.st.st_mode) &&
         std::any_of(paths_.begin(), paths_.end(), [&](const std::string& top) { return is_at_or_beneath(top, member.path); });
}

}  // namespace backupctl::archive
