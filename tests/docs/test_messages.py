"""A message that gives a command to type gives all of it: whoever copies it has nothing to fill in, in no namespace."""

import ast
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli import rollouts
from docs.pages import REPO
from linnet.cli.main import parser
from linnet.core.requests import commands
from simulator import Cluster

PRINTED = ("core", "adapters", "handlers", "cli")
"""The folders whose sentences a person reads in a status, an Event, a log or on a terminal."""
PLACEHOLDER = re.compile(r"<|>|…|\bNAME\b|\bNAMESPACE\b|\.\.\.")
COMMAND = re.compile(
    r"kubectl (?:linnet|get|describe|delete|create|apply|patch|label|annotate|logs|edit) [^;]*?(?=[;)]|\. |\.$|: |, |$)"
)


def commands_in(text: str) -> list[str]:
    return [found.strip() for found in COMMAND.findall(text)]


def sentences(path: Path) -> Iterator[str]:
    """The strings of a module but its docstrings, with `x1` for what is filled in."""
    tree = ast.parse(path.read_text())
    unsaid = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    within = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(p.value) if isinstance(p, ast.Constant) else "x1" for p in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and not {id(node)} & (unsaid | within):
            yield node.value


def written() -> list[tuple[str, str]]:
    files = [f for folder in PRINTED for f in sorted((REPO / "operator/linnet" / folder).rglob("*.py"))]
    shells = {"completion.py", "main.py"}
    return [
        (f.name, command)
        for f in files
        if f.name not in shells
        for said in sentences(f)
        for command in commands_in(said)
        if command != "kubectl linnet"
    ]


def parsed(command: str) -> None:
    """A command of ours is one that the command line takes; any has a namespace, and nothing to fill in."""
    assert " -n " in command, command
    assert not PLACEHOLDER.search(command), command
    program, *words = shlex.split(command)
    assert program == "kubectl"
    if words[0] == "linnet":
        options = parser().parse_args(words[1:])
        assert options.namespace


@pytest.mark.slow
def test_every_command_in_a_sentence_is_whole() -> None:
    """Of all that the code can say."""
    found = written()
    assert len(found) >= 5
    for _, command in found:
        parsed(command)


MADE_BY = {("commands", "linnet"), ("commands", "of_version")}


def calls() -> Iterator[tuple[str, list[str]]]:
    """The commands that are made by their function, by its name and its words."""
    for file in sorted((REPO / "operator/linnet").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                of = node.func.value
                if (getattr(of, "id", ""), node.func.attr) in MADE_BY and isinstance(node.args[0], ast.Constant):
                    yield node.func.attr, [str(a.value) if isinstance(a, ast.Constant) else "x1" for a in node.args]


@pytest.mark.slow
def test_every_command_that_is_made_is_one_of_the_command_line() -> None:
    """With its version or options, where it has some."""
    found = list(calls())
    assert {verb for _, (verb, *_) in found} >= {"resume", "retry", "release", "abort", "promote"}
    for name, words in found:
        verb, of, namespace, *more = words
        version = name == "of_version"
        made = commands.of_version(verb, of, namespace, 7) if version else commands.linnet(verb, of, namespace, *more)
        parsed(made)


@pytest.mark.parametrize(
    "page", sorted((REPO / "charts/linnet/templates/admission").glob("*.yaml")), ids=lambda p: p.name
)
def test_a_policys_commands_name_the_namespace(page: Path) -> None:
    """They are put together by CEL, from what was asked."""
    text = page.read_text()
    for match in re.finditer(r"kubectl (?!linnet)[a-z]", text):
        assert "request.namespace" in text[match.start() : match.start() + 250], text[match.start() : match.end() + 80]


def messages(cluster: Cluster) -> Iterator[str]:
    yield from (c.message for c in cluster.typed.conditions)
    yield from (answer.message for answer in cluster.answers)


def asked(cluster: Cluster, *texts: str) -> Cluster:
    for number, text in enumerate(texts):
        cluster.ask(f"{text} id{number} jane").run(3)
    return cluster


def unknown(cluster: Cluster) -> Cluster:
    cluster.status["rollout"]["phase"] = "Pondering"
    return cluster.run(3)


PAUSING = {"strategy": {"canary": {"steps": [{"setWeight": 34}, {"pause": {}}]}}}
TOLD: dict[str, tuple[Callable[[], Cluster], str]] = {
    "a person's pause": (lambda: asked(rollouts.canary(), "pause -"), "resume"),
    "a step's pause": (lambda: rollouts.serving().edit(**PAUSING).publish(2).run(30), "resume"),
    "a preview": (lambda: rollouts.serving().edit(strategy={"blueGreen": {}}).publish(2).run(30), "promote"),
    "a quarantine": (rollouts.rolled_back, "release"),
    "a retry of what is quarantined": (lambda: asked(rollouts.rolled_back(), "retry v2"), "release"),
    "a release of what is not": (lambda: asked(rollouts.rolled_back(), "release v1"), "release"),
    "an abort": (lambda: asked(rollouts.canary(), "abort v2").run(60), "retry"),
    "a later release's phase": (lambda: unknown(rollouts.canary()), "abort"),
    "a hook": (lambda: asked(rollouts.waiting_for_hook(), "promote -"), ""),
}


@pytest.mark.rollouts
@pytest.mark.parametrize("case", TOLD)
def test_what_a_person_is_told_can_be_typed(case: str) -> None:
    """In each state that waits for somebody, the message says by which command, and the command line takes it."""
    cluster, verb = TOLD[case][0](), TOLD[case][1]
    found = {command for message in messages(cluster) for command in commands_in(message)}
    assert not verb or any(command.startswith(f"kubectl linnet {verb} tumor-risk ") for command in found), found
    for command in found:
        parsed(command)
        assert command.endswith(" -n ml")


@pytest.mark.rollouts
def test_a_release_that_does_nothing_says_so_in_words() -> None:
    """Nothing is quarantined: no version `-` is spoken of."""
    cluster = asked(rollouts.serving(), "release -")
    assert cluster.answered.outcome == "Refused"
    assert cluster.answered.message == (
        "the version that it wants is not quarantined, and no other version of tumor-risk is"
    )
