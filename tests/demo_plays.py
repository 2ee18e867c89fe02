"""A small play for the tests of the demo: five versions' answers, a bug in the third, requests as clients log them."""

from collections.abc import Iterable
from typing import Any

from demo.evidence.facts import Fact
from demo.evidence.ledger import Accounted, Answers, Condemned, Request

RECORDS = 10
STABLE, BROKEN = 2, 3


def answers() -> Answers:
    """Version v answers record r with v + r/100; the broken one has none for records with a missing value."""
    table: dict[int, list[list[float | None]]] = {
        v: [[v + r / 100, v + r / 50] for r in range(RECORDS)] for v in (1, 2)
    }
    table[BROKEN] = [[BROKEN + r / 100, None] for r in range(RECORDS)]
    return table


def asked(at: float, *, worker: str = "k0", connection: int = 1, record: int = 0, missing: bool = False) -> Request:
    """A request without an answer yet."""
    return Request(at, 10.0, worker, connection, record, missing, 0)


def answered(version: int, at: float = 0.0, ms: float = 10.0, **where: Any) -> Request:
    """A request with that version's right answer."""
    r = asked(at, **where)
    answer = answers()[version][r.record][r.missing]
    return Request(at, ms, r.worker, r.connection, r.record, r.missing, 200, answer)


def failed(status: int, at: float = 0.0, cause: str = "", **where: Any) -> Request:
    """A request that ended with this status, or for this cause."""
    r = asked(at, **where)
    return Request(at, r.ms, r.worker, r.connection, r.record, r.missing, status, None, cause)


CONDEMNED = Condemned(version=BROKEN, started=100, decided=120, routed=120.5, gone=125)


def rollout(version: int, began: float, decision: str, reason: str = "") -> list[Fact]:
    """The facts of a canary: pods ready after 5 s, decided after 20 s, ended after 30 s."""
    new = [Fact(began, "started", "", version, {"id": f"v{version}"})]
    new.append(Fact(began + 5, "routing", "", None, {"alone": None}))
    new.append(Fact(began + 5, "weight", "", version, {"asked": 25, "real": 33}))
    new.append(Fact(began + 20, "decision", "", version, {"decision": decision, "reason": reason}))
    new.append(Fact(began + 20.4, "routing", "", STABLE, {"alone": STABLE if decision != "Promoted" else version}))
    new.append(Fact(began + 24, "pod", "", version, {"pod": "p", "stage": "gone"}))
    new.append(Fact(began + 30, "ended", "", version, {"outcome": decision}))
    return new


def causes(rows: Iterable[Accounted]) -> list[str]:
    return [row.failure for row in rows]
