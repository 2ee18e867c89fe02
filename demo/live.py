"""From the stage to the tree: what is known at this moment, cheap enough for twice a second."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from demo.episodes import SLOW_MS, Rollout, rollouts
from demo.facts import said, shares
from demo.ledger import Accounted, Condemned, account
from demo.settings import NAME
from demo.stage import Stage
from demo.view import Recent, Row, Snapshot, recent, totals
from linnet.api.labels import REVISION
from linnet.cli.cluster.objects import is_ready, revision_version, role

WINDOW = 3.0
"""Seconds over which rate and shares are shown."""


@dataclass
class Live:
    """Requests of former acts are counted once, those of the present one at each look."""

    stage: Stage
    settled: int = 0
    """How many requests belong to former acts."""
    failed: int = 0
    planted: int = 0
    looked: list[Accounted] = field(default_factory=list)

    def settle(self) -> None:
        """The act is over: its failures are as they are."""
        failed, planted = totals(self._account())
        self.failed, self.planted = self.failed + failed, self.planted + planted
        self.settled = len(self.stage.batches.requests)

    def _account(self) -> list[Accounted]:
        requests = self.stage.batches.requests[self.settled :]
        suspects = [_suspect(r) for r in rollouts(self.stage.facts) if r.traffic is not None]
        self.looked = account(requests, self.stage.answers(), suspects)
        return self.looked

    def snapshot(self) -> Snapshot:
        """The tree's content now."""
        now, rows = time.time(), self._account()
        failed, planted = totals(rows)
        rollout = self.stage.status.get("rollout") or {}
        window = [r for r in rows if r.request.end > now - WINDOW - 1 and r.request.end <= now - 1]
        return Snapshot(
            seconds=now - self.stage.began,
            rows=self._rows(rows, window),
            phase=f"v{rollout['to']['version']} {rollout['phase']}" if rollout else "",
            weight=f"{rollout['effectiveWeight']} %" if rollout.get("effectiveWeight") else "",
            checks={c["name"]: c["verdict"] for c in rollout.get("checks") or ()},
            routing=self._routing(),
            rate=len(window) / WINDOW,
            requests=len(self.stage.batches.requests),
            failed=self.failed + failed,
            planted=self.planted + planted,
        )

    def _routing(self) -> str:
        if route := self.stage.objects.get(("HTTPRoute", NAME)):
            return f"HTTPRoute → {said(shares(route))}"
        service = self.stage.objects.get(("Service", NAME))
        if service is None:
            return ""
        number = revision_version(service["spec"].get("selector", {}).get(REVISION, ""))
        return "Service → " + (f"v{number} alone" if number else "all serving pods")

    def _rows(self, rows: Sequence[Accounted], window: Sequence[Accounted]) -> list[Row]:
        begun = next((r.started for r in reversed(rollouts(self.stage.facts))), 0.0)
        seen = recent(rows, begun, SLOW_MS)
        shares = Counter(r.version for r in window)
        return [
            self._row(n, seen.get(n, Recent()), shares[n] / max(1, len(window))) for n in sorted(self.stage.versions)
        ]

    def _row(self, number: int, seen: Recent, share: float) -> Row:
        pods = self.stage.pods(number)
        return Row(
            version=number,
            role=role(number, self.stage.status, self.stage.versions[number]),
            auc=self.stage.metrics(number).get("auc", ""),
            ready=sum(is_ready(p) for p in pods),
            pods=len(pods),
            share=share,
            answers=seen.answers,
            failed=seen.failed,
            slow=seen.slow,
        )


def _suspect(rollout: Rollout) -> Condemned:
    """Before the verdict every canary may be the bad one."""
    late = time.time() + 3600
    assert rollout.traffic is not None
    return Condemned(
        rollout.version,
        rollout.traffic,
        rollout.decided or late,
        rollout.routed or rollout.decided or late,
        rollout.gone or late,
    )
