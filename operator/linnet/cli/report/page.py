"""Writes the report, an HTML file that needs nothing else: what serves, the versions, each decision with its counts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

from linnet.api.parts.uri import shown
from linnet.cli.cluster.deployments import DeploymentTree
from linnet.cli.cluster.objects import Object, condition, each, name, role, status
from linnet.cli.report.html import Markup, element, joined
from linnet.cli.report.svg import chart
from linnet.cli.views.check import CheckSummary, summarize
from linnet.cli.views.decision import OUTCOMES, DecisionRecord, decisions_of
from linnet.cli.views.deployment import to_json
from linnet.cli.views.tree import by_policy

NOTHING_ELSE: Final = "default-src 'none'; style-src 'unsafe-inline'"
_CLASSES: Final = {"green": "good", "red": "bad", "yellow": "wait", "dim": "soft"}
_VERDICTS: Final = {"Pass": "good", "Fail": "bad"}
Json = Mapping[str, Any]


@dataclass(frozen=True)
class DeploymentReport:
    """A Deployment, and the checks of its rollout under way with a note on them."""

    tree: DeploymentTree
    checks: Sequence[Json] = ()
    note: str = ""


def page(reports: Sequence[DeploymentReport], when: str) -> str:
    """The whole file; `when` is the time that it gives as its own."""
    title = "Linnet: " + (", ".join(name(r.tree.deployment) for r in reports) or "no Deployment")
    style = Markup(resources.files("linnet.cli.report").joinpath("report.css").read_text())
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=NOTHING_ELSE),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", style),
    )
    body = element("body", element("h1", title), _soft(f"as of {when}"), (_deployment(r) for r in reports))
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def _deployment(report: DeploymentReport) -> Markup:
    """A section for a Deployment, and a line for whatever can't be read of it."""
    tree = report.tree
    found, lost = each("Deployment", [tree.deployment], lambda _: _section_of(report))
    return joined([found, _unreadable([*tree.unreadable, *([] if tree.unreadable else lost)])])


def _unreadable(sentences: Sequence[str]) -> Markup:
    return joined([element("p", sentence, class_="card bad") for sentence in sentences])


def _section_of(report: DeploymentReport) -> Markup:
    tree, decided = report.tree, decisions_of(report.tree)
    decisions, lost_decisions = each("decision on", decided.records, _decision)
    versions, lost = each("ModelVersion", [*reversed(tree.versions)], lambda v: (_version(tree, v), _quarantines(v)))
    place = tree.deployment["metadata"].get("namespace")
    ready = condition(tree.deployment, "Ready")
    state = {"True": "good", "False": "bad"}.get(ready.get("status", ""), "wait")
    return element(
        "section",
        element("h2", name(tree.deployment)),
        _soft(" ".join(filter(None, [f"model {tree.deployment['spec']['model']['name']}", place and f"in {place}"]))),
        element("p", element("strong", ready.get("reason", "Unknown"), class_=state), " ", ready.get("message", "")),
        _soft(named) if (named := by_policy(*tree.policy)) else "",
        _serving(tree),
        _rollout(report),
        _section("Decisions", decisions),
        _section("Quarantine", [entry for _, entries in reversed(versions) for entry in entries]),
        _requests(tree),
        _section("Versions", [version for version, _ in versions]),
        _unreadable(list(dict.fromkeys([*decided.unreadable, *lost_decisions, *lost]))),
    )


def _section(title: str, parts: Sequence[Markup]) -> Markup:
    return joined([element("h3", title), parts]) if parts else Markup()


def _serving(tree: DeploymentTree) -> Markup:
    """The table of versions with pods or traffic."""
    rows = [
        [f"v{v['version']}", v["role"], f"{v['share']:.0%}", f"{sum(p['ready'] for p in v['pods'])}/{len(v['pods'])}"]
        for v in to_json(tree)["versions"]
        if v["pods"] or v["share"]
    ]
    return joined([element("h3", "What serves"), _table(["version", "role", "traffic", "ready pods"], rows)])


def _rollout(report: DeploymentReport) -> Markup:
    if not (rollout := report.tree.rollout):
        return Markup()
    message = condition(report.tree.deployment, "Progressing").get("message", "")
    checks = [_check(summarize(check)) for check in report.checks]
    note = _soft(report.note) if report.note else ""
    card = element(
        "div", element("h4", rollout["phase"], class_="wait"), element("p", message), checks, note, class_="card"
    )
    return joined([element("h3", "Under way"), card])


def _decision(record: DecisionRecord) -> Markup:
    decision = record.decision
    done, color = OUTCOMES.get(decision["decision"], (decision["decision"], "dim"))
    head = element("h4", f"version {record.number} ", element("span", done, class_=_CLASSES[color]))
    by = _soft(f"by {decision['by']} at {record.time}: {decision.get('reason', '')}")
    policy = by_policy(decision.get("policy", ""), decision.get("policyHash", ""))
    place = ", ".join(filter(None, [decision.get("revision") and f"revision {decision['revision']}", policy]))
    checks = [_check(summarize(check)) for check in decision.get("checks") or ()]
    return element("div", head, by, element("p", decision.get("message", "")), checks, _soft(place), class_="card")


def _check(check: CheckSummary) -> Markup:
    verdict = element("strong", check.verdict, class_=_VERDICTS.get(check.verdict, "wait"))
    about = element("p", f"{check.name}: ", verdict, f": {check.message}" if check.message else "")
    counts = [f"{rate.track}: {rate.text}" for rate in check.rates]
    evidence = [f"evidence {check.evidence}"] if check.rates and check.bound else []
    facts = [*([check.query] if check.query else []), *([f"bound: {check.limits}"] if check.limits else [])]
    lines = [_soft(line) for line in (*facts, *counts, *evidence)]
    return element("div", about, chart(check) if check.rates else "", lines, class_="check")


def _quarantines(version: Object) -> list[Markup]:
    return [_quarantine(version, entry) for entry in status(version).get("quarantine") or ()]


def _quarantine(version: Object, entry: Json) -> Markup:
    where = f" ({entry['deployment']})" if entry.get("deployment") else ""
    text = f"{name(version)} since {entry.get('time', '')}{where}: {entry['reason']}: {entry.get('message', '')}"
    return element("p", text, class_="card bad")


def _requests(tree: DeploymentTree) -> Markup:
    """The table of what each object was asked last: the former ones are in its Requests and in the log."""
    objects = [tree.deployment, *reversed(tree.versions)]
    found, _ = each("object", objects, lambda o: [(name(o), r) for r in reversed(status(o).get("requests") or ())])
    requests = [request for of_one in found for request in of_one]
    rows = [
        [r.get("time", ""), place, r.get("verb", ""), r.get("user", ""), r.get("outcome", ""), r.get("message", "")]
        for place, r in requests
    ]
    head = ["time", "object", "request", "by", "answer", ""]
    return joined([element("h3", "Last requests of people"), _table(head, rows)]) if rows else Markup()


def _version(tree: DeploymentTree, version: Object) -> Markup:
    what = role(int(version["spec"]["version"]), tree.status, version)
    facts = [element("dt", k) + element("dd", v if isinstance(v, Markup) else str(v)) for k, v in _facts(version) if v]
    title = element("h4", f"v{version['spec']['version']} ", element("span", what, class_="soft"))
    return element("div", title, element("dl", [Markup(f) for f in facts]), class_="card")


def _facts(version: Object) -> Iterator[tuple[str, Any]]:
    spec, now = version["spec"], status(version)
    ready, origin = condition(version, "Ready"), spec.get("origin") or {}
    yield "state", f"{ready.get('reason', 'Unknown')}: {ready.get('message', '')}"
    yield "digest", element("code", now["digest"]) if now.get("digest") else ""
    yield "source", element("code", _place(spec["source"]))
    yield "validated", now.get("validatedAt")
    yield "origin", " ".join(str(v) for v in origin.values())
    yield "format", " ".join(str(v) for v in (spec.get("format") or {}).values())
    yield "server", element("code", (spec.get("runtime") or {}).get("image", ""))
    for part in ("metrics", "lineage"):
        yield part, _pairs(now.get(part) or spec.get(part) or {})
    yield "card", _pairs(spec.get("card") or {})


def _place(source: Json) -> str:
    uri = source.get("uri")
    return shown(str(uri)) if uri else str((source.get("mlflow") or {}).get("name") or "")


def _pairs(values: Json) -> str:
    flat = {k: _pairs(v) if isinstance(v, Mapping) else str(v) for k, v in values.items()}
    return ", ".join(f"{k} {v}" for k, v in flat.items())


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Markup:
    cells = [element("tr", (element("td", cell) for cell in row)) for row in rows]
    return element("div", element("table", element("tr", (element("th", h) for h in head)), cells), class_="wide")


def _soft(text: str) -> Markup:
    return element("p", text, class_="soft") if text else Markup()
