#include "gate/source/tar_writer.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <cerrno>
#include <type_traits>

#include "gate/source/name_text.h"
#include "gate/source/posix_acl.h"

namespace backupctl::archive {
namespace {

/// Zeros that cost neither memory nor room in the program: pages that are never touched. libarchive wants a buffer for a hole
/// though it never reads it; a large one, so that an absurd hole (X5) does not take hours.
std::span<const char> zeros() {
  static char none[std::size_t{64} << 20];
  return none;
}

int permset(std::uint16_t permissions) {
  return ((permissions & 4U) != 0 ? ARCHIVE_ENTRY_ACL_READ : 0) | ((permissions & 2U) != 0 ? ARCHIVE_ENTRY_ACL_WRITE : 0) |
         ((permissions & 1U) != 0 ? ARCHIVE_ENTRY_ACL_EXECUTE : 0);
}

int acl_tag(AclEntry::Tag tag) {
  switch (tag) {
    case AclEntry::Tag::user_obj:
      return ARCHIVE_ENTRY_ACL_USER_OBJ;
    case AclEntry::Tag::user:
      return ARCHIVE_ENTRY_ACL_USER;
    case AclEntry::Tag::group_obj:
      return ARCHIVE_ENTRY_ACL_GROUP_OBJ;
    case AclEntry::Tag::group:
      return ARCHIVE_ENTRY_ACL_GROUP;
    case AclEntry::Tag::mask:
      return ARCHIVE_ENTRY_ACL_MASK;
    case AclEntry::Tag::other:
      return ARCHIVE_ENTRY_ACL_OTHER;
  }
  return 0;
}

void add_acl(archive_entry* entry, int type, const std::string& xattr) {
  const auto entries = parse_acl(xattr);
  if (!entries) return;
  for (const AclEntry& e : *entries) {
    const bool named = e.tag == AclEntry::Tag::user || e.tag == AclEntry::Tag::group;
    archive_entry_acl_add_entry(entry, type, permset(e.permissions), acl_tag(e.tag), named ? static_cast<int>(e.id) : -1,
                                nullptr);
  }
}

void describe(const Member& member, archive_entry* entry) {
  archive_entry_clear(entry);
  std::string path = member_root;
  if (!member.path.empty()) path += "/" + member.path;
  archive_entry_copy_pathname(entry, path.c_str());
  archive_entry_set_mode(entry, member.st.st_mode);
  archive_entry_set_uid(entry, member.st.st_uid);
  archive_entry_set_gid(entry, member.st.st_gid);
  archive_entry_set_mtime(entry, member.st.st_mtim.tv_sec, member.st.st_mtim.tv_nsec);
  archive_entry_set_size(entry, 0);
  if (!member.hardlink.empty()) {
    archive_entry_copy_hardlink(entry, (std::string(member_root) + "/" + member.hardlink).c_str());
    return;
  }
  if (!member.symlink.empty()) archive_entry_copy_symlink(entry, member.symlink.c_str());
  if (S_ISREG(member.st.st_mode)) archive_entry_set_size(entry, member.st.st_size);
  for (const Xattr& xattr : member.attributes.xattrs)
    archive_entry_xattr_add_entry(entry, xattr.name.c_str(), xattr.value.data(), xattr.value.size());
  add_acl(entry, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, member.attributes.acl_access);
  add_acl(entry, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, member.attributes.acl_default);
  if (!member.sparse) return;
  for (const Extent& extent : member.extents) archive_entry_sparse_add_entry(entry, extent.offset, extent.length);
  if (member.extents.empty()) archive_entry_sparse_add_entry(entry, member.st.st_size, 0);  // nothing but a hole
}

}  // namespace

void TarWriter::Free::operator()(::archive* a) const { archive_write_free(a); }
void TarWriter::Free::operator()(archive_entry* e) const { archive_entry_free(e); }

Result<std::unique_ptr<TarWriter>> TarWriter::open(BlockPipe& pipe) {
  std::unique_ptr<TarWriter> writer(new TarWriter(pipe));
  writer->entry_.reset(archive_entry_new());
  auto plain = writer->make("pax:xattrheader=SCHILY");
  if (!plain) return pass(plain.error());
  auto binary = writer->make("pax:xattrheader=SCHILY,pax:hdrcharset=BINARY");
  if (!binary) return pass(binary.error());
  writer->plain_ = std::move(*plain);
  writer->binary_ = std::move(*binary);
  return writer;
}

TarWriter::~TarWriter() { closed_ = true; }

Result<TarWriter::Handle> TarWriter::make(const char* options) {
  static_assert(std::is_same_v<la_ssize_t, long> && sizeof(size_t) == sizeof(unsigned long));
  Handle a(archive_write_new());
  if (a == nullptr) return fail(Exit::unavailable, "there is not enough memory to write an archive");
  // No blocking: headers and content reach put() as they are, without a copy.
  if (archive_write_set_format_pax(a.get()) != ARCHIVE_OK || archive_write_set_options(a.get(), options) != ARCHIVE_OK ||
      archive_write_set_bytes_per_block(a.get(), 0) != ARCHIVE_OK ||
      archive_write_open(a.get(), this, nullptr, put, nullptr) != ARCHIVE_OK)
    return fail(Exit::bug, "libarchive cannot write this format: {}", archive_error_string(a.get()));
  return a;
}

long TarWriter::put(::archive* a, void* self, const void* bytes, unsigned long size) {
  auto& writer = *static_cast<TarWriter*>(self);
  if (writer.closed_) return static_cast<long>(size);
  const auto* data = static_cast<const char*>(bytes);
  const std::span<char> space = writer.pipe_.space();
  const bool good = data == space.data() ? writer.pipe_.commit(size) : writer.pipe_.write({data, size});
  if (good) return static_cast<long>(size);
  archive_set_error(a, EIO, "the output failed");
  return -1;
}

Result<> TarWriter::check(long code, ::archive* a, const char* what) {
  if (code >= 0) return {};
  if (auto output = pipe_.check(); !output) return output;
  return fail(Exit::bug, "{}: {}", what, archive_error_string(a));
}

Result<> TarWriter::begin(const Member& member) {
  describe(member, entry_.get());
  const auto stable = [](std::string_view name) { return classify(name) == NameText::stable; };
  const bool plain = stable(member.path) && stable(member.symlink) && stable(member.hardlink);
  current_ = (plain ? plain_ : binary_).get();
  const int code = archive_write_header(current_, entry_.get());
  // A warning says that a name was stored as BINARY after all (no UTF-8 locale): as good.
  return check(code == ARCHIVE_WARN ? 0 : code, current_, "cannot write a header of the archive");
}

Result<> TarWriter::content(std::span<const char> bytes) {
  while (!bytes.empty()) {
    const la_ssize_t n = archive_write_data(current_, bytes.data(), bytes.size());
    if (auto done = check(n, current_, "cannot write to the archive"); !done) return done;
    if (n == 0) return fail(Exit::bug, "the archive takes less of a file than its header says");
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

Result<> TarWriter::hole(std::int64_t size) {
  while (size > 0) {
    const std::size_t piece = std::min(static_cast<std::size_t>(size), zeros().size());
    if (auto done = content(zeros().first(piece)); !done) return done;
    size -= static_cast<std::int64_t>(piece);
  }
  return {};
}

Result<> TarWriter::end() {
  return check(archive_write_finish_entry(current_), current_, "cannot end a member of the archive");
}

Result<> TarWriter::finish() {
  auto done = check(archive_write_close(plain_.get()), plain_.get(), "cannot end the archive");
  closed_ = true;
  return done;
}

}  // namespace backupctl::archive
