"""Ordinary mistakes in manifests: each is told in a sentence, and none keeps the others from being told."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from cli.person import Object, Person
from control_plane import REPO, Said
from linnet.api.names import GROUP
from samples import changed, deployment, model, model_version, rollout_policy

EXAMPLES = sorted(p for p in (REPO / "docs/examples").rglob("*.yaml") if not {"kustomize", "argocd"} & set(p.parts))
VALUES: tuple[Any, ...] = ("10", 5, -3, 10**20, True, None, [5], {"x": "y"})


def lint(person: Person, text: str, *more: str) -> Said:
    file = person.folder / "all.yaml"
    file.write_text(text)
    return person.types("lint", str(file), *more)


@pytest.mark.parametrize(
    ("item", "path", "value", "sentence"),
    [
        (deployment(), "spec.strategy", {"canary": {"steps": [{"setWeight": "10"}]}}, "steps[0].setWeight: must be of"),
        (rollout_policy(), "spec.analysis", {"alpha": 1}, "spec.analysis.alpha: must be of type string, not int"),
        (deployment(), "spec.analysis", {"checks": [{"name": "errors", "signal": "Errors", "max": -3}]}, "write '-3'"),
        (model(), "spec.runtime", {"name": "custom"}, "spec.runtime: "),
        (model(), "metadata", {}, "metadata.name: is required"),
        (model(), "metadata", "risk", "metadata: must be of type object, not str"),
        (model(), "metadata.lables", {"a": "b"}, "metadata.lables: there is no such field"),
        (model(), "metadata.labels", {"a": 1}, "metadata.labels.a: must be of type string, not int"),
        (model(), "metadata.namespace", 5, "metadata.namespace: must be of type string, not int"),
        (model(), "apiVersion", "", "apiVersion: is required: write linnet.dev/"),
    ],
)
def test_a_mistake_is_told_beside_the_others(
    person: Person, item: Object, path: str, value: Any, sentence: str
) -> None:
    """Also where a rule was written for a value of another type."""
    other = changed(deployment(), "spec.replicaz", 2)
    said = lint(person, yaml.safe_dump_all([changed(item, path, value), other]))
    assert said.code == 1
    assert sentence in said.out
    assert "spec.replicaz: there is no such field" in said.out


def test_a_request_in_a_file_is_told_of(person: Person) -> None:
    """Git would ask it again and again."""
    asked = {"target": {"kind": "Deployment", "name": "risk"}, "verb": "abort", "user": "jane"}
    item = {"apiVersion": f"{GROUP}/v1alpha1", "kind": "Request", "metadata": {"name": "stop"}, "spec": asked}
    assert "it has no place in Git" in lint(person, yaml.safe_dump(item)).out


@pytest.mark.parametrize("option", ["--values", "--runtimes"])
@pytest.mark.parametrize("text", ["a: &a [*a]", "[" * 5000, "a: 2026-13-45", "x: {", "- 5", "5", "a: [1, {b: c}]"])
def test_a_platforms_file_that_cant_be_used_is_named(person: Person, option: str, text: str) -> None:
    """Whatever stands in it: a sentence, never a traceback."""
    folder = person.folder / "platform"
    folder.mkdir()
    (folder / "own.yaml").write_text(text)
    given = folder / "own.yaml" if option == "--values" else folder
    checks = [{"name": "own", "signal": "Prometheus", "query": {"name": "own"}, "min": "0.9"}]
    item = changed(deployment(), "spec.analysis", {"checks": checks})
    said = lint(person, yaml.safe_dump_all([model(), item]), option, str(given))
    assert said.code != 0
    assert str(folder) in said.out + said.err or "own" in said.out


def parts(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    for key, part in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from parts(part, (*path, key))


def mistaken(item: Object) -> Iterator[Object]:
    """The object with each of its parts made something else."""
    for path in parts(item):
        if len(path) < 2 or path == ("metadata", "name"):
            continue
        for value in VALUES:
            made = copy.deepcopy(item)
            at: Any = made
            for key in path[:-1]:
                at = at[key]
            at[path[-1]] = value
            yield made


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["Model", "Deployment", "RolloutPolicy", "RetrainPolicy", "ModelVersion"])
def test_no_mistake_ends_it(person: Person, kind: str) -> None:
    """Each value of each example of the documentation made each of several others, all in one file."""
    read = [d for p in EXAMPLES for d in yaml.safe_load_all(p.read_text()) if isinstance(d, dict)] + [model_version()]
    items = [d for d in read if d.get("kind") == kind and str(d.get("apiVersion")).startswith(GROUP)]
    unlike = {str(sorted(map(str, parts(d)))): d for d in items}.values()
    found = [changed(m, "metadata.name", f"m{n}") for n, m in enumerate(m for d in unlike for m in mistaken(d))]
    said = lint(person, yaml.safe_dump_all(found))
    assert said.code == 1
    assert f"\n{len(found)} objects of {GROUP}; " in said.out
