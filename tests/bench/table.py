#!/usr/bin/env python3
"""Medians and ratios of the figures that run.sh collected: NAME<TAB>bytes<TAB>JSON of measure.py, one line a run."""

import json
import statistics
import sys


def to_spool(run):
    """When the step after the packing began: that is when the archive lay in the spool, closed and hashed."""
    words = ("upload", "ship", "send", "transfer", "copy")
    return next((at for at, text in run["steps"] if any(word in text.lower() for word in words)), None)


def main():
    runs = {}
    with open(sys.argv[1]) as figures:
        for line in figures:
            name, size, text = line.rstrip("\n").split("\t")
            runs.setdefault(name, []).append(dict(json.loads(text), bytes=int(size or 0)))

    def median(name, value):
        values = [value(run) for run in runs.get(name, [])]
        return statistics.median(values) if values and None not in values else None

    print(f"  {'':24} {'seconds':>9} {'bytes':>12} {'together':>9} {'largest':>9}   (memory: all processes but rclone; the largest one)")
    for name, list_of_runs in runs.items():
        bad = [run["status"] for run in list_of_runs if run["status"] != 0]
        print(f"  {name:24} {median(name, lambda r: r['seconds']):9.2f} {median(name, lambda r: r['bytes']):12.0f} "
              f"{median(name, lambda r: r['together']) / 1e6:6.1f} MB {median(name, lambda r: r['largest']) / 1e6:6.1f} MB"
              + (f"   ended {bad}" if bad else ""))
    print("\n  Ratios of medians to the pipe               measured   target")

    def ratio(title, upper, lower, target):
        shown = f"{upper / lower:8.2f}" if upper and lower else "       -"
        print(f"  {title:42} {shown}   {target}")

    pipe, remote = (median(name, lambda r: r["seconds"]) for name in ("pipe to disk", "pipe to webdav"))
    size = median("pipe to disk", lambda r: r["bytes"])
    for name, speed, room, whole in (("gate tar.gz", "5 or more", "1.01 or less", "4 or more"),
                                     ("gate tar.zst", "8 or more", "0.93 or less", "5 or more")):
        ratio(f"{name} to the spool: times as fast", pipe, median(name, to_spool), speed)
        ratio(f"{name}: size", median(name, lambda r: r["bytes"]), size, room)
        ratio(f"{name} to webdav, verified: times as fast", remote, median(name, lambda r: r["seconds"]), whole)
        peak = median(name, lambda r: r["together"])
        print(f"  {name + ': peak memory':42} {peak / 1e6 if peak else 0:5.1f} MB   128 MB or less")


main()
