"""The YAML of the documentation: manifests, and fragments of things that other programs read."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from docs.pages import REPO, blocks, shown
from linnet.api.generate.crds import KINDS

Object = dict[str, Any]
OURS = {kind.name: kind for kind in KINDS}
FOREIGN = {"Gateway", "Kustomization", "ScaledObject"}
"""Kinds that a plain API server does not know: other programs read them, or bring their definition."""


@dataclass(frozen=True)
class Source:
    """A block of a page or a file of the examples. `mark`: what a fragment is part of."""

    place: str
    text: str
    mark: str = ""

    @property
    def documents(self) -> list[Any]:
        # By the parser in C: whoever collects tests reads every page.
        read = yaml.load_all(shown(self.text), Loader=yaml.CSafeLoader)
        return [d for d in read if d is not None]

    @property
    def objects(self) -> list[Object]:
        return [d for d in self.documents if is_object(d)]

    @property
    def ours(self) -> list[Object]:
        return [o for o in self.objects if o["kind"] in OURS and o["apiVersion"].startswith("linnet.dev/")]

    @property
    def for_the_api_server(self) -> list[Object]:
        return [] if "/testdata/" in self.place else [o for o in self.objects if o["kind"] not in FOREIGN]


def is_object(document: Any) -> bool:
    return isinstance(document, dict) and {"apiVersion", "kind"} <= document.keys()


@cache
def sources() -> tuple[Source, ...]:
    return (*(Source(b.place, b.text, b.mark) for b in blocks("yaml")), *_files())


def _files() -> Iterator[Source]:
    for path in sorted((REPO / "docs/examples").rglob("*.yaml")):
        name = str(path.relative_to(REPO))
        mark = "kustomization" if "/kustomize/" in name and path.name != "model.yaml" else ""
        mark = "argocd" if path.name.endswith("_test.yaml") else mark
        yield Source(name, path.read_text(), mark)


@cache
def values() -> frozenset[str]:
    """The top-level values of the chart."""
    return frozenset(yaml.safe_load((REPO / "charts/linnet/values.yaml").read_text()))


def kind_of_fragment(source: Source) -> str:
    """What YAML without a kind is: `values`, `rules` (of a Role), `kustomization`, `argocd`; empty if nobody knows."""
    if source.mark:
        return source.mark
    [document] = source.documents
    if isinstance(document, dict) and document.keys() <= values():
        return "values"
    if isinstance(document, list) and all(isinstance(r, dict) and "apiGroups" in r for r in document):
        return "rules"
    return ""
