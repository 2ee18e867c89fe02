"""Every request of the clients: which version answered it, and if it failed, what for.

The clients' pod logs what it saw (demo/client/traffic.py); the trainer logged what each version answers to each
record (demo/models/train.py). Put together, an answer tells by itself which version gave it, and whether it is
right: no version needs to be taught to say who it is. Pure.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

CLOSE = 2e-5
"""Answers are logged to six places."""
GRACE = 1.0
"""Seconds by which the clocks of facts and of requests may differ."""

BUG_ANSWER = "the bug: answered 500"
BUG_RESET = "the bug: reset, after a 500 on the same connection"
CONDEMNED = "the condemned canary's own connections"
BUG_GATEWAY = "the bug: the gateway's connection broke after a 500"
PLANTED = frozenset({BUG_ANSWER, BUG_RESET, BUG_GATEWAY, CONDEMNED})
BROKEN_SECONDS = 3.0
"""So long a gateway may keep a connection that the server has closed, without a word, after a 500."""


@dataclass(frozen=True)
class Request:
    """One request. `status` 0: no answer came, `cause` says why. `answer` is in log-odds. `start` in seconds."""

    start: float
    ms: float
    worker: str
    connection: int
    record: int
    missing: bool
    status: int
    answer: float | None = None
    cause: str = ""

    @property
    def end(self) -> float:
        return self.start + self.ms / 1000

    @property
    def routed(self) -> bool:
        """Whether a gateway chose the pod, request by request."""
        return self.worker.endswith("g")

    @property
    def link(self) -> tuple[str, float]:
        """What was answered by the same pod: the requests of a connection, or a single one behind a gateway."""
        return self.worker, self.start if self.routed else self.connection


@dataclass(frozen=True)
class Condemned:
    """A version that was rolled back: since when its pods had traffic, the verdict, the switch, their end."""

    version: int
    started: float
    decided: float
    routed: float
    gone: float

    def covers(self, request: Request, version: int | None) -> bool:
        """Whether a request that got no answer was on a connection of the condemned pods.

        It is if an earlier answer on that connection was the condemned version's. Where there was none, the
        connection must stem from before the switch and must have broken while those pods were being killed:
        no other serving pod goes away then.
        """
        if version is not None:
            return version == self.version and self.started - GRACE <= request.start
        return request.start <= self.routed + GRACE and self.decided - GRACE <= request.end <= self.gone + GRACE


@dataclass(frozen=True)
class Accounted:
    """A request, whose it was, and why it failed ("" if it did not)."""

    request: Request
    version: int | None
    failure: str = ""

    @property
    def planted(self) -> bool:
        return self.failure in PLANTED


Answers = Mapping[int, Sequence[Sequence[float | None]]]
"""Version → for each record the log-odds of [complete, one measurement missing]; None where it fails."""


@dataclass
class Batches:
    """The clients' log, read line by line, whole or again: a batch counts once."""

    seen: set[tuple[str, int]] = field(default_factory=set)
    requests: list[Request] = field(default_factory=list)
    totals: dict[str, int] = field(default_factory=dict)
    """By client: what it counted itself, once it has ended."""

    def read(self, line: str, client: str = "") -> list[Request]:
        """The requests that the line adds; lines of another kind add none."""
        data = _parsed(line)
        if "end" in data:
            self.totals[client] = data["end"]
        if "batch" not in data or (client, data["batch"]) in self.seen:
            return []
        self.seen.add((client, data["batch"]))
        added = [_request(row) for row in data["requests"]]
        self.requests += added
        return added

    @property
    def complete(self) -> bool:
        """Whether every request that the clients made has been read."""
        return bool(self.totals) and sum(self.totals.values()) == len(self.requests)


def _parsed(line: str) -> dict[str, Any]:
    try:
        data = json.loads(line)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _request(row: Sequence[Any]) -> Request:
    *known, last = row
    start, ms, worker, connection, record, missing, status = known
    answer, cause = (None, last) if isinstance(last, str) else (last, "")
    return Request(start, ms, worker, connection, record, bool(missing), status, answer, cause)


def answered_by(request: Request, answers: Answers) -> frozenset[int]:
    """The versions that give this very answer; none if it is wrong, or no answer."""
    given = request.answer
    if given is None:
        return frozenset()
    expected = {version: table[request.record][request.missing] for version, table in answers.items()}
    return frozenset(v for v, right in expected.items() if right is not None and abs(right - given) <= CLOSE)


def account(requests: Iterable[Request], answers: Answers, condemned: Sequence[Condemned]) -> list[Accounted]:
    """All requests in the order in which they ended, each with its version and the cause of its failure."""
    ordered = sorted(requests, key=lambda r: r.end)
    owners = _owners(ordered, answers)
    broken: set[tuple[str, float]] = set()
    rows: list[Accounted] = []
    bug: Accounted | None = None
    for request in ordered:
        version = owners.get(request.link)
        failure = _failure(request, version, answers, condemned, after_500=request.link in broken)
        if bug is not None and _on_its_connection(request, bug.request):
            version, failure = bug.version, BUG_GATEWAY
        if request.status == 500:  # noqa: PLR2004
            version = version or _failing(request, answers, condemned)
            broken.add(request.link)
        rows.append(Accounted(request, version, failure))
        bug = rows[-1] if failure == BUG_ANSWER else bug
    return rows


def _on_its_connection(request: Request, bug: Request) -> bool:
    """A gateway's 502 for a connection to the broken version's pod, where the server has just hung up."""
    return request.routed and request.status == 502 and request.end - bug.end <= BROKEN_SECONDS  # noqa: PLR2004


def _owners(requests: Sequence[Request], answers: Answers) -> dict[tuple[str, float], int]:
    """The version behind each connection: the one that can have given all of its answers."""
    possible: dict[tuple[str, float], frozenset[int]] = {}
    for request in requests:
        if found := answered_by(request, answers):
            possible[request.link] = possible.get(request.link, found) & found or found
    return {link: max(versions) for link, versions in possible.items()}


def _failing(request: Request, answers: Answers, condemned: Sequence[Condemned]) -> int | None:
    """The condemned version that fails on such a record, and had traffic then."""
    for entry in condemned:
        fails = entry.version in answers and answers[entry.version][request.record][request.missing] is None
        if fails and entry.started - GRACE <= request.start <= entry.gone + GRACE:
            return entry.version
    return None


def _failure(
    request: Request, version: int | None, answers: Answers, condemned: Sequence[Condemned], *, after_500: bool
) -> str:
    if request.status == 200:  # noqa: PLR2004
        return "" if answered_by(request, answers) else request.cause or "a wrong answer"
    if request.status:
        bug = request.status == 500 and _failing(request, answers, condemned) is not None  # noqa: PLR2004
        return BUG_ANSWER if bug else f"answered {request.status}"
    if after_500:
        return BUG_RESET
    if request.routed:
        return request.cause
    return CONDEMNED if any(c.covers(request, version) for c in condemned) else request.cause
