#include "gate/source/sorted_names.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

namespace backupctl::archive {

Result<SortedNames::Name> SortedNames::next(int dir) {
  if (used_ == offsets_.size()) {
    const bool more = !loaded_ || !before_.empty();
    if (!more) return Name{nullptr, DT_UNKNOWN};
    if (auto done = load(dir); !done) return pass(done.error());
    if (offsets_.empty()) return Name{nullptr, DT_UNKNOWN};
  }
  const char* name = at(used_);
  ++used_;
  return Name{name, static_cast<std::uint8_t>(name[-1])};
}

Result<> SortedNames::load(int dir) {
  if (!offsets_.empty()) after_ = at(offsets_.size() - 1);
  text_.clear();
  offsets_.clear();
  before_.clear();
  used_ = 0;
  loaded_ = true;
  if (::lseek(dir, 0, SEEK_SET) != 0) return fail_errno(Exit::io_error, errno, "cannot read the directory");
  constexpr std::size_t size = 32768;
  const auto buffer = std::make_unique_for_overwrite<char[]>(size);
  for (;;) {
    const ssize_t n = ::getdents64(dir, buffer.get(), size);
    if (n < 0) return fail_errno(Exit::io_error, errno, "cannot read the directory");
    if (n == 0) break;
    for (ssize_t at = 0; at < n;) {
      // getdents64(2) aligns each record for its struct.
      const auto* entry = reinterpret_cast<const dirent64*>(buffer.get() + at);
      take(entry->d_type, entry->d_name);
      at += entry->d_reclen;
    }
  }
  sort();
  return {};
}

void SortedNames::take(std::uint8_t type, std::string_view name) {
  if (name == "." || name == "..") return;
  if (name <= after_ || (!before_.empty() && name >= before_)) return;
  if (text_.size() + name.size() + 2 > limit_ && offsets_.size() > 1) {
    drop_larger_half();
    if (name >= before_) return;
  }
  offsets_.push_back(static_cast<std::uint32_t>(text_.size()));
  text_ += static_cast<char>(type);
  text_ += name;
  text_ += '\0';
}

void SortedNames::sort() {
  std::sort(offsets_.begin(), offsets_.end(),
            [this](std::uint32_t a, std::uint32_t b) { return std::strcmp(text_.data() + a + 1, text_.data() + b + 1) < 0; });
}

void SortedNames::drop_larger_half() {
  sort();
  const std::size_t keep = offsets_.size() / 2;
  before_ = at(keep);
  std::string kept;
  std::vector<std::uint32_t> offsets;
  for (std::size_t i = 0; i < keep; ++i) {
    const char* name = at(i);
    offsets.push_back(static_cast<std::uint32_t>(kept.size()));
    kept.append(name - 1, std::strlen(name) + 2);
  }
  text_ = std::move(kept);
  offsets_ = std::move(offsets);
}

}  // namespace backupctl::archive
