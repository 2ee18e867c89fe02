"""An object that is other than its schema says costs itself: it is named, and whatever else there is is shown."""

import copy
import json
import random
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from cli import rollouts
from cli.person import Object, Person
from control_plane import Said
from samples import deployment, model_version

COMMANDS = (
    ("get",),
    ("get", "-o", "json"),
    ("report",),
    ("history", "tumor-risk"),
    ("explain", "tumor-risk"),
    ("get", "tumor-risk"),
)
OTHER: tuple[Any, ...] = (None, "x", -1, 10**19, [], [None], ["x"], {}, {"a": None}, "1e400")
SAMPLES = 60


@cache
def story() -> str:
    return json.dumps([*rollouts.objects(rollouts.canary()), *rollouts.objects(rollouts.rolled_back())[2:3]])


def objects() -> list[Object]:
    """A canary under way, beside another Deployment `fraud` and its version."""
    of_story = {(o["kind"], o["metadata"]["name"]): o for o in json.loads(story())}
    other = {**deployment(), "metadata": {"name": "fraud"}}
    other["spec"] = {**other["spec"], "model": {"name": "fraud"}}
    version = {**model_version(1), "metadata": {"name": "fraud-v1"}}
    version["spec"] = {**version["spec"], "model": {"name": "fraud"}}
    return [*of_story.values(), other, version]


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """(container, key) of each value within."""
    for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from places(value[key])


@pytest.fixture
def shown(person: Person, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What a command says of these objects: kubectl's part is played in this process, since there are many."""

    def listed(words: list[str], there: list[Object]) -> bytes:
        place = next(w for w in words if w.startswith("/") or "linnet.dev" in w or w == "configmaps")
        plural = place.split("?")[0].split("/namespaces/")[-1].split("/")
        kind = {"deployments": "Deployment", "modelversions": "ModelVersion", "pods": "Pod", "configmaps": "ConfigMap"}
        named = plural[2] if len(plural) > 2 else ""
        wanted = kind[(plural[1] if len(plural) > 1 else plural[0]).partition(".")[0]]
        found = [o for o in there if o.get("kind") == wanted]
        if named:
            return json.dumps(next(o for o in found if o["metadata"]["name"] == named)).encode()
        return json.dumps({"items": found}).encode()

    def says(there: list[Object], *words: str) -> Said:
        monkeypatch.setattr(
            "linnet.cli.cluster.kubectl.outputs", lambda commands, _: iter([listed(c, there) for c in commands])
        )
        return person.sees(*there).types(*words, "-n", "ml")

    return says


@pytest.mark.rollouts
@pytest.mark.parametrize("words", [c for c in COMMANDS if c != ("explain", "tumor-risk")], ids=" ".join)
def test_an_object_costs_itself(shown: Any, words: tuple[str, ...]) -> None:
    """Whatever stands in the place of any of its values: the command ends well, and the other Deployment is there."""
    drawn = random.Random(7)
    clean = [i for i, o in enumerate(objects()) if o["kind"] != "ConfigMap" and o["metadata"]["name"][:5] != "fraud"]
    for _ in range(SAMPLES):
        there = objects()
        spoiled = there[drawn.choice(clean)]
        kept = spoiled["kind"], spoiled["metadata"]["name"]
        container, key = drawn.choice([p for p in places(spoiled) if p[1] not in {"kind", "metadata", "name"}])
        container[key] = copy.deepcopy(drawn.choice(OTHER))
        if "tumor-risk" in words and kept[0] == "Deployment" and key in {"model", "spec"}:
            continue
        said = shown(there, *words)
        assert "Traceback" not in said.err
        assert said.code == 0, (kept, key, container, said.err)
        assert "tumor-risk" in words or words[0] == "history" or "fraud" in said.out


@pytest.mark.rollouts
@pytest.mark.parametrize(
    ("kind", "part", "value"),
    [("ModelVersion", "spec", None), ("ModelVersion", "status", {"quarantine": [7]}), ("Deployment", "spec", [])],
)
def test_it_is_named(shown: Any, kind: str, part: str, value: Any) -> None:
    """By kind and name, in the tree, in the data for programs and in the report."""
    there = objects()
    spoiled = next(o for o in there if o["kind"] == kind)
    spoiled[part] = value
    named = f"{kind} {spoiled['metadata']['name']} can't be read by this release"
    assert named in shown(there, "get").out
    assert part == "status" or named in json.dumps(json.loads(shown(there, "get", "-o", "json").out))
    assert named in shown(there, "report").out.replace("&#x27;", "'")


def test_a_list_is_read_beside_what_is_nested_without_end(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody chooses the managedFields of what they create: 10,000 levels are kept."""
    deep = json.dumps(deployment()).replace(
        '"metadata": {', '"metadata": {"managedFields": ' + "[" * 9000 + "]" * 9000 + ","
    )
    other = json.dumps({**deployment(), "metadata": {"name": "fraud"}})
    answers = [f'{{"items": [{deep}, {other}]}}', '{"items": []}', '{"items": []}']
    monkeypatch.setattr("linnet.cli.cluster.kubectl.outputs", lambda *_: iter([a.encode() for a in answers]))
    said = person.sees().types("get", "-n", "ml")
    assert said.code == 0
    assert [line.split()[0] for line in said.out.splitlines() if line] == ["fraud", "tumor-risk"]


def test_what_can_not_be_decoded_at_all_is_counted(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no name that could be read; the others are shown."""
    lost = '{"metadata": {"generation": ' + "9" * 5000 + "}}"
    answers = [f'{{"items": [{lost}, {json.dumps(deployment())}]}}', '{"items": []}', '{"items": []}']
    monkeypatch.setattr("linnet.cli.cluster.kubectl.outputs", lambda *_: iter([a.encode() for a in answers]))
    said = person.sees().types("get", "-n", "ml")
    assert said.code == 0
    assert said.out.startswith("tumor-risk")
    assert "Deployment ? can't be read by this release" in said.out
