#!/usr/bin/env python3
"""An OAuth token endpoint on loopback that does what OneDrive's does: each use of a refresh token gives a new one and makes the
old one void; a void one is refused with invalid_grant, and from then on so is every other (the owner is locked out).

    token_server.py PORT LOG FIRST_REFRESH_TOKEN [SECONDS_OF_VALIDITY [COPIES]]

LOG gets one line a request: `rotated N` or `refused`. Ends with SIGTERM.

With COPIES, the directory in which the clients' configurations lie (each in a folder of its own), a client may be killed between
the answer and its own save. Nothing can keep that token, so its predecessor stays good, as it does with those who issue such
tokens, until the new one has been seen in any file of COPIES: LOG has `saved N` then, and from there on the predecessor is void.
`repeated N` is the rotation of such a predecessor.
"""
import glob
import http.server
import json
import sys
import time
import urllib.parse

port, log, current = int(sys.argv[1]), sys.argv[2], sys.argv[3]
valid = int(sys.argv[4]) if len(sys.argv) > 4 else 3600
copies = sys.argv[5] if len(sys.argv) > 5 else None
state = {"refresh": current, "count": 0, "locked": False, "unsaved": None}


def note(line):
    with open(log, "a", encoding="ascii") as out:
        out.write(line + "\n")


def is_saved(token):
    """Whether a client wrote it within the time in which it does; a killed one never will."""
    wanted, until = b'"%s"' % token.encode(), time.monotonic() + 0.5
    while time.monotonic() < until:
        for name in glob.iglob(glob.escape(copies) + "/*/rclone.conf*"):
            try:
                with open(name, "rb") as file:
                    if wanted in file.read(65536):
                        return True
            except OSError:
                pass        # renamed meanwhile
    return False


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        length = min(int(self.headers.get("Content-Length", 0)), 65536)
        form = urllib.parse.parse_qs(self.rfile.read(length).decode())
        used = form.get("refresh_token", [""])[0]
        if state["locked"] or used not in (state["refresh"], state["unsaved"]):
            state["locked"] = True
            self.answer(400, {"error": "invalid_grant", "error_description": "the refresh token was used before"}, "refused")
            return
        word = "rotated" if used == state["refresh"] else "repeated"
        state["count"] += 1
        state["refresh"] = "refresh-%d" % state["count"]
        state["unsaved"] = used if copies else None
        self.answer(200, {"token_type": "Bearer", "access_token": "access-%d" % state["count"], "expires_in": valid,
                          "refresh_token": state["refresh"]}, "%s %d" % (word, state["count"]))
        if copies and is_saved(state["refresh"]):
            state["unsaved"] = None
            note("saved %d" % state["count"])

    def answer(self, status, body, line):
        note(line)
        data = json.dumps(body).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except OSError:
            pass        # the client is gone

    def log_message(self, *args):
        pass


http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
