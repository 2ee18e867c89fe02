"""The tree of a Deployment: versions, their pods and share of the traffic, verdicts. Pure: values → lines."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

BAR: Final = 20
COLORS: Final = {"red": 31, "green": 32, "yellow": 33, "blue": 34, "cyan": 36, "dim": 2, "bold": 1}
_ROLES: Final = {"stable": "green", "canary": "yellow", "holdback": "blue", "quarantined": "red", "validating": "cyan"}

Paint = Callable[[str, str], str]
"""(text, color) → text in that color, where there are colors."""


@dataclass(frozen=True)
class Branch:
    """One version. `share`: of the traffic, 0 to 1; `remark`: a text and its color; `leaves`: lines below it."""

    version: int
    role: str
    note: str = ""
    ready: int = 0
    pods: int = 0
    share: float = 0.0
    remark: tuple[str, str] = ("", "dim")
    leaves: Sequence[str] = ()


def paint(*, colors: bool) -> Paint:
    return lambda text, color: f"\x1b[{COLORS[color]}m{text}\x1b[0m" if colors and text else text


def clock(seconds: float) -> str:
    """75.4 → 1:15."""
    whole = max(0, int(seconds))
    return f"{whole // 60}:{whole % 60:02d}"


def branches(rows: Sequence[Branch], painted: Paint) -> list[str]:
    """A line for each version and each of its leaves."""
    last = len(rows) - 1
    return [line for i, row in enumerate(rows) for line in _branch(row, painted, last=i == last)]


def _branch(row: Branch, painted: Paint, *, last: bool) -> list[str]:
    trunk, below = ("└─", "  ") if last else ("├─", "│ ")
    final = len(row.leaves) - 1
    leaves = [f"{below} {'└─' if i == final else '├─'} {leaf}" for i, leaf in enumerate(row.leaves)]
    return [f"{trunk} {_version(row, painted)}", *leaves]


def _version(row: Branch, painted: Paint) -> str:
    color = _ROLES.get(row.role, "dim")
    filled = round(BAR * row.share)
    bar = painted("█" * filled, color) + painted("░" * (BAR - filled), "dim")
    pods = f"{row.ready}/{row.pods} pods" if row.pods else "no pods "
    text = f"v{row.version} {painted(f'{row.role:<12}', color)}{row.note} {pods:<10}"
    if row.pods or row.share:
        text += f" {bar} {row.share:4.0%}"
    said, how = row.remark
    return (text + (painted(f"  {said}", how) if said else "")).rstrip()


def by_policy(name: str, hash_: str) -> str:
    """`policy gentle (3f2c…)`, as far as they are known."""
    if not name:
        return f"policy {hash_}" if hash_ else ""
    return f"policy {name} ({hash_})" if hash_ else f"policy {name}"


def verdicts(checks: Mapping[str, str], painted: Paint) -> str:
    """`errors: Pass   latency: InsufficientData`."""
    return "   ".join(f"{name}: {painted(verdict, _color(verdict))}" for name, verdict in checks.items())


def _color(verdict: str) -> str:
    return {"Pass": "green", "Fail": "red"}.get(verdict, "yellow")
