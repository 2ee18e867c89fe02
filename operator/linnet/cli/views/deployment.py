"""A Deployment with its versions and pods, as one looks at it: from the API server's objects to the lines of a tree."""

from collections.abc import Mapping, Sequence
from typing import Any

from linnet.cli.cluster.deployments import Family
from linnet.cli.cluster.objects import Object, condition, is_ready, name, role, status
from linnet.cli.console import Console
from linnet.cli.views.tree import Branch, Paint, branches, by_policy, verdicts
from linnet.core.analysis.checks import together

_UNSHOWN = frozenset({"retired"})
_COLORS = {"True": "green", "False": "red"}


def tree(family: Family, painted: Paint) -> list[str]:
    """The lines: what it says of itself, each version with its pods, the verdicts."""
    ready = condition(family.deployment, "Ready")
    color = _COLORS.get(ready.get("status", ""), "yellow")
    head = [painted(name(family.deployment), "bold"), painted(ready.get("reason", "Unknown"), color)]
    lines = ["  ".join([*head, ready.get("message", "")]).rstrip(), *branches(_branches(family, painted), painted)]
    checks = dict(together((c["name"], c["verdict"]) for c in family.rollout.get("checks") or ()))
    named = by_policy(*family.policy)
    return [
        *lines,
        *([f"   {verdicts(checks, painted)}"] if checks else []),
        *([f"   {painted(named, 'dim')}"] if named else []),
    ]


def _branches(family: Family, painted: Paint) -> list[Branch]:
    """Of each version that serves, is on its way, or must not."""
    shares = _shares(family)
    rows = []
    for version in family.versions:
        number = int(version["spec"]["version"])
        what, pods = role(number, family.status, version), family.of(number)
        if pods or what not in _UNSHOWN:
            leaves = [_leaf(pod, painted) for pod in pods]
            ready = sum(is_ready(p) for p in pods)
            rows.append(
                Branch(number, what, "", ready, len(pods), shares.get(number, 0.0), _remark(family, version), leaves)
            )
    return rows


def _shares(family: Family) -> dict[int, float]:
    """By version, as the rollout's phase has it: by weight while it steps, by pods while it bakes."""
    stable, rollout = family.status.get("stable") or {}, family.rollout
    former = rollout.get("from") or {}
    if not rollout or not former or rollout["phase"] == "RollingBack":
        return {stable["version"]: 1.0} if stable else {}
    to = rollout["to"]["version"]
    share = (rollout.get("effectiveWeight") or 0) / 100
    if rollout["phase"] == "Baking":
        ready = {n: sum(is_ready(p) for p in family.of(n)) for n in (to, former["version"])}
        share = ready[to] / max(1, sum(ready.values()))
    return {to: share, former["version"]: 1 - share}


def _remark(family: Family, version: Object) -> tuple[str, str]:
    """What is to be said of a version beside its traffic: the phase of its rollout, or why it must not serve."""
    rollout, number = family.rollout, version["spec"]["version"]
    if rollout and rollout["to"]["version"] == number:
        held = ", paused" if rollout.get("paused") else ""
        step = f" step {(rollout.get('step') or 0) + 1}" if rollout["phase"] == "Stepping" else ""
        hooks = _hooks(rollout)
        return f"{rollout['phase']}{hooks or step}{held}", "yellow"
    entries = status(version).get("quarantine") or ()
    if entries:
        return str(entries[-1]["reason"]), "red"
    ready = condition(version, "Ready")
    return (f"{ready['reason']}: {ready['message']}", "red") if ready.get("status") == "False" else ("", "dim")


def _hooks(rollout: Object) -> str:
    """What it waits for, once nothing else is left to wait for."""
    asked = () if rollout.get("decision") else rollout.get("hooks") or ()
    waiting = [f"{h['name']} since {h['since']}" for h in asked if h["answer"] == "Waiting"]
    return f", waits for hook {', '.join(waiting)}" if waiting else ""


def _leaf(pod: Object, painted: Paint) -> str:
    """A pod's name, and its trouble."""
    if pod["metadata"].get("deletionTimestamp"):
        return f"{name(pod)}  {painted('ending', 'dim')}"
    containers = status(pod).get("containerStatuses") or ()
    restarts = sum(c.get("restartCount", 0) for c in containers)
    waiting = next((w["reason"] for c in containers if (w := c.get("state", {}).get("waiting"))), "")
    state = painted("ready", "green") if is_ready(pod) else painted(waiting or "starting", "yellow")
    return f"{name(pod)}  {state}" + (painted(f"  {restarts} restarts", "red") if restarts else "")


def described(family: Family) -> dict[str, Any]:
    """The same for programs."""
    ready = condition(family.deployment, "Ready")
    shares = _shares(family)
    return {
        "name": name(family.deployment),
        "model": family.deployment["spec"]["model"]["name"],
        "ready": ready.get("status", "Unknown"),
        "reason": ready.get("reason", ""),
        "message": ready.get("message", ""),
        "phase": family.rollout.get("phase"),
        "checks": family.rollout.get("checks") or [],
        "policy": family.policy[0] or None,
        "versions": [_version(family, v, shares) for v in family.versions],
    }


def _version(family: Family, version: Object, shares: Mapping[int, float]) -> dict[str, Any]:
    number = int(version["spec"]["version"])
    pods = family.of(number)
    return {
        "version": number,
        "role": role(number, family.status, version),
        "share": round(shares.get(number, 0.0), 4),
        "pods": [{"name": name(p), "ready": is_ready(p)} for p in pods],
    }


def lines(found: Sequence[Family], console: Console) -> list[str]:
    """The trees, with a line between two."""
    trees = [tree(family, console.paint) for family in found]
    return [line for i, each in enumerate(trees) for line in (*([""] if i else []), *each)]
