#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "gate/restore/list_line.h"
#include "gate/source/file_list.h"
#include "gate/source/posix_acl.h"
#include "tests/unit/tree_fixture.h"

using namespace backupctl;
using namespace backupctl::archive;

namespace {

const std::string hash(64, 'a');
const std::string good =
    R"({"path":"a/b","type":"file","mode":"0644","uid":1,"gid":2,"mtime":-5,"mtime_ns":7,"size":3,"sha256":")" + hash + "\"}";

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

/// What is found wrong with a line; empty: nothing.
std::string fault(const std::string& line) {
  const auto parsed = parse_list_line(line);
  if (parsed) return "";
  CHECK(parsed.error().exit == Exit::bad_data);
  const std::string& words = parsed.error().sentence;
  const std::size_t at = words.find("valid ") + 6;
  return words.substr(at, words.find(';') - at);
}

}  // namespace

TEST_CASE("a line is what FileList writes, for every kind of entry and name (D7)") {
  std::vector<Member> members(5);
  members[0].st.st_mode = S_IFDIR | 01777;
  members[0].attributes.acl_default = encode_acl({{AclEntry::Tag::user_obj, 7, 0},
                                                  {AclEntry::Tag::user, 5, 4000000000U},
                                                  {AclEntry::Tag::mask, 4, 0},
                                                  {AclEntry::Tag::other, 0, 0}});
  members[1].path = "a\xff\nb/\xc3\xa9";
  members[1].st.st_mode = S_IFREG | 04711;
  members[1].st.st_uid = 4294967294U;
  members[1].st.st_size = std::int64_t{1} << 40;
  members[1].st.st_mtim = {-1000, 123456789};
  members[1].attributes.xattrs = {{"security.capability", std::string("\0\1\2\xff", 4)}, {"user.\xfe", ""}, {"user.a", "v"}};
  members[1].attributes.acl_access = encode_acl({{AclEntry::Tag::user_obj, 6, 0},
                                                 {AclEntry::Tag::group_obj, 4, 0},
                                                 {AclEntry::Tag::group, 1, 0},
                                                 {AclEntry::Tag::other, 0, 0}});
  members[1].sparse = true;
  members[2].path = "l";
  members[2].st.st_mode = S_IFLNK | 0777;
  members[2].symlink = "\xe9/../\x01";
  members[3].path = "h";
  members[3].st.st_mode = S_IFREG | 0600;
  members[3].hardlink = members[1].path;
  members[4].path = "p";
  members[4].st.st_mode = S_IFIFO | 0620;
  for (const Member& member : members) {
    const TestTree tree;
    const UniqueFd fd(::open(tree.at("list").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    FileList list(fd.get());
    const bool hashed = S_ISREG(member.st.st_mode) && member.hardlink.empty();
    REQUIRE(list.add(member, hashed ? std::optional(sha256("content")) : std::nullopt));
    REQUIRE(list.finish());
    std::ifstream file(tree.at("list"));
    std::string line;
    std::getline(file, line);
    const auto parsed = parse_list_line(line);
    INFO(line);
    REQUIRE(parsed);
    const Member& back = parsed->member;
    CHECK(back.path == member.path);
    CHECK(back.st.st_mode == member.st.st_mode);
    CHECK(back.st.st_uid == member.st.st_uid);
    CHECK(back.st.st_gid == member.st.st_gid);
    CHECK(back.st.st_size == member.st.st_size);
    CHECK(back.st.st_mtim.tv_sec == member.st.st_mtim.tv_sec);
    CHECK(back.st.st_mtim.tv_nsec == member.st.st_mtim.tv_nsec);
    CHECK(back.symlink == member.symlink);
    CHECK(back.hardlink == member.hardlink);
    CHECK(back.sparse == member.sparse);
    CHECK(back.attributes.acl_access == member.attributes.acl_access);
    CHECK(back.attributes.acl_default == member.attributes.acl_default);
    REQUIRE(back.attributes.xattrs.size() == member.attributes.xattrs.size());
    for (const Xattr& xattr : member.attributes.xattrs)
      CHECK(std::find(back.attributes.xattrs.begin(), back.attributes.xattrs.end(), xattr) != back.attributes.xattrs.end());
    CHECK(parsed->content.has_value() == hashed);
  }
}

TEST_CASE("X5: what is not such a line is refused, and said") {
  CHECK(fault(good).empty());
  CHECK(fault(replaced(good, "{", "{\"later\":{\"deep\":[1]},")).empty());
  for (const char* name : {"../b", "/b", "a/../b", "a//b", "./a", "a/", "..", "a\\u0000b", ""})
    CHECK(fault(replaced(good, "a/b", name)) == "path");
  CHECK(fault(replaced(good, "\"path\":\"a/b\"", "\"path\":\"a\",\"path_b64\":\"Li4vYQ==\"")) == "path");  // ../a
  CHECK(fault(replaced(good, "\"path\":\"a/b\"", "\"path\":\"a\",\"path_b64\":\"YQ=\"")) == "path_b64");
  CHECK(fault(replaced(good, "\"path\":\"a/b\"", "\"path\":\"a\",\"path_b64\":\"YQA=\"")) == "path_b64");  // a NUL
  CHECK(fault(replaced(good, "\"path\":\"a/b\"", "\"path\":\"a\",\"path\":\"b\"")) == "path");
  CHECK(fault(replaced(good, "\"path\":\"a/b\",", "")) == "path");
  CHECK(fault(replaced(good, "a/b", ".")) == "type");
  for (const char* kind : {"device", "socket", "File", ""})
    CHECK(fault(replaced(good, "\"file\"", "\"" + std::string(kind) + "\"")) == "type");
  for (const char* mode : {"\"644\"", "\"0648\"", "644", "\"00644\"", "\"-644\""})
    CHECK(fault(replaced(good, "\"0644\"", mode)) == "mode");
  for (const char* uid : {"-1", "4294967296", "1.5", "\"1\"", "null", "[]"})
    CHECK(fault(replaced(good, "\"uid\":1", "\"uid\":" + std::string(uid))) == "uid");
  CHECK(fault(replaced(good, "\"mtime\":-5", "\"mtime\":99999999999999999999")) == "mtime");
  CHECK(fault(replaced(good, "\"mtime_ns\":7", "\"mtime_ns\":1000000000")) == "mtime_ns");
  CHECK(fault(replaced(good, "\"size\":3", "\"size\":-3")) == "size");
  CHECK(fault(replaced(good, "\"size\":3,", "")) == "size");
  CHECK(fault(replaced(good, "\"file\"", "\"dir\"")) == "size");
  CHECK(fault(replaced(good, hash, std::string(63, 'a'))) == "sha256");
  CHECK(fault(replaced(good, hash, std::string(64, 'A'))) == "sha256");
  CHECK(fault(replaced(good, "\"size\":3", "\"size\":3,\"hardlink\":\"c\"")) == "sha256");
  const std::string linked = replaced(good, ",\"sha256\":\"" + hash + "\"", ",\"hardlink\":\"c\"");
  CHECK(fault(linked).empty());
  for (const char* link : {"../c", "/c", ".", ""})
    CHECK(fault(replaced(linked, "\"c\"", "\"" + std::string(link) + "\"")) == "hardlink");
  CHECK(fault(replaced(good, "\"size\":3", "\"size\":3,\"link\":\"c\"")) == "link");
  const auto with = [&](const std::string& more) { return fault(replaced(good, "\"size\":3", "\"size\":3," + more)); };
  CHECK(with(R"("xattrs":{"user.a":"dg=="})").empty());
  for (const char* xattrs : {R"({"system.posix_acl_access":"AA=="})", R"({"trusted.a":"AA=="})", R"({"user.a":1})",
                             R"({"user.a":"?"})", R"({"name_b64:?":"AA=="})", R"({"name_b64:dHJ1c3RlZC5h":"AA=="})", "[]", "1"})
    CHECK(with("\"xattrs\":" + std::string(xattrs)) == "xattrs");
  CHECK(with(R"("acl":"user::rw-,other::---")").empty());
  for (const char* acl : {"", "user::rw", "user::rwz", "user::-w-r", "owner::rwx", "user::rwx,", "group:x:r--", "user:01:r--",
                          "user:4294967296:r--", "mask:1:r--", "user::wr-"})
    CHECK(with("\"acl\":\"" + std::string(acl) + "\"") == "acl");
  CHECK(with("\"sparse\":1") == "sparse");
  for (std::size_t size = 0; size < good.size(); ++size) CHECK(!parse_list_line(good.substr(0, size)));
  CHECK(!parse_list_line("[" + good + "]"));
  CHECK(!parse_list_line(good + good));
  CHECK(!parse_list_line(std::string(100000, '[')));
}
