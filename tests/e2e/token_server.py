#!/usr/bin/env python3
"""An OAuth token endpoint on loopback that does what OneDrive's does: each use of a refresh token gives a new one and makes the
old one void; a void one is refused with invalid_grant, and from then on so is every other (the owner is locked out).

    token_server.py PORT LOG FIRST_REFRESH_TOKEN [SECONDS_OF_VALIDITY]

LOG gets one line a request: `rotated N` or `refused`. Ends with SIGTERM.
"""
import http.server
import json
import sys
import urllib.parse

port, log, current = int(sys.argv[1]), sys.argv[2], sys.argv[3]
valid = int(sys.argv[4]) if len(sys.argv) > 4 else 3600
state = {"refresh": current, "count": 0, "locked": False}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        length = min(int(self.headers.get("Content-Length", 0)), 65536)
        form = urllib.parse.parse_qs(self.rfile.read(length).decode())
        if state["locked"] or form.get("refresh_token") != [state["refresh"]]:
            state["locked"] = True
            self.answer(400, {"error": "invalid_grant", "error_description": "the refresh token was used before"}, "refused")
            return
        state["count"] += 1
        state["refresh"] = "refresh-%d" % state["count"]
        self.answer(200, {"token_type": "Bearer", "access_token": "access-%d" % state["count"], "expires_in": valid,
                          "refresh_token": state["refresh"]}, "rotated %d" % state["count"])

    def answer(self, status, body, line):
        with open(log, "a", encoding="ascii") as out:
            out.write(line + "\n")
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
