#!/usr/bin/env python3
"""Builds the tree of everything that a backup tends to lose.   odd_tree.py DIRECTORY   (as root, on ext4, XFS or btrfs)"""
import os, socket, struct, subprocess, sys

root = sys.argv[1]
os.mkdir(root)
os.chdir(root)


def put(name, data=b"", mode=0o644):
    with open(name, "wb") as f:
        f.write(data)
    os.chmod(name, mode)


# Sizes at the edges of tar's records and of the compressors' blocks.
for size in (0, 1, 511, 512, 513, 4096, 2**20 - 512, 2**20, 2**20 + 1, 4 * 2**20):
    put("size-%d" % size, os.urandom(size // 2) + b"x" * (size - size // 2))

# Names of any bytes: a line break, no UTF-8, one letter composed and decomposed, 255 bytes, glob and shell characters.
os.mkdir("names")
for name in (b"new\nline", b"tab\t", b"\xff\xfe", b"caf\xc3\xa9", b"cafe\xcc\x81", "日本語".encode(), b"n" * 255, b"-rf", b"*?[]{}",
             b" ", b"back\\slash", b"\x01\x7f", b'quote"\'', b"\xed\xa0\x80", b"a=b"):
    put(b"names/" + name, name)
    os.symlink(name, b"names/" + name[:240] + b".link")

# Links of every kind.
os.mkdir("links")
put("links/first", b"shared")
for other in ("links/second", "size-third", b"links/\xe9t\xe9"):
    os.link("links/first", other)
os.symlink("/etc/shadow", "links/absolute")
os.symlink("nowhere", "links/dangling")
os.symlink("loop", "links/loop")
os.symlink("../../../etc/passwd", "links/out")
os.symlink("x" * 4095, "links/long")
os.link("links/dangling", "links/dangling-too", follow_symlinks=False)

# Holes: at the front, in the middle, at the end, nothing but.
os.mkdir("sparse")
for name, size, data in (("front", 3 << 20, [2 << 20]), ("middle", 3 << 20, [0, 2 << 20]), ("end", 9 << 20, [0]), ("hole", 5 << 20, []),
                         ("many", 64 << 20, range(0, 64 << 20, 1 << 20)), ("huge", 1 << 40, [1 << 39])):
    with open("sparse/" + name, "wb") as f:
        f.truncate(size)
        for at in data:
            f.seek(at)
            f.write(b"data" * 2048)

# Attributes, capabilities, lists.
os.mkdir("attributes")
for name in ("file", "caps", "caps3", "list", "many", "odd"):
    put("attributes/" + name, name.encode())
os.setxattr("attributes/file", "user.comment", b"a value")
os.setxattr("attributes/file", "user.empty", b"")
os.setxattr("attributes/file", "user.binary", bytes(range(256)) * 4)
os.setxattr("attributes/odd", "user.a=b %41 \u00e9", b"odd name")
for i in range(40):
    os.setxattr("attributes/many", "user.n%02d" % i, b"v" * i)
os.setxattr("attributes/caps", "security.capability", struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0))
os.setxattr("attributes/caps3", "security.capability", struct.pack("<IIIIII", 0x03000001, 1 << 10, 0, 0, 0, 100000))
os.setxattr("attributes", "user.directory", b"yes")
subprocess.run(["setfacl", "-m", "u:100001:rwx,g:200002:r-x,m::rx", "attributes/list"], check=True)
os.mkdir("inherit")
subprocess.run(["setfacl", "-m", "d:u:100001:rwx,d:g:50005:---,u:70007:r", "inherit"], check=True)
put("inherit/child", b"made under a default list")
subprocess.run(["setfacl", "-b", "inherit/child"], check=True)
os.mkdir("inherit/below")

# Owners, modes, times.
os.mkdir("owners")
for i, (uid, gid, mode) in enumerate(((1000, 1000, 0o600), (12345, 0, 0o4755), (0, 54321, 0o2755), (3000000, 2999999, 0o000),
                                      (4294967294, 4294967294, 0o1777), (7, 7, 0o6711))):
    put("owners/%d" % i, b"%d" % i)
    os.chown("owners/%d" % i, uid, gid)
    os.chmod("owners/%d" % i, mode)
os.lchown("links/absolute", 1234, 4321)
for name, seconds in (("old", -10**9), ("epoch", 0), ("late", 2**33), ("ns", 1700000000)):
    put("owners/" + name)
    os.utime("owners/" + name, ns=(0, seconds * 10**9 + 123456789))
os.utime("links/dangling", ns=(0, 10**18 + 1), follow_symlinks=False)

# Directories: empty, closed, set-gid, sticky; FIFO; socket and device, which no archive holds.
for name, mode in (("empty", 0o755), ("closed", 0o000), ("setgid", 0o2775), ("sticky", 0o1777)):
    os.mkdir(name)
    os.chmod(name, mode)
os.mkdir("special")
os.mkfifo("special/fifo", 0o620)
os.mknod("special/null", 0o20666, os.makedev(1, 3))
with socket.socket(socket.AF_UNIX) as s:
    s.bind("special/socket")

# Deeper than any descriptor limit and any PATH_MAX: 600 directories, a path of 12 kB.
os.mkdir("deep")
at = os.open("deep", os.O_RDONLY)
for i in range(600):
    name = "level-%03d-%s" % (i, "d" * 10)
    os.mkdir(name, dir_fd=at)
    below = os.open(name, os.O_RDONLY, dir_fd=at)
    if i % 100 == 99:
        fd = os.open("file", os.O_WRONLY | os.O_CREAT, 0o640, dir_fd=below)
        os.write(fd, name.encode())
        os.close(fd)
        os.link("file", "linked", src_dir_fd=below, dst_dir_fd=below)
        os.symlink(name, "link", dir_fd=below)
        os.utime("file", ns=(0, 10**18 + i), dir_fd=below)
    os.utime(name, ns=(0, 10**18 + i), dir_fd=at)
    os.close(at)
    at = below
for name in ("empty", "links", "names", "special", "owners", "."):
    os.utime(name, ns=(0, 1600000000 * 10**9 + 987654321))
