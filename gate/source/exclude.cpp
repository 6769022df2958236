#include "gate/source/exclude.h"

#include <algorithm>

namespace backupctl::archive {
namespace {

/// Does the whole of `text` match? Every position of the pattern that can be reached is followed at once: time is the
/// product of the lengths, whatever the stars (X5).
bool glob(std::string_view pattern, std::string_view text) {
  std::vector<char> now(pattern.size() + 1, 0);
  std::vector<char> next(pattern.size() + 1, 0);
  // A star may stand for nothing: whoever stands before it also stands behind it.
  const auto reach = [&](std::vector<char>& set, std::size_t i) {
    set[i] = 1;
    while (i < pattern.size() && pattern[i] == '*') set[++i] = 1;
  };
  reach(now, 0);
  for (const char c : text) {
    std::fill(next.begin(), next.end(), '\0');
    for (std::size_t i = 0; i < pattern.size(); ++i) {
      if (now[i] == 0) continue;
      const bool doubled = (i + 1 < pattern.size() && pattern[i + 1] == '*') || (i > 0 && pattern[i - 1] == '*');
      if (pattern[i] == '*' ? (c != '/' || doubled) : false) reach(next, i);
      if (pattern[i] != '*' && (pattern[i] == c || (pattern[i] == '?' && c != '/'))) reach(next, i + 1);
    }
    now.swap(next);
  }
  return now[pattern.size()] != 0;
}

bool matches(std::string_view pattern, bool anchored, std::string_view path) {
  if (glob(pattern, path)) return true;
  for (std::size_t slash = 0; !anchored && (slash = path.find('/', slash)) != std::string_view::npos;)
    if (glob(pattern, path.substr(++slash))) return true;
  return false;
}

}  // namespace

Result<Excludes> Excludes::parse(std::span<const std::string> patterns) {
  Excludes excludes;
  for (const std::string& written : patterns) {
    if (written.empty() || written.size() > 1024 || written.find_first_of("[]{}\\\n") != std::string::npos ||
        written.find('\0') != std::string::npos)
      return fail(Exit::bad_config,
                  "the exclude pattern '{}' is not understood: only *, **, ?, a leading / and a trailing /** have a meaning",
                  written);
    Pattern pattern{written, false, false};
    std::string& text = pattern.text;
    if (text.front() == '/') {
      pattern.anchored = true;
      text.erase(0, 1);
    }
    for (const std::string_view ending : {"/**", "/"})
      if (!pattern.contents && text.ends_with(ending)) {
        pattern.contents = true;
        text.erase(text.size() - ending.size());
      }
    const bool whole = text.empty() || (text.find_first_not_of('*') == std::string::npos && (!pattern.anchored || text != "*"));
    if (whole) return fail(Exit::bad_config, "the exclude pattern '{}' would leave out the whole tree", written);
    excludes.patterns_.push_back(std::move(pattern));
  }
  return excludes;
}

bool Excludes::file(std::string_view path) const {
  return std::any_of(patterns_.begin(), patterns_.end(),
                     [&](const Pattern& p) { return !p.contents && matches(p.text, p.anchored, path); });
}

bool Excludes::contents(std::string_view path) const {
  return std::any_of(patterns_.begin(), patterns_.end(),
                     [&](const Pattern& p) { return p.contents && matches(p.text, p.anchored, path); });
}

}  // namespace backupctl::archive
