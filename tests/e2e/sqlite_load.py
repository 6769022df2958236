#!/usr/bin/env python3
"""A database under load, and what a copy of it must hold.

    sqlite_load.py write FILE JOURNAL-MODE PROGRESS   a thousand transactions a second until it is ended; PROGRESS has how many are committed
    sqlite_load.py check FILE AT-LEAST                the copy is whole and holds a prefix: all transactions up to one, no less than AT-LEAST
    sqlite_load.py odd FILE                           a good one with all that a schema may have: checking evaluates its expressions
    sqlite_load.py slow FILE, long FILE               one that was made to keep whoever checks it busy for some minutes; one whose values are long
"""

import os
import signal
import sqlite3
import sys
import time


def write(path, mode, progress):
    db = sqlite3.connect(path, isolation_level=None, timeout=60)
    db.execute(f"PRAGMA journal_mode={mode}")
    db.execute("PRAGMA synchronous=OFF")
    db.execute("CREATE TABLE IF NOT EXISTS step (n INTEGER PRIMARY KEY, filling BLOB)")
    db.execute("CREATE TABLE IF NOT EXISTS total (steps INTEGER, double INTEGER)")
    if db.execute("SELECT count(*) FROM total").fetchone()[0] == 0:
        db.execute("INSERT INTO total VALUES (0, 0)")
    n = db.execute("SELECT steps FROM total").fetchone()[0]
    told = os.open(progress, os.O_WRONLY | os.O_CREAT, 0o644)
    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    begun, first = time.monotonic(), n
    while not ended:
        n += 1
        db.execute("BEGIN IMMEDIATE")
        db.execute("INSERT INTO step VALUES (?, ?)", (n, os.urandom(100)))
        db.execute("UPDATE total SET steps = ?, double = ?", (n, 2 * n))
        db.execute("COMMIT")
        os.pwrite(told, b"%012d" % n, 0)
        ahead = begun + (n - first) / 1000 - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
    print(f"{(n - first) / (time.monotonic() - begun):.0f} transactions a second")


def odd(path):
    db = sqlite3.connect(path, isolation_level=None)
    columns = ", ".join(f"c{i}" for i in range(1999))
    for words in (
        "CREATE TABLE blob (b BLOB, t TEXT CHECK (length(t) > 0))",
        "INSERT INTO blob VALUES (zeroblob(50000000), 'x')",
        f"CREATE TABLE wide ({columns})",
        "INSERT INTO wide (c1998) VALUES (1)",
        "CREATE TABLE json (j CHECK (json_valid(j) AND j NOT LIKE '%nothing%'))",
        "CREATE INDEX of_json ON json (json_extract(j, '$.a'))",
        "CREATE INDEX some_json ON json (lower(j)) WHERE j GLOB '*a*'",
        """INSERT INTO json VALUES ('{"a": 1}')""",
        "CREATE VIRTUAL TABLE words USING fts5(x)",
        "INSERT INTO words VALUES ('one and another')",
        "CREATE VIRTUAL TABLE place USING rtree(id, a, b)",
        "CREATE TABLE made (a, b GENERATED ALWAYS AS (a || 'x') STORED, c AS (upper(a)) UNIQUE)",
        "INSERT INTO made (a) VALUES ('q')",
        "CREATE TRIGGER after AFTER INSERT ON made BEGIN DELETE FROM json; END",
        "CREATE VIEW both AS SELECT * FROM made JOIN words",
    ):
        db.execute(words)


def hostile(path, length):
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA ignore_check_constraints=1")
    db.execute(f"CREATE TABLE t (a, CHECK (length(hex(zeroblob({length} + a % 2))) > 0))")
    db.execute("WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 50000) INSERT INTO t SELECT n FROM s")


def check(path, at_least):
    for ending in ("-wal", "-shm", "-journal"):
        if os.path.exists(path + ending):
            sys.exit(f"{path}{ending} lies beside the copy")
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    verdict = db.execute("PRAGMA integrity_check").fetchone()[0]
    count, last = db.execute("SELECT count(*), max(n) FROM step").fetchone()
    steps, double = db.execute("SELECT steps, double FROM total").fetchone()
    if verdict != "ok" or not count == last == steps == double // 2 or steps < at_least:
        sys.exit(f"{verdict}: {count} rows up to {last}, {steps} told and {double / 2}, at least {at_least} wanted")
    if db.execute("PRAGMA journal_mode").fetchone()[0] != "delete":
        sys.exit("the copy is in WAL mode")


if sys.argv[1] == "write":
    write(*sys.argv[2:])
elif sys.argv[1] == "odd":
    odd(sys.argv[2])
elif sys.argv[1] in ("slow", "long"):
    hostile(sys.argv[2], 1_000_000 if sys.argv[1] == "slow" else 900_000_000)
else:
    check(sys.argv[2], int(sys.argv[3]))
