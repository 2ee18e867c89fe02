"""The summary: build/demo/summary.json, for programs and for whoever compares two runs. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from demo.episodes.results import Episode
from demo.evidence.ledger import PLANTED, Accounted


def summary(
    found: Sequence[Episode], rows: Sequence[Accounted], troubles: Sequence[str], durations: Mapping[str, float]
) -> dict[str, Any]:
    """`durations`: seconds by part of the demo, `total` among them."""
    kinds = {"k": "kept alive", "f": "one connection a request"}
    return {
        "succeeded": not troubles,
        "troubles": list(troubles),
        "seconds": {name: round(value, 1) for name, value in durations.items()},
        "clients": {
            "requests": len(rows),
            "failed": dict(Counter(r.failure for r in rows if r.failure)),
            "failedUnexpectedly": sum(bool(r.failure) and r.failure not in PLANTED for r in rows),
            "byKind": {
                name: {
                    "requests": sum(r.request.worker[0] == kind for r in rows),
                    "failed": sum(r.request.worker[0] == kind and bool(r.failure) for r in rows),
                }
                for kind, name in kinds.items()
            },
            "connections": len({(r.request.worker, r.request.connection) for r in rows}),
        },
        "episodes": [e.wire() for e in found],
    }
