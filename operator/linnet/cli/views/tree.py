"""Draws a tree of versions with their pods, their share of the traffic, and verdicts: pure functions of values."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

BAR: Final = 20
COLORS: Final = {"red": 31, "green": 32, "yellow": 33, "blue": 34, "cyan": 36, "dim": 2, "bold": 1}
_ROLES: Final = {"stable": "green", "canary": "yellow", "holdback": "blue", "quarantined": "red", "validating": "cyan"}

Paint = Callable[[str, str], str]
"""Takes a text and a color, and returns the text in that color where there are colors."""


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


def painter(*, colors: bool) -> Paint:
    return lambda text, color: f"\x1b[{COLORS[color]}m{text}\x1b[0m" if colors and text else text


def clock(seconds: float) -> str:
    """Seconds as minutes and seconds: 75.4 → 1:15."""
    whole = max(0, int(seconds))
    return f"{whole // 60}:{whole % 60:02d}"


def branches(rows: Sequence[Branch], paint: Paint) -> list[str]:
    """The lines of a tree: one for each version and each of its leaves."""
    last = len(rows) - 1
    return [line for i, row in enumerate(rows) for line in _branch(row, paint, last=i == last)]


def _branch(row: Branch, paint: Paint, *, last: bool) -> list[str]:
    trunk, below = ("└─", "  ") if last else ("├─", "│ ")
    final = len(row.leaves) - 1
    leaves = [f"{below} {'└─' if i == final else '├─'} {leaf}" for i, leaf in enumerate(row.leaves)]
    return [f"{trunk} {_version(row, paint)}", *leaves]


def _version(row: Branch, paint: Paint) -> str:
    color = _ROLES.get(row.role, "dim")
    filled = round(BAR * row.share)
    bar = paint("█" * filled, color) + paint("░" * (BAR - filled), "dim")
    pods = f"{row.ready}/{row.pods} pods" if row.pods else "no pods "
    text = f"v{row.version} {paint(f'{row.role:<12}', color)}{row.note} {pods:<10}"
    if row.pods or row.share:
        text += f" {bar} {row.share:4.0%}"
    remark, color = row.remark
    return (text + (paint(f"  {remark}", color) if remark else "")).rstrip()


def by_policy(name: str, hash_: str) -> str:
    """A phrase for a policy, `policy gentle (3f2c…)`, as far as name and hash are known."""
    if not name:
        return f"policy {hash_}" if hash_ else ""
    return f"policy {name} ({hash_})" if hash_ else f"policy {name}"


def verdicts(checks: Mapping[str, str], paint: Paint) -> str:
    """A line for verdicts: `errors: Pass   latency: InsufficientData`."""
    return "   ".join(f"{name}: {paint(verdict, _color(verdict))}" for name, verdict in checks.items())


def _color(verdict: str) -> str:
    return {"Pass": "green", "Fail": "red"}.get(verdict, "yellow")
