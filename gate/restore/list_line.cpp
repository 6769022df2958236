#include "gate/restore/list_line.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <bitset>
#include <limits>

#include "gate/relay/bounded_sax.h"
#include "gate/relay/hash.h"
#include "gate/restore/member_path.h"
#include "gate/source/attributes.h"
#include "gate/source/posix_acl.h"
#include "gate/source/tree_walk.h"

namespace backupctl::archive {
namespace {

using relay::Value;

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0 || text.size() > std::size_t{1} << 24) return std::nullopt;
  std::string bytes(text.size() / 4 * 3, '\0');
  const int n = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (n != static_cast<int>(bytes.size())) return std::nullopt;
  bytes.resize(bytes.size() - (text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0));
  return bytes;
}

/// Whole numbers from 0 on; the greatest of a type.
template <class Number>
bool number(const Value& value, Number& out) {
  const std::int64_t got = relay::integer_or(value, -1);
  const bool fits =
      got >= 0 && static_cast<std::uint64_t>(got) <= static_cast<std::uint64_t>(std::numeric_limits<Number>::max());
  if (fits) out = static_cast<Number>(got);
  return fits;
}

bool text(const Value& value, std::string& out) {
  const auto* got = std::get_if<std::string_view>(&value);
  if (got != nullptr) out = *got;
  // No name, target or attribute has a NUL, and none could be made with one.
  return got != nullptr && !got->empty() && got->find('\0') == std::string_view::npos;
}

bool bytes(const Value& value, std::string& out) {
  const auto* got = std::get_if<std::string_view>(&value);
  auto decoded = got != nullptr ? from_base64(*got) : std::nullopt;
  return decoded && text(Value(std::string_view(*decoded)), out);
}

bool type(const Value& value, Member& member) {
  struct Kind {
    std::string_view word;
    mode_t mode;
  };
  constexpr std::array kinds{Kind{"file", S_IFREG}, Kind{"dir", S_IFDIR}, Kind{"symlink", S_IFLNK}, Kind{"fifo", S_IFIFO}};
  const auto* got = std::get_if<std::string_view>(&value);
  const auto* const kind =
      got == nullptr ? kinds.end() : std::find_if(kinds.begin(), kinds.end(), [&](const Kind& k) { return k.word == *got; });
  if (kind != kinds.end()) member.st.st_mode |= kind->mode;
  return kind != kinds.end();
}

bool mode(const Value& value, Member& member) {
  const auto* got = std::get_if<std::string_view>(&value);
  if (got == nullptr || got->size() != 4) return false;
  mode_t bits = 0;
  for (const char c : *got) {
    if (c < '0' || c > '7') return false;
    bits = bits << 3U | static_cast<mode_t>(c - '0');
  }
  member.st.st_mode |= bits;
  return true;
}

bool list(const Value& value, std::string& out) {
  const auto* got = std::get_if<std::string_view>(&value);
  const auto entries = got != nullptr ? parse_acl_text(*got) : std::nullopt;
  if (entries) out = encode_acl(*entries);
  return entries.has_value();
}

struct Names {  ///< as bytes; each is written over its text form
  std::optional<std::string> path, link, hardlink;
};

using Store = bool (*)(ListedFile&, Names&, const Value&);
struct Key {
  std::string_view word;
  Store store;
};
/// file_list.h's table; xattrs is an object and has no row's function.
constexpr Store object = nullptr;
constexpr auto keys = std::to_array<Key>({
    {"path", [](ListedFile& f, Names&, const Value& v) { return text(v, f.member.path); }},
    {"path_b64", [](ListedFile&, Names& n, const Value& v) { return bytes(v, n.path.emplace()); }},
    {"type", [](ListedFile& f, Names&, const Value& v) { return type(v, f.member); }},
    {"mode", [](ListedFile& f, Names&, const Value& v) { return mode(v, f.member); }},
    {"uid", [](ListedFile& f, Names&, const Value& v) { return number(v, f.member.st.st_uid); }},
    {"gid", [](ListedFile& f, Names&, const Value& v) { return number(v, f.member.st.st_gid); }},
    {"mtime", [](ListedFile& f, Names&, const Value& v) {
       const auto* got = std::get_if<std::int64_t>(&v);
       if (got != nullptr) f.member.st.st_mtim.tv_sec = *got;
       return got != nullptr;
     }},
    {"mtime_ns", [](ListedFile& f, Names&, const Value& v) { return number(v, f.member.st.st_mtim.tv_nsec) && f.member.st.st_mtim.tv_nsec < 1'000'000'000; }},
    {"size", [](ListedFile& f, Names&, const Value& v) { return number(v, f.member.st.st_size); }},
    {"sha256", [](ListedFile& f, Names&, const Value& v) {
       const auto* got = std::get_if<std::string_view>(&v);
       f.content = got != nullptr ? relay::parse_digest(*got) : std::nullopt;
       return f.content.has_value();
     }},
    {"link", [](ListedFile& f, Names&, const Value& v) { return text(v, f.member.symlink); }},
    {"link_b64", [](ListedFile&, Names& n, const Value& v) { return bytes(v, n.link.emplace()); }},
    {"hardlink", [](ListedFile& f, Names&, const Value& v) { return text(v, f.member.hardlink); }},
    {"hardlink_b64", [](ListedFile&, Names& n, const Value& v) { return bytes(v, n.hardlink.emplace()); }},
    {"xattrs", object},
    {"acl", [](ListedFile& f, Names&, const Value& v) { return list(v, f.member.attributes.acl_access); }},
    {"default_acl", [](ListedFile& f, Names&, const Value& v) { return list(v, f.member.attributes.acl_default); }},
    {"sparse", [](ListedFile& f, Names&, const Value& v) {
       const auto* got = std::get_if<bool>(&v);
       if (got != nullptr) f.member.sparse = *got;
       return got != nullptr;
     }},
});

class LineSax : public relay::BoundedSax {
 public:
  explicit LineSax(ListedFile& file) : BoundedSax(4), file_(file) {}

  [[nodiscard]] const std::string& fault() const { return fault_; }
  [[nodiscard]] bool seen(std::string_view word) const {
    return seen_[static_cast<std::size_t>(std::find_if(keys.begin(), keys.end(), [&](const Key& k) { return k.word == word; }) -
                                          keys.begin())];
  }
  Names names;

 protected:
  bool on_open(bool array) override {
    if (depth() == 1) return !array;
    return depth() > 2 || see(!array, nullptr);
  }
  bool on_value(const Value& value) override {
    if (depth() == 1) return see(false, &value);
    return depth() == 2 && key_at(1) == "xattrs" ? attribute(value) : depth() > 1;
  }

 private:
  bool see(bool is_object, const Value* value) {
    const auto* const key = std::find_if(keys.begin(), keys.end(), [&](const Key& k) { return k.word == key_at(1); });
    if (key == keys.end()) return true;
    const auto place = static_cast<std::size_t>(key - keys.begin());
    const bool right =
        value != nullptr ? key->store != object && key->store(file_, names, *value) : is_object && key->store == object;
    if (!right || seen_[place]) fault_ = key->word;
    seen_.set(place);
    return fault_.empty();
  }

  bool attribute(const Value& value) {
    constexpr std::string_view as_bytes = "name_b64:";
    const auto* got = std::get_if<std::string_view>(&value);
    auto content = got != nullptr ? from_base64(*got) : std::nullopt;
    std::optional<std::string> name(key_at(2));
    if (name->starts_with(as_bytes)) name = from_base64(std::string_view(*name).substr(as_bytes.size()));
    // What the reader lists and no more: system.* and trusted.* are not to be set by a list (D7).
    const bool good = content && name && (name->starts_with("user.") || name->starts_with("security.")) &&
                      name->find('\0') == std::string::npos;
    if (!good) fault_ = "xattrs";
    if (good) file_.member.attributes.xattrs.push_back({std::move(*name), std::move(*content)});
    return good;
  }

  ListedFile& file_;
  std::bitset<keys.size() + 1> seen_;  ///< the last: no key
  std::string fault_;
};

/// What of a line does not go together; empty: nothing.
std::string_view contradiction(const ListedFile& file, const LineSax& sax) {
  const Member& member = file.member;
  for (const std::string_view word : {"path", "type", "mode", "uid", "gid", "mtime", "mtime_ns"})
    if (!sax.seen(word)) return word;
  const auto safe = safe_path(member.path);
  if (!safe || (member.path != "." && *safe != member.path) || member.path.size() > max_path) return "path";
  if (member.path == "." && !S_ISDIR(member.st.st_mode)) return "type";
  if (S_ISREG(member.st.st_mode) != sax.seen("size")) return "size";
  if ((file.content || member.sparse) && (!S_ISREG(member.st.st_mode) || sax.seen("hardlink"))) return "sha256";
  if (sax.seen("hardlink")) {
    const auto link = safe_path(member.hardlink);
    if (!link || *link != member.hardlink || link->empty() || S_ISDIR(member.st.st_mode)) return "hardlink";
  } else if (S_ISLNK(member.st.st_mode) != sax.seen("link")) {
    return "link";
  }
  return {};
}

}  // namespace

Result<ListedFile> parse_list_line(std::string_view line) {
  const auto damaged = [](std::string_view what) {
    return fail(Exit::bad_data, "the manifest's list of files has a line without a valid {}; nothing of it is to be used",
                what);
  };
  ListedFile file;
  LineSax sax(file);
  const bool json = nlohmann::json::sax_parse(line.begin(), line.end(), &sax);
  if (!json) return damaged(sax.fault().empty() ? "form" : sax.fault());
  Member& member = file.member;
  if (sax.names.path) member.path = std::move(*sax.names.path);
  if (sax.names.link) member.symlink = std::move(*sax.names.link);
  if (sax.names.hardlink) member.hardlink = std::move(*sax.names.hardlink);
  if (const auto wrong = contradiction(file, sax); !wrong.empty()) return damaged(wrong);
  if (member.path == ".") member.path.clear();
  return file;
}

}  // namespace backupctl::archive
