#include "gate/step/restore_ground.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "common/escape.h"
#include "common/io.h"
#include "gate/snapshot/btrfs.h"
#include "gate/state/staging.h"
#include "gate/step/tree.h"
#include "policy/in_tree_staging.h"

namespace backupctl::step {
namespace {

/// What statx(2) says of an opened directory.
struct Where {
  std::uint64_t mount = 0;
  std::uint64_t device = 0;
  bool is_mount_point = false;
};

Result<Where> where(int fd, const std::string& path) {
  struct statx st {};
  if (::statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_MNT_ID, &st) != 0 || (st.stx_mask & STATX_MNT_ID) == 0)
    return fail_errno(Exit::bad_config, errno, "cannot tell on which file system {} lies; nothing was done", path);
  return Where{st.stx_mnt_id, (std::uint64_t{st.stx_dev_major} << 32) | st.stx_dev_minor,
               (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0};
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

/// Nothing where there is no tree: after the loss of a disk one is restored to where it was.
Result<std::optional<Where>> where_is_tree(const std::string& path) {
  const UniqueFd tree = open_no_symlinks(path, O_RDONLY | O_DIRECTORY);
  if (!tree && errno == ENOENT) return std::optional<Where>{};
  if (!tree) return fail_errno(Exit::bad_config, errno, "cannot open the tree {}; nothing was done", path);
  auto found = where(tree.get(), path);
  if (!found) return pass(found.error());
  // A subvolume stays one: a directory in its place could not be snapshotted, and an old subvolume is not removed like a tree.
  found->is_mount_point = found->is_mount_point || snapshot::is_subvolume(tree.get());
  return std::optional(*found);
}

}  // namespace

std::string Ground::stage_of(const StagedTree& of) {
  const auto tree = where_is_tree(of.path);
  const bool mount = tree && tree->has_value() && (*tree)->is_mount_point;
  return mount ? fmt::format("{}/{}", of.path, policy::in_tree_staging) : of.staging + "/restore";
}

Result<Ground> Ground::open(const StagedTree& of, const std::string& service, bool only) {
  const auto tree = where_is_tree(of.path);
  if (!tree) return pass(tree.error());
  if (only && !tree->has_value())
    return fail(Exit::bad_config,
                "the tree {} is not there, so single paths cannot be put into it; restore all of it; nothing was done",
                of.path);
  if (const auto mounts = mounts_beneath(of.path); !mounts.empty())
    return fail(Exit::unavailable,
                "{} is a mount point inside the tree, and would be moved away with the old files; unmount it, or restore with "
                "--to; nothing was done",
                escape_line(mounts.front(), 512));
  Ground ground{.path = of.path, .base = only ? of.path : parent_of(of.path), .stage = stage_of(of)};
  ground.mount = tree->has_value() && (*tree)->is_mount_point;
  if (ground.mount) ground.base = of.path;
  const UniqueFd base = open_no_symlinks(ground.base, O_RDONLY | O_DIRECTORY);
  if (!base) return fail_errno(Exit::bad_config, errno, "cannot open {}; nothing was done", ground.base);
  auto stage = ground.mount ? state::open_private_folder(base.get(), std::string(policy::in_tree_staging), ground.stage)
                            : state::open_staging(of.staging, "restore");
  if (!stage) return pass(stage.error());
  ground.stage_fd = std::move(*stage);
  const auto here = where(base.get(), ground.base);
  const auto there = where(ground.stage_fd.get(), ground.stage);
  if (!here || !there) return pass(here ? there.error() : here.error());
  if (here->device != there->device || here->mount != there->mount)
    return fail(Exit::bad_config,
                "the staging directory {} lies on another file system or mount than {}, so that the trees cannot be exchanged "
                "in one step; set "
                "service.{}.staging "
                "in the policy to a directory on the same one, or restore with --to; nothing was done",
                ground.stage, ground.base, service);
  return ground;
}

Result<std::vector<state::Exchange::Slot>> slots_of(const Ground& ground, const std::vector<std::string>& only) {
  std::vector<state::Exchange::Slot> slots;
  if (!open_beneath(ground.stage_fd.get(), "data", O_RDONLY | O_DIRECTORY))
    return fail(Exit::bad_data, "the backup holds no directory \"data\", so it is not of a tree; nothing was exchanged");
  if (only.empty() && !ground.mount) slots.push_back({name_of(ground.path), "data"});
  const UniqueFd tree = open_no_symlinks(ground.path, O_RDONLY | O_DIRECTORY);
  for (const std::string& path : only) {
    std::string place = path;
    for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
      const UniqueFd above = open_beneath(tree.get(), path.substr(0, slash), O_RDONLY | O_DIRECTORY);
      if (above) continue;
      if (errno != ENOENT)
        return fail_errno(Exit::unavailable, errno,
                          "{} in the tree is no directory, so {} cannot be put back beneath it; nothing was exchanged",
                          escape_line(path.substr(0, slash), 512), escape_line(path, 512));
      place = path.substr(0, slash);
      break;
    }
    if (std::none_of(slots.begin(), slots.end(), [&](const auto& slot) { return slot.place == place; }))
      slots.push_back({place, "data/" + place});
  }
  return slots;
}

}  // namespace backupctl::step
