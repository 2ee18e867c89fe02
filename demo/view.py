"""The live tree: versions, their pods, their share of the traffic, the verdicts. Pure: a snapshot → lines."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from demo.ledger import PLANTED, Accounted

BAR = 20
COLORS = {"red": 31, "green": 32, "yellow": 33, "blue": 34, "cyan": 36, "dim": 2, "bold": 1}


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


def clock(seconds: float) -> str:
    """75.4 → 1:15."""
    whole = max(0, int(seconds))
    return f"{whole // 60}:{whole % 60:02d}"


def tree(now: Snapshot, *, colors: bool) -> list[str]:
    """The lines, without line ends."""

    def paint(text: str, color: str) -> str:
        return f"\x1b[{COLORS[color]}m{text}\x1b[0m" if colors else text

    unexpected = now.failed - now.planted
    failures = f"{now.failed} failed by the planted bug" if not unexpected else f"{unexpected} FAILED UNEXPECTEDLY"
    head = f"{clock(now.seconds)}  {now.rate:.0f} requests/s, {now.requests:,} so far, "
    lines = [paint(head, "bold") + paint(failures, "red" if unexpected else "dim")]
    if now.routing:
        lines.append(f"Service → {now.routing}" + (f"   {now.phase}  {now.weight}".rstrip() if now.phase else ""))
    last = len(now.rows) - 1
    lines += [_row(row, "└─" if i == last else "├─", paint) for i, row in enumerate(now.rows)]
    if now.checks:
        lines.append("   " + "   ".join(f"{n}: {paint(v, _color(v))}" for n, v in now.checks.items()))
    return lines


Paint = Callable[[str, str], str]
"""(text, color) → text in that color, where there are colors."""


def _row(row: Row, branch: str, paint: Paint) -> str:
    filled = round(BAR * row.share)
    bar = paint("█" * filled, _role_color(row.role)) + paint("░" * (BAR - filled), "dim")
    pods = f"{row.ready}/{row.pods} pods" if row.pods else "no pods "
    text = (
        f"{branch} v{row.version} {paint(f'{row.role:<12}', _role_color(row.role))} auc {row.auc or '…':<7}{pods:<10}"
    )
    if row.pods or row.share:
        text += f" {bar} {row.share:4.0%}"
    if row.failed:
        text += paint(f"  {row.failed} of {row.answers} failed", "red")
    elif row.slow:
        text += paint(f"  {row.slow} of {row.answers} slow", "yellow")
    return text


def _role_color(role: str) -> str:
    known = {"stable": "green", "canary": "yellow", "holdback": "blue", "quarantined": "red", "validating": "cyan"}
    return known.get(role, "dim")


def _color(verdict: str) -> str:
    return {"Pass": "green", "Fail": "red"}.get(verdict, "yellow")


def totals(rows: Sequence[Accounted]) -> tuple[int, int]:
    """(failed, of them planted)."""
    failed = [r for r in rows if r.failure]
    return len(failed), sum(r.failure in PLANTED for r in failed)
