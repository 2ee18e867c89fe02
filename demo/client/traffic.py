"""Real HTTP traffic to the model's Service, every request accounted for: this file runs in a pod of the cluster.

    python traffic.py --url http://tumor-risk --model tumor-risk --rate 60

Half of the workers keep their connection alive, as a pool does, and replace it every few seconds; half open a new
one for each request. `--host` is the name that a gateway knows the model by: behind one, a connection is no pod's.
None retries and none looks whether a connection still stands before it uses it: whatever
the server does to a connection becomes visible as a failure.

On stdout, four times a second, one JSON line: {"batch": n, "requests": [[start, ms, worker, connection, record,
missing, status, answer], …]}: seconds since the epoch, milliseconds, worker (k… keeps alive, f… does not; …g asks a
gateway), the worker's connection number, index of the held-out record, 1 if one measurement is missing, the HTTP
status (0 where no answer came), and the answer's log-odds, or the cause of the failure. SIGTERM ends it with
{"end": requests}.

Standard library only, since it is mounted into an image that it does not own; `records` is in that image.
"""

import argparse
import errno
import http.client
import json
import math
import queue
import random
import signal
import socket
import threading
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from records import Record, load, without_one

Row = tuple[float, float, str, int, int, int, int, float | str | None]
BATCH_SECONDS = 0.25


@dataclass(frozen=True)
class Target:
    """Where the requests go, and how."""

    host: str
    port: int
    path: str
    timeout: float
    recycle: float
    """Seconds after which a kept connection is replaced by its owner."""
    name: str = ""
    """The Host header; the address's own if empty."""

    @property
    def headers(self) -> dict[str, str]:
        return {"Content-Type": "application/json", **({"Host": self.name} if self.name else {})}


@dataclass
class Connection:
    """One connection of a worker: which number, and when it was opened."""

    number: int = 0
    opened: float = 0.0
    link: http.client.HTTPConnection | None = None

    def renewed(self, target: Target) -> http.client.HTTPConnection:
        """The one that is open, or a new one if it is too old or was dropped."""
        if self.link is not None and time.monotonic() - self.opened > target.recycle:
            self.drop()
        if self.link is None:
            self.link = http.client.HTTPConnection(target.host, target.port, timeout=target.timeout)
            self.number, self.opened = self.number + 1, time.monotonic()
        return self.link

    def drop(self) -> None:
        if self.link is not None:
            self.link.close()
            self.link = None


@dataclass(frozen=True)
class Worker:
    """A client of its own: its pace, its records, its connection."""

    name: str
    target: Target
    records: list[Record]
    period: float
    missing: float
    out: "queue.SimpleQueue[Row]"
    stop: threading.Event

    def run(self) -> None:
        """One request at a time, at most one per period, until it is told to stop."""
        chance = random.Random(self.name)
        connection = Connection()
        due = time.monotonic() + chance.random() * self.period
        while not self.stop.wait(max(0.0, due - time.monotonic())):
            index = chance.randrange(len(self.records))
            self.out.put(self._ask(connection, index, missing=chance.random() < self.missing))
            if self.name.startswith("f"):
                connection.drop()
            due = max(due + self.period, time.monotonic())
        connection.drop()

    def _ask(self, connection: Connection, index: int, *, missing: bool) -> Row:
        record = self.records[index]
        payload = body(without_one(record, index) if missing else record.values)
        start, began = time.time(), time.perf_counter()
        try:
            status, answer = _exchange(connection.renewed(self.target), self.target, payload)
        except (OSError, http.client.HTTPException) as error:
            connection.drop()
            status, answer = 0, cause(error)
        taken = round((time.perf_counter() - began) * 1000, 1)
        return (round(start, 3), taken, self.name, connection.number, index, int(missing), status, answer)


def answers(target: Target, model: str) -> bool:
    """Whether requests get through: a gateway takes a moment to learn of a route."""
    link = http.client.HTTPConnection(target.host, target.port, timeout=target.timeout)
    try:
        link.request("GET", f"/v2/models/{model}/ready", headers=target.headers)
        return link.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        link.close()


def _exchange(to: http.client.HTTPConnection, target: Target, payload: bytes) -> tuple[int, float | str | None]:
    to.request("POST", target.path, payload, target.headers)
    response = to.getresponse()
    content = response.read()
    return response.status, answer_of(content) if response.status == http.HTTPStatus.OK else None


def body(values: tuple[float, ...]) -> bytes:
    """A V2 inference request for one record; a missing measurement is null."""
    data = [None if math.isnan(value) else value for value in values]
    tensor = {"name": "record", "shape": [1, len(data)], "datatype": "FP64", "data": data}
    return json.dumps({"inputs": [tensor], "outputs": [{"name": "predict_proba"}]}).encode()


def answer_of(content: bytes) -> float | str:
    """The log-odds of a V2 answer [malignant, benign], or "unreadable"."""
    try:
        no, yes = json.loads(content)["outputs"][0]["data"]
    except (ValueError, KeyError, IndexError, TypeError):
        return "unreadable"
    if not no or not yes:
        return 50.0 if yes else -50.0
    return round(math.log(yes / no), 6)


def cause(error: Exception) -> str:
    """One word for why no answer came, and the system's own where there are many reasons."""
    match error:
        case TimeoutError():
            return "timeout"
        case ConnectionRefusedError():
            return "refused"
        case ConnectionResetError() | BrokenPipeError() | ConnectionAbortedError() | http.client.RemoteDisconnected():
            return "reset"
        case http.client.HTTPException():
            return "cut-off"
        case socket.gaierror(errno=int(number)):
            codes = {getattr(socket, n): n for n in dir(socket) if n.startswith("EAI_")}
            return f"no-name ({codes.get(number, number)})"
        case OSError(errno=int(number)):
            return f"unreachable ({errno.errorcode.get(number, number)})"
    return "unreachable"


def write(out: "queue.SimpleQueue[Row]", stop: threading.Event, workers: list[threading.Thread]) -> None:
    """Batches to stdout until the workers have ended, then the total."""
    number = total = 0
    while True:
        ended = stop.wait(BATCH_SECONDS) and not any(worker.is_alive() for worker in workers)
        rows = [out.get() for _ in range(out.qsize())]
        if rows:
            number, total = number + 1, total + len(rows)
            print(json.dumps({"batch": number, "requests": rows}, separators=(",", ":")), flush=True)
        if ended:
            break
        if stop.is_set():
            time.sleep(BATCH_SECONDS)
    print(json.dumps({"end": total}), flush=True)


def main() -> None:
    given = _arguments()
    address = urlsplit(given.url)
    path = f"/v2/models/{given.model}/infer"
    target = Target(address.hostname or "", address.port or 80, path, given.timeout, given.recycle, given.host)
    stop = threading.Event()
    out: queue.SimpleQueue[Row] = queue.SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    _, records = load()
    while given.host and not answers(target, given.model) and not stop.wait(BATCH_SECONDS):
        pass
    names = [f"{kind}{number}{'g' * bool(given.host)}" for number in range(given.workers // 2) for kind in "kf"]
    threads = [
        threading.Thread(
            target=Worker(name, target, records, len(names) / given.rate, given.missing, out, stop).run, daemon=True
        )
        for name in names
    ]
    for thread in threads:
        thread.start()
    write(out, stop, threads)


def _arguments() -> Any:
    parser = argparse.ArgumentParser(description="Traffic to a model's Service, every request accounted for.")
    parser.add_argument("--url", required=True, help="such as http://tumor-risk")
    parser.add_argument("--host", default="", help="the host name that a gateway routes by; it is waited for")
    parser.add_argument("--model", required=True, help="the served model's name")
    parser.add_argument("--rate", type=float, default=60, help="requests a second, all workers together")
    parser.add_argument("--workers", type=int, default=4, help="half keep their connection alive, half do not")
    parser.add_argument("--missing", type=float, default=0.04, help="share of records with a missing measurement")
    parser.add_argument("--recycle", type=float, default=4, help="seconds that a connection is kept")
    parser.add_argument("--timeout", type=float, default=60, help="seconds to wait for an answer")
    return parser.parse_args()


if __name__ == "__main__":
    main()
