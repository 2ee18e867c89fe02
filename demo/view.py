"""The live tree: versions, their pods, their share of the traffic, the verdicts. Pure: a snapshot → lines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from demo.ledger import PLANTED, Accounted
from linnet.cli.views.tree import Branch, branches, clock, paint, verdicts


@dataclass(frozen=True)
class Row:
    """One version. `share`: of the answers of the last seconds, 0 to 1. `bad`: of the recent answers."""

    version: int
    role: str
    auc: str = ""
    ready: int = 0
    pods: int = 0
    share: float = 0.0
    answers: int = 0
    failed: int = 0
    slow: int = 0


@dataclass(frozen=True)
class Snapshot:
    """All that the tree shows. `seconds`: since the demo began. `failed` and `planted`: of all client requests."""

    seconds: float
    rows: Sequence[Row] = ()
    phase: str = ""
    weight: str = ""
    checks: Mapping[str, str] = field(default_factory=dict)
    routing: str = ""
    rate: float = 0.0
    requests: int = 0
    failed: int = 0
    planted: int = 0


@dataclass(frozen=True)
class Recent:
    """What the clients saw of one version since its rollout began."""

    answers: int = 0
    failed: int = 0
    slow: int = 0


def recent(rows: Sequence[Accounted], since: float, slow_ms: float) -> dict[int, Recent]:
    """By version, of the requests that ended after `since`."""
    out: dict[int, Recent] = {}
    for row in rows:
        if row.version is None or row.request.end < since:
            continue
        old = out.get(row.version, Recent())
        out[row.version] = Recent(
            old.answers + 1, old.failed + bool(row.failure), old.slow + (row.request.ms > slow_ms)
        )
    return out


def tree(now: Snapshot, *, colors: bool) -> list[str]:
    """The lines, without line ends."""
    painted = paint(colors=colors)
    unexpected = now.failed - now.planted
    failures = f"{now.failed} failed by the planted bug" if not unexpected else f"{unexpected} FAILED UNEXPECTEDLY"
    head = f"{clock(now.seconds)}  {now.rate:.0f} requests/s, {now.requests:,} so far, "
    lines = [painted(head, "bold") + painted(failures, "red" if unexpected else "dim")]
    if now.routing:
        lines.append(now.routing + (f"   {now.phase}  {now.weight}".rstrip() if now.phase else ""))
    lines += branches([_branch(row) for row in now.rows], painted)
    return [*lines, f"   {verdicts(now.checks, painted)}"] if now.checks else lines


def _branch(row: Row) -> Branch:
    remark = ("", "dim")
    if row.failed:
        remark = (f"{row.failed} of {row.answers} failed", "red")
    elif row.slow:
        remark = (f"{row.slow} of {row.answers} slow", "yellow")
    note = f"auc {row.auc or '…':<6}"
    return Branch(row.version, row.role, note, row.ready, row.pods, row.share, remark)


def totals(rows: Sequence[Accounted]) -> tuple[int, int]:
    """(failed, of them planted)."""
    failed = [r for r in rows if r.failure]
    return len(failed), sum(r.failure in PLANTED for r in failed)
