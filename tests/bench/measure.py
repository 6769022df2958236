#!/usr/bin/env python3
"""Runs one command and prints what it took, as one line of JSON: seconds, exit status, the most memory that its processes held
together (rclone apart) and that its largest process held, in bytes, and, when the command prints JSON lines, the seconds at which
each step began.
usage: measure.py COMMAND…"""

import json
import os
import resource
import subprocess
import sys
import threading
import time

PAGE = os.sysconf("SC_PAGE_SIZE")


def descendants(root):
    """The command's processes: (pid, name)."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as stat:
                    text = stat.read()
            except OSError:
                continue
            name = text[text.index("(") + 1:text.rindex(")")]
            children.setdefault(int(text[text.rindex(")") + 2:].split()[1]), []).append((int(entry), name))
    found, todo = [], [(root, "")]
    while todo:
        process = todo.pop()
        found.append(process)
        todo += children.get(process[0], [])
    return found


def memory(pid):
    """Private memory and this process's share of what it has in common with others."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as rollup:
            return next(int(line.split()[1]) * 1024 for line in rollup if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return 0


class Sampler(threading.Thread):
    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.peak, self.done = pid, 0, threading.Event()

    def run(self):
        while not self.done.wait(0.1):
            self.peak = max(self.peak, sum(memory(pid) for pid, name in descendants(self.pid) if name != "rclone"))


def main():
    steps = []
    begin = time.monotonic()
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    sampler = Sampler(child.pid)
    sampler.start()
    for line in child.stdout:
        if line.startswith(b"{"):
            event = json.loads(line)
            if event.get("type") == "step":
                steps.append((round(time.monotonic() - begin, 3), event.get("text", "")))
    status = child.wait()
    seconds = time.monotonic() - begin
    sampler.done.set()
    sampler.join()
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    print(json.dumps({"seconds": round(seconds, 3), "status": status, "together": sampler.peak, "largest": largest, "steps": steps}))


main()
