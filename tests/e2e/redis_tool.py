#!/usr/bin/env python3
"""What the tests do to a Redis server, and say of it: redis_tool.py PORT fill|digest|write SECONDS|hold SECONDS|count

fill puts one key of every kind into several databases, some of which expire. digest prints a line a key: what it is, what it
holds, when it expires to the millisecond; and the functions. write changes keys all the time, and prints how often. The admin's
password is REDIS_ADMIN's.
"""
import hashlib
import os
import socket
import sys
import time


class Redis:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 30)
        self.file = self.socket.makefile("rb")
        if os.environ.get("REDIS_ADMIN"):
            self.do("AUTH", os.environ["REDIS_ADMIN"])

    def send(self, *words):
        words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))

    def reply(self):
        line = self.file.readline()
        if not line:
            raise OSError("the server hung up")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return None if rest == b"-1" else [self.reply() for _ in range(int(rest))]
        return rest

    def do(self, *words):
        self.send(*words)
        return self.reply()


def fill(redis):
    redis.do("SELECT", 0)
    redis.do("SET", "string", "a value")
    redis.do("SET", b"binary \x00\r\n\xff key", bytes(range(256)))
    redis.do("SET", "", "the empty name")
    redis.do("SET", "number", 12345)
    redis.do("SET", "large", os.urandom(20_000_000))
    redis.do("RPUSH", "list", *range(500))
    redis.do("RPUSH", "large list", *["x" * 300 for _ in range(2000)])
    redis.do("HSET", "hash", *[w for i in range(1000) for w in ("field %d" % i, "value %d" % i)])
    redis.do("SADD", "set", *["member %d" % i for i in range(1000)])
    redis.do("SADD", "numbers", *range(100))
    redis.do("ZADD", "sorted", *[w for i in range(1000) for w in (i / 7, "member %d" % i)])
    redis.do("ZADD", "infinite", "-inf", "least", "+inf", "most")
    redis.do("GEOADD", "places", 13.361389, 38.115556, "Palermo")
    redis.do("PFADD", "many", *range(1000))
    redis.do("SETBIT", "bits", 100_000, 1)
    for i in range(50):
        redis.do("XADD", "stream", "%d-1" % (i + 1), "field", i)
    redis.do("XDEL", "stream", "7-1")
    redis.do("XGROUP", "CREATE", "stream", "group", 0)
    redis.do("XREADGROUP", "GROUP", "group", "consumer", "COUNT", 10, "STREAMS", "stream", ">")
    redis.do("XADD", "emptied", "5-1", "a", "b")
    redis.do("XTRIM", "emptied", "MAXLEN", 0)
    redis.do("FUNCTION", "LOAD", "REPLACE", "#!lua name=library\nredis.register_function('one', function() return 1 end)")
    for database in (1, 7, 15):
        redis.do("SELECT", database)
        for i in range(300):
            redis.do("SET", "key %d" % i, "%d in %d" % (i, database))
            if i % 3 == 0:
                redis.do("PEXPIRE", "key %d" % i, 3_600_000 + i)


def flat(value):
    """Without the times at which a consumer was seen: a dump does not hold all of them."""
    if isinstance(value, list):
        named = len(value) % 2 == 0 and value[::2] and all(isinstance(v, bytes) for v in value[::2])
        if named and b"seen-time" in value[::2]:
            return [flat(v) for k, v in zip(value[::2], value[1::2]) if k not in (b"seen-time", b"active-time")]
        if named and b"radix-tree-keys" in value[::2]:  # how it lies in memory
            return [flat(v) for k, v in zip(value[::2], value[1::2]) if not k.startswith(b"radix-tree")]
        if len(value) == 4 and isinstance(value[2], int) and isinstance(value[3], int) and value[3] < 10:
            return [value[0], value[1], value[3]]  # a pending entry, without its time
        return [flat(v) for v in value]
    return value


def digest(redis):
    for database in range(16):
        redis.do("SELECT", database)
        lines, cursor = [], b"0"
        while True:
            cursor, keys = redis.do("SCAN", cursor, "COUNT", 1000)
            for key in keys:
                kind = redis.do("TYPE", key)
                what = redis.do("DEBUG", "DIGEST-VALUE", key)[0].decode()
                if kind == b"stream":
                    what += hashlib.sha256(repr(flat(redis.do("XINFO", "STREAM", key, "FULL", "COUNT", 0))).encode()).hexdigest()
                lines.append("%d %r %s %s %d" % (database, key, kind.decode(), what, redis.do("PEXPIRETIME", key)))
            if cursor == b"0":
                break
        print("\n".join(sorted(set(lines))))
    print(redis.do("FUNCTION", "LIST", "WITHCODE"))


def write(redis, seconds):
    count, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        redis.do("SELECT", count % 2 * 3)
        redis.do("SET", "written %d" % (count % 5000), "x" * (count % 1000))
        redis.do("RPUSH", "written", count)
        redis.do("LTRIM", "written", -100, -1)
        count += 1
    print(count)


if __name__ == "__main__":
    connection = Redis(int(sys.argv[1]))
    verb = sys.argv[2]
    if verb == "hold":
        print("connected", flush=True)
        time.sleep(int(sys.argv[3]))
    elif verb == "write":
        write(connection, int(sys.argv[3]))
    elif verb == "count":
        found = connection.do("INFO", "keyspace").decode()
        print(sum(int(line.split("keys=")[1].split(",")[0]) for line in found.split() if "keys=" in line))
    else:
        {"fill": fill, "digest": digest}[verb](connection)
