#!/usr/bin/env python3
"""Sends every line of tests/attack/requests.txt to the gate, as sshd and sudo would hand it over, and checks of each one:
exit code, one line `backupctl: refused [CODE]: sentence` without what would have been accepted, and no file changed, made or
removed below the given roots but the journal. Prints a TAP line for each."""

import argparse
import os
import re
import subprocess
import sys

NOT_A_REQUEST = {"empty", "too-long", "charset", "syntax", "unknown-verb", "option-not-for-verb"}
ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|[tnr\\])")


def unescape(text):
    """The bytes of a request as the table spells them."""
    out, at = b"", 0
    for match in ESCAPE.finditer(text):
        out += text[at:match.start()].encode()
        word = match.group(1)
        out += bytes([int(word[1:], 16)]) if word[0] == "x" else {"t": b"\t", "n": b"\n", "r": b"\r", "\\": b"\\"}[word]
        at = match.end()
    return out + text[at:].encode()


def snapshot(roots, journal):
    """What any write, rename, chmod or unlink below the roots would change."""
    seen = {}
    for root in roots:
        for directory, names, files in os.walk(root):
            for path in [directory] + [os.path.join(directory, name) for name in names + files]:
                if path.startswith(journal):
                    continue
                status = os.lstat(path)
                # The journal's own directory changes its times with it.
                times = () if os.path.dirname(journal) == path else (status.st_mtime_ns, status.st_ctime_ns)
                seen[path] = (status.st_mode, status.st_uid, status.st_size, status.st_ino) + times
    return seen


def send(gate, request):
    environment = {b"PATH": b"/usr/bin:/bin"}
    if request is not None:
        environment[b"SSH_ORIGINAL_COMMAND"] = request
    return subprocess.run([gate, "--ssh-gate"], env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=20)


def faults(code, request, result):
    """What is wrong with the gate's answer, as sentences."""
    want = 64 if code in NOT_A_REQUEST else 77
    if result.returncode != want:
        yield f"ended {result.returncode}, not {want}"
    if result.stdout:
        yield f"wrote to standard output: {result.stdout[:80]!r}"
    if not re.fullmatch(rb"backupctl: refused \[%s\]: [\x20-\x7e]+\n" % code.encode(), result.stderr):
        yield f"standard error: {result.stderr[:300]!r}"
    for accepted in (b"/media/ssd", b"OdroidBackup"):
        if accepted in result.stderr and accepted not in (request or b""):
            yield f"tells what would have been accepted: {accepted.decode()}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--gate", required=True)
    parser.add_argument("--table", required=True)
    parser.add_argument("--journal", required=True, help="prefix of the paths that may change")
    parser.add_argument("roots", nargs="+")
    options = parser.parse_args()

    cases = [("empty", None, "unset variable")]
    with open(options.table, encoding="utf-8", newline="\n") as table:
        for number, line in enumerate(table, 1):
            line = line.rstrip("\n")
            if not line or line.startswith("#"):
                continue
            code, _, text = line.partition("\t")
            request = unescape(text)
            if b"\0" not in request:      # no environment can carry it; the unit tests of the parser have these
                cases.append((code, request, f"line {number}: {text[:60]}"))

    before = snapshot(options.roots, options.journal)
    control = os.path.join(options.roots[0], ".control")
    with open(control, "w"):
        pass
    seen = snapshot(options.roots, options.journal) != before
    os.unlink(control)
    print(f"{'ok' if seen else 'not ok'} 1 - control: a file made below {options.roots[0]} would be seen")

    before = snapshot(options.roots, options.journal)
    failed = not seen
    for number, (code, request, title) in enumerate(cases, 2):
        result = send(options.gate, request)
        wrong = list(faults(code, request, result))
        after = snapshot(options.roots, options.journal)
        if after != before:
            wrong.append("left a trace: " + ", ".join(sorted({p for p, _ in set(before.items()) ^ set(after.items())})[:5]))
            before = after
        print(f"{'not ok' if wrong else 'ok'} {number} - refused [{code}] without a trace: {title.replace('#', chr(92) + '#')}")
        for sentence in wrong:
            print(f"#   {sentence}")
        failed = failed or bool(wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
