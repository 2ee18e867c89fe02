"""A receiver for hooks and events of Linnet: says yes to a promotion once the file `approved` names its version.

python3 receiver.py [PORT]
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

APPROVED = Path("approved")
"""One version's digest a line."""


def answer(event: dict) -> tuple[int, str]:
    """HTTP status and reason: 200 is yes, 403 is no, 409 is not yet."""
    if event["type"] != "dev.linnet.rollout.confirmpromotion":
        return 200, ""
    failing = [check["name"] for check in event["data"].get("checks", []) if check["verdict"] == "Inconclusive"]
    if failing:
        return 403, f"not sure about {', '.join(failing)}"
    known = APPROVED.read_text().split() if APPROVED.exists() else []
    return (200, "") if event["data"]["to"]["digest"] in known else (409, "nobody has approved it yet")


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, reason = answer(event)
        print(event["type"], event["source"], event["id"], status, reason, flush=True)
        body = json.dumps({"reason": reason}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8080
    server = ThreadingHTTPServer(("", port), Receiver)
    print(f"listening on {server.server_address[1]}", flush=True)
    server.serve_forever()
