"""Shows a Deployment with its versions and pods: the API server's objects become the lines of a tree, or JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

from linnet.cli.cluster.deployments import DeploymentTree
from linnet.cli.cluster.objects import Object, condition, each, is_ready, name, role, status
from linnet.cli.views.tree import Branch, Paint, branches, by_policy, verdicts
from linnet.core.analysis.checks import together

_UNSHOWN = frozenset({"retired"})
_COLORS = {"True": "green", "False": "red"}


def render(tree: DeploymentTree, paint: Paint) -> list[str]:
    """The lines of a Deployment, and of what can't be read of it: that costs itself alone."""
    drawn, lost = each("Deployment", [tree.deployment], lambda _: _lines(tree, paint))
    lines = [line for part in drawn for line in part]
    return [*lines, *(paint(sentence, "red") for sentence in (*([] if lines else lost), *tree.unreadable))]


def _lines(tree: DeploymentTree, paint: Paint) -> list[str]:
    """The lines of a Deployment: its own condition, each version with its pods, the verdicts."""
    ready = condition(tree.deployment, "Ready")
    color = _COLORS.get(ready.get("status", ""), "yellow")
    head = [paint(name(tree.deployment), "bold"), paint(ready.get("reason", "Unknown"), color)]
    shares = _shares(tree)
    rows, lost = each("ModelVersion", tree.versions, lambda version: _branch(tree, version, shares, paint))
    checks = dict(together((c["name"], c["verdict"]) for c in tree.rollout.get("checks") or ()))
    named = by_policy(*tree.policy)
    return [
        "  ".join([*head, ready.get("message", "")]).rstrip(),
        *branches([row for row in rows if row is not None], paint),
        *([f"   {verdicts(checks, paint)}"] if checks else []),
        *([f"   {paint(named, 'dim')}"] if named else []),
        *(paint(sentence, "red") for sentence in lost),
    ]


def _branch(tree: DeploymentTree, version: Object, shares: Mapping[int, float], paint: Paint) -> Branch | None:
    """The branch of a version that serves, is on its way, or must not serve; None of any other."""
    number = int(version["spec"]["version"])
    what, pods = role(number, tree.status, version), tree.pods_of(number)
    if not pods and what in _UNSHOWN:
        return None
    leaves, lost = each("Pod", pods, lambda pod: (_leaf(pod, paint), is_ready(pod)))
    lines = [*(line for line, _ in leaves), *(paint(sentence, "red") for sentence in lost)]
    ready = sum(is_up for _, is_up in leaves)
    return Branch(number, what, "", ready, len(pods), shares.get(number, 0.0), _remark(tree, version), lines)


def _shares(tree: DeploymentTree) -> dict[int, float]:
    """Each version's share of the traffic, 0 to 1: by weight while the rollout steps, by pods while it bakes."""
    stable, rollout = tree.status.get("stable") or {}, tree.rollout
    former = rollout.get("from") or {}
    if not rollout or not former or rollout["phase"] == "RollingBack":
        return {stable["version"]: 1.0} if stable else {}
    to = rollout["to"]["version"]
    share = (rollout.get("effectiveWeight") or 0) / 100
    if rollout["phase"] == "Baking":
        ready = {n: sum(is_ready(p) for p in tree.pods_of(n)) for n in (to, former["version"])}
        share = ready[to] / max(1, sum(ready.values()))
    return {to: share, former["version"]: 1 - share}


def _remark(tree: DeploymentTree, version: Object) -> tuple[str, str]:
    """A remark on a version beside its traffic, with its color: the phase of its rollout, or why it must not serve."""
    rollout, number = tree.rollout, version["spec"]["version"]
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
    """A phrase on the hooks that the rollout waits for, once nothing else is left to wait for."""
    hooks = () if rollout.get("decision") else rollout.get("hooks") or ()
    waiting = [f"{h['name']} since {h['since']}" for h in hooks if h["answer"] == "Waiting"]
    return f", waits for hook {', '.join(waiting)}" if waiting else ""


def _leaf(pod: Object, paint: Paint) -> str:
    """A pod's line: its name, and its trouble."""
    if pod["metadata"].get("deletionTimestamp"):
        return f"{name(pod)}  {paint('ending', 'dim')}"
    containers = status(pod).get("containerStatuses") or ()
    restarts = sum(c.get("restartCount", 0) for c in containers)
    waiting = next((w["reason"] for c in containers if (w := c.get("state", {}).get("waiting"))), "")
    state = paint("ready", "green") if is_ready(pod) else paint(waiting or "starting", "yellow")
    return f"{name(pod)}  {state}" + (paint(f"  {restarts} restarts", "red") if restarts else "")


def to_json(tree: DeploymentTree) -> dict[str, Any]:
    """A Deployment with its versions and pods, for programs."""
    found, lost = each("Deployment", [tree.deployment], lambda _: _json(tree))
    made = found[0] if found else {"name": name(tree.deployment), "versions": []}
    told = [*made.pop("unreadable", []), *([] if tree.unreadable and not found else lost), *tree.unreadable]
    return {**made, **({"unreadable": told} if told else {})}


def _json(tree: DeploymentTree) -> dict[str, Any]:
    ready = condition(tree.deployment, "Ready")
    shares = _shares(tree)
    versions, lost = each("ModelVersion", tree.versions, lambda version: _version(tree, version, shares))
    return {
        "name": name(tree.deployment),
        "model": tree.deployment["spec"]["model"]["name"],
        "ready": ready.get("status", "Unknown"),
        "reason": ready.get("reason", ""),
        "message": ready.get("message", ""),
        "phase": tree.rollout.get("phase"),
        "checks": tree.rollout.get("checks") or [],
        "policy": tree.policy[0] or None,
        "versions": versions,
        "unreadable": lost,
    }


def _version(tree: DeploymentTree, version: Object, shares: Mapping[int, float]) -> dict[str, Any]:
    number = int(version["spec"]["version"])
    pods = tree.pods_of(number)
    return {
        "version": number,
        "role": role(number, tree.status, version),
        "share": round(shares.get(number, 0.0), 4),
        "pods": [{"name": name(p), "ready": is_ready(p)} for p in pods],
    }


def render_all(trees: Sequence[DeploymentTree], paint: Paint) -> list[str]:
    """The lines of all Deployments, with an empty line between two."""
    blocks = [render(tree, paint) for tree in trees]
    return [line for i, each in enumerate(blocks) for line in (*([""] if i else []), *each)]
