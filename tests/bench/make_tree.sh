#!/bin/bash
# Builds a mixed tree of about 500 MB to measure archives with: libraries, headers and documentation of this machine, and
# generated files (many small ones, a log, a database-like file, what is compressed already). The same machine gives the same
# tree, and the same bytes, every time.   make_tree.sh DIRECTORY [MEGABYTES]
set -euo pipefail
out=${1:?usage: make_tree.sh DIRECTORY [MEGABYTES]}
budget=$((${2:-500} * 1000000))
[[ ! -e $out ]] || { echo "$out exists already" >&2; exit 1; }
mkdir -p "$out"

python3 - "$out" "$budget" <<'PY'
import os, random, shutil, sys
out, budget = sys.argv[1], int(sys.argv[2])
random.seed(1)

# Shares of the whole, in the proportions of a service's volume: binaries, text, documents; the rest is generated.
def copy(source, share, largest):
    left = int(budget * share)
    for base, dirs, files in os.walk(source):
        dirs.sort()
        for name in sorted(files):
            path = os.path.join(base, name)
            if os.path.islink(path) or not os.path.isfile(path) or not 0 < os.path.getsize(path) <= min(left, largest):
                continue
            target = os.path.join(out, path.lstrip("/"))
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copyfile(path, target)
            left -= os.path.getsize(path)

copy("/usr/lib", 0.62, 40_000_000)
copy("/usr/include", 0.14, 5_000_000)
copy("/usr/share/doc", 0.08, 5_000_000)

words = [bytes(random.choices(b"abcdefghijklmnopqrstuvwxyz", k=random.randint(2, 11))) for _ in range(6000)]
made = os.path.join(out, "made")
for i in range(3000):
    folder = os.path.join(made, "notes", "%02d" % (i % 60))
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "%04d.md" % i), "wb") as f:
        f.write(b" ".join(random.choices(words, k=random.randint(20, 900))) + b"\n")
with open(os.path.join(made, "service.log"), "wb") as f:
    for i in range(int(budget * 0.05) // 100):
        f.write(b"2025-06-%02d %02d:%02d:%02d INFO request %08x %s took %d ms\n" % (
            i // 40000 % 28 + 1, i // 3600 % 24, i // 60 % 60, i % 60, random.getrandbits(32), random.choice(words), random.randint(1, 900)))
with open(os.path.join(made, "data.db"), "wb") as f:
    for i in range(int(budget * 0.05) // 4096):
        row = b"".join(b"%08d|%s|%s;" % (random.randint(0, 10**7), random.choice(words), random.choice(words)) for _ in range(60))
        f.write(row[:3500].ljust(4096, b"\0"))
with open(os.path.join(made, "picture.jpg"), "wb") as f:
    f.write(random.randbytes(int(budget * 0.03)))
PY
find "$out" -exec touch --no-dereference --date='2025-01-01 00:00:00.123456789Z' {} +
du -sb --apparent-size "$out" | awk '{ printf "%d bytes", $1 }'
echo ", $(find "$out" -type f | wc -l) files in $out"
