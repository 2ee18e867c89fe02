"""The report that `kubectl linnet report` writes: one file, safe to open, with the facts of history and explain."""

import json
from functools import cache
from html.parser import HTMLParser
from typing import Any

import pytest

from cli import rollouts
from cli.person import Object, Person
from control_plane import Said
from samples import changed, deployment, model_version

EVIL = "<script>alert(1)</script>\"'><img src=http://evil>"


class Reader(HTMLParser):
    """Tags, attributes and text as a browser takes them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data + " "


def report(person: Person, *words: str) -> tuple[Said, str]:
    file = person.folder / "report.html"
    said = person.types("report", *words, "-o", str(file))
    return said, file.read_text() if file.exists() else ""


@cache
def _story() -> str:
    return json.dumps(rollouts.objects(rollouts.promoted().run(120).publish(3, rollouts.FAILING).run(300)))


def story() -> list[Object]:
    """Version 2 was promoted, version 3 failed."""
    return list(json.loads(_story()))


@pytest.mark.rollouts
def test_it_has_the_facts_of_history_and_explain(person: Person) -> None:
    """What serves, every decision with its counts and evidence, the quarantine, digests."""
    said, html = report(person.sees(*story()))
    assert (said.code, said.out) == (0, f"{person.folder / 'report.html'}: 1 Deployment\n")
    text = Reader(html).text
    for decision in json.loads(person.types("history", "tumor-risk", "-o", "json").out):
        assert decision["message"] in text
        assert decision["time"] in text
    explained = person.types("explain", "tumor-risk").out
    for line in ("errors: Fail : the canary is worse than stable", "not above stable's rate; less than 0.2 %"):
        assert line in text
    evidence = next(line for line in explained.splitlines() if "refuted" in line).partition("█ ")[2]
    assert evidence in text
    assert "tumor-risk-v3 since" in text
    assert f"sha256:{3:064x}" in text
    assert Reader(html).tags.count("svg") == 4


@pytest.mark.rollouts
def test_a_rollout_under_way_has_its_counts(person: Person) -> None:
    """Or why they can't be read."""
    person.sees(*rollouts.objects(rollouts.canary().run(10)))
    text = Reader(report(person)[1]).text
    assert "Under way Stepping" in text
    assert "counts of 2026-01-01T00:00:" in text
    text = Reader(report(person.may_not_get("configmaps"))[1]).text
    assert "Forbidden" in text
    assert "errors: InsufficientData" in text


def test_it_loads_nothing_and_runs_nothing(person: Person) -> None:
    """Neither a browser's network nor a script is needed, and a policy in the page forbids both."""
    html = report(person.sees(deployment(), model_version(1)))[1]
    read = Reader(html)
    assert not {"script", "link", "img", "iframe", "a"} & set(read.tags)
    assert not {"src", "href", "style", "onload"} & {key for key, _ in read.attributes}
    assert "url(" not in html
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in read.attributes
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html


def test_no_text_of_the_cluster_becomes_markup(person: Person) -> None:
    """Whatever somebody wrote into a message, a name or a card."""
    evil: Any = {"id": "a", "deployment": "", "decision": "Quarantined", "by": EVIL, "time": EVIL, "reason": EVIL}
    evil |= {"message": EVIL, "checks": [{"name": EVIL, "verdict": EVIL, "message": EVIL, "canaryRequests": 5}]}
    version: Any = changed(model_version(1), "status.decisions", [evil])
    version["status"]["quarantine"] = [{"reason": EVIL, "message": EVIL, "deployment": EVIL, "revision": EVIL}]
    version["spec"]["card"] = {"owner": EVIL}
    request = {"uid": EVIL, "verb": EVIL, "user": EVIL, "outcome": EVIL, "message": EVIL}
    html = report(person.sees({**deployment(), "status": {"requests": [request]}}, version))[1]
    read = Reader(html)
    assert not {"script", "img"} & set(read.tags)
    assert read.text.count("<script>alert(1)</script>") >= 10


def test_requests_of_people_are_there_with_their_names(person: Person) -> None:
    """And a presigned address without its secret."""
    request = {"uid": "1", "verb": "abort", "user": "jane", "outcome": "Accepted", "message": "going back"}
    version = changed(model_version(1), "spec.source.uri", "https://bucket/model?X-Amz-Signature=secret")
    html = report(person.sees({**deployment(), "status": {"requests": [request]}}, version))[1]
    assert "tumor-risk abort jane Accepted going back" in Reader(html).text
    assert "https://bucket/model" in html
    assert "secret" not in html


def test_those_named_are_in_it_and_no_others(person: Person) -> None:
    """In their order; one that is not there is an error, and nothing is written."""
    person.sees(deployment("a"), deployment("b"), deployment("c"))
    assert Reader(report(person, "c", "a")[1]).text.startswith("Linnet: c, a")
    assert "<h2>b</h2>" not in report(person, "c", "a")[1]
    (person.folder / "report.html").unlink()
    said, html = report(person, "c", "x")
    assert (said.code, said.err, html) == (1, "no Deployment (mld) x in this namespace\n", "")


def test_without_a_file_it_is_printed(person: Person) -> None:
    """For a pipe; a place that can't be written is named."""
    person.sees(deployment())
    assert person.types("report").out.startswith("<!doctype html>")
    said = person.types("report", "-o", str(person.folder / "no" / "such"))
    assert (said.code, said.err.endswith("No such file or directory\n")) == (1, True)
