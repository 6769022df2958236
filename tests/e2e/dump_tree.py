#!/usr/bin/env python3
"""Prints everything that Python can see of a tree, one line an inode name: content, owner, mode, time, links, attributes. Goes by
descriptors, so that no path is too long.   dump_tree.py DIRECTORY"""
import hashlib, os, stat, sys

seen = {}


def attributes(path):
    return sorted((n, os.getxattr(path, n, follow_symlinks=False).hex()) for n in os.listxattr(path, follow_symlinks=False)
                  if not n.startswith("trusted."))


def dump(fd, path, out):
    for name in sorted(os.listdir(fd), key=os.fsencode):
        st = os.stat(name, dir_fd=fd, follow_symlinks=False)
        os.fchdir(fd)
        line = [repr(os.fsencode(path + name)), oct(st.st_mode), st.st_uid, st.st_gid, st.st_mtime_ns, attributes(name)]
        if stat.S_ISSOCK(st.st_mode) or stat.S_ISCHR(st.st_mode):
            continue
        if not stat.S_ISDIR(st.st_mode):
            line += [st.st_nlink, seen.setdefault(st.st_ino, path + name)]
        if stat.S_ISREG(st.st_mode):
            line.append(st.st_size)
            if st.st_size < 1 << 30:
                with open(os.open(name, os.O_RDONLY, dir_fd=fd), "rb") as f:
                    line.append(hashlib.file_digest(f, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else hashlib.sha256(f.read()).hexdigest())
            line.append("holes" if st.st_blocks * 512 < st.st_size else "dense")
        if stat.S_ISLNK(st.st_mode):
            line.append(os.readlink(name, dir_fd=fd))
        out.write(ascii(line) + "\n")
        if stat.S_ISDIR(st.st_mode):
            below = os.open(name, os.O_RDONLY, dir_fd=fd)
            dump(below, path + name + "/", out)
            os.close(below)


sys.setrecursionlimit(20000)
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
dump(os.open(sys.argv[1], os.O_RDONLY), "", sys.stdout)
