"""What `linnet fetch` costs in CPU for one file of 1 GiB over http: `python -m bench.download [--tree CHECKOUT …]`.

A server on loopback sends it by sendfile, in ranges; the command downloads, writes and hashes it. Other checkouts of
this repository are measured in turn with this one, so that what else the machine does meets each of them.
"""

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import Process
from pathlib import Path
from statistics import median

from bench.results import REPO, keep

SIZE = 2**30
BLOCK = os.urandom(2**20)


@contextmanager
def serving(body: Path) -> Iterator[str]:
    """The URL of the file, from a process of its own: its CPU is not the command's."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            first, last = re.findall(r"\d+", self.headers.get("Range", f"bytes=0-{SIZE - 1}"))
            start, stop = int(first), int(last) + 1
            self.send_response(206)
            self.send_header("ETag", '"one"')
            self.send_header("Content-Length", str(stop - start))
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{SIZE}")
            self.end_headers()
            with body.open("rb") as file:
                while start < stop:
                    start += os.sendfile(self.connection.fileno(), file.fileno(), start, stop - start)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    process = Process(target=server.serve_forever, daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/model.bin"
    finally:
        process.terminate()
        process.join()


def fetched(tree: Path, url: str, folder: Path) -> float:
    """Seconds of CPU, of user and system together."""
    with tempfile.TemporaryDirectory(dir=folder) as to:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-m", "linnet", "fetch", "--uri", url, "--to", to, "--termination-log", f"{to}/.log"]
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tree / "operator")}
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.download", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tree", type=Path, action="append", default=[], metavar="CHECKOUT")
    given = parser.parse_args()
    taken: dict[str, list[float]] = {str(tree): [] for tree in (REPO, *given.tree)}
    with tempfile.TemporaryDirectory() as folder:
        body = Path(folder) / "body"
        body.write_bytes(BLOCK * (SIZE // len(BLOCK)))
        with serving(body) as url:
            for _ in range(given.rounds):
                for tree, seconds in taken.items():
                    seconds.append(fetched(Path(tree), url, Path(folder)))
    print("| checkout | CPU seconds, each round | median |\n|---|---|---|")
    for tree, seconds in taken.items():
        print(f"| {tree} | {', '.join(f'{s:.2f}' for s in seconds)} | {median(seconds):.2f} |")
    print(f"load {os.getloadavg()[0]:.1f}", keep("download", {"bytes": SIZE, "cpuSeconds": taken}), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
