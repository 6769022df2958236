#include "gate/restore/apply_member.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "gate/source/posix_acl.h"

namespace backupctl::archive {
namespace {

void lost(Reporter& reporter, const Member& member, std::string_view what, int code) {
  reporter.not_read(NotRead::unreadable, member.path, fmt::format("{} cannot be restored: {}", what, errno_text(code)));
}

}  // namespace

void apply_member(const AttributeSource& target, const Member& member, Reporter& reporter) {
  const auto& st = member.st;
  const bool open = target.fd >= 0;
  if ((open ? ::fchown(target.fd, st.st_uid, st.st_gid)
            : ::fchownat(target.dir, target.name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW)) != 0)
    lost(reporter, member, fmt::format("the owner {}:{}", st.st_uid, st.st_gid), errno);
  if (open && ::fchmod(target.fd, st.st_mode & 07777U) != 0) lost(reporter, member, "the mode", errno);
  for (const Xattr& xattr : member.attributes.xattrs)
    if (const int code = set_attribute(target, xattr.name.c_str(), xattr.value); code != 0)
      lost(reporter, member, "the attribute " + xattr.name, code);
  if (member.attributes.acl_access.empty()) return;
  if (const int code = set_attribute(target, acl_access_xattr, member.attributes.acl_access); code != 0)
    lost(reporter, member, "the access list", code);
}

void drop_attributes(int dir) {
  std::vector<std::string> unreadable;  // what cannot be read is not set by us either
  const Attributes old = read_attributes({dir, -1, nullptr}, unreadable);
  for (const Xattr& xattr : old.xattrs) ::fremovexattr(dir, xattr.name.c_str());
  if (!old.acl_access.empty()) ::fremovexattr(dir, acl_access_xattr);
}

void apply_time(const AttributeSource& target, const Member& member, Reporter& reporter) {
  const std::array<timespec, 2> times{timespec{0, UTIME_OMIT}, member.st.st_mtim};
  if ((target.fd >= 0 ? ::futimens(target.fd, times.data())
                      : ::utimensat(target.dir, target.name, times.data(), AT_SYMLINK_NOFOLLOW)) != 0)
    lost(reporter, member, "the time", errno);
}

}  // namespace backupctl::archive
