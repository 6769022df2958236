#include "gate/source/file_list.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <limits>

#include "common/escape.h"
#include "common/io.h"
#include "gate/source/name_text.h"
#include "gate/source/posix_acl.h"

namespace backupctl::archive {
namespace {

std::string_view type_word(mode_t mode) {
  return S_ISREG(mode) ? "file" : S_ISDIR(mode) ? "dir" : S_ISLNK(mode) ? "symlink" : "fifo";
}

void add_name(std::string& line, std::string_view key, std::string_view name) {
  fmt::format_to(std::back_inserter(line), R"("{}":{},)", key, json_string(name));
  if (classify(name) == NameText::bytes) fmt::format_to(std::back_inserter(line), R"("{}_b64":"{}",)", key, base64(name));
}

void add_acl(std::string& line, std::string_view key, const std::string& xattr) {
  if (const auto entries = parse_acl(xattr); entries)
    fmt::format_to(std::back_inserter(line), R"("{}":"{}",)", key, acl_text(*entries));
}

void add_xattrs(std::string& line, const std::vector<Xattr>& xattrs) {
  line += R"("xattrs":{)";
  for (const Xattr& xattr : xattrs) {
    const bool text = classify(xattr.name) != NameText::bytes;
    fmt::format_to(std::back_inserter(line), R"({}:"{}",)", json_string(text ? xattr.name : "name_b64:" + base64(xattr.name)),
                   base64(xattr.value));
  }
  line.back() = '}';
  line += ',';
}

}  // namespace

std::string base64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int n = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(n));
  return text;
}

Result<> FileList::add(const Member& member, const std::optional<Digest>& content) {
  std::string& line = buffer_;
  const auto& st = member.st;
  line += '{';
  add_name(line, "path", member.path.empty() ? "." : member.path);
  fmt::format_to(std::back_inserter(line), R"("type":"{}","mode":"{:04o}","uid":{},"gid":{},"mtime":{},"mtime_ns":{},)",
                 type_word(st.st_mode), st.st_mode & 07777U, st.st_uid, st.st_gid, st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
  if (S_ISREG(st.st_mode)) {
    fmt::format_to(std::back_inserter(line), R"("size":{},)", st.st_size);
    constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();  // sparse files may say anything (X5)
    file_bytes_ = std::min(most, file_bytes_ + static_cast<std::uint64_t>(st.st_size));
  }
  if (content) fmt::format_to(std::back_inserter(line), R"("sha256":"{}",)", to_hex(*content));
  if (!member.symlink.empty()) add_name(line, "link", member.symlink);
  if (!member.hardlink.empty()) add_name(line, "hardlink", member.hardlink);
  if (!member.attributes.xattrs.empty()) add_xattrs(line, member.attributes.xattrs);
  add_acl(line, "acl", member.attributes.acl_access);
  add_acl(line, "default_acl", member.attributes.acl_default);
  if (member.sparse) line += R"("sparse":true,)";
  line.back() = '}';
  line += '\n';
  ++lines_;
  constexpr std::size_t enough = 256 * 1024;
  return buffer_.size() < enough ? Result<>{} : finish();
}

Result<> FileList::finish() {
  hash_.update(buffer_);
  bytes_ += buffer_.size();
  const bool written = write_all(fd_, buffer_).has_value();
  const int code = errno;
  buffer_.clear();
  if (!written)
    return fail(Exit::io_error, "the list of files cannot be written to the spool: {}; nothing was archived, make room there",
                errno_text(code));
  return {};
}

}  // namespace backupctl::archive
