"""Every manifest of the documentation goes through types, API server and a version to come, and is as written."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from control_plane import ApiServer, running
from docs.manifests import OURS, Source, sources
from linnet.api.generate.crds import KINDS, crd
from linnet.api.names import GROUP, VERSION

Object = dict[str, Any]
OUR_SOURCES = [source for source in sources() if source.ours]
WITH_OURS = [pytest.param(source, id=source.place) for source in OUR_SOURCES]
NEXT = "v1beta1"


def paths(value: Any, at: str = "") -> Iterator[str]:
    """Where each part of a document is."""
    yield at
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from paths(part, f"{at}.{key}")


@pytest.mark.parametrize("source", WITH_OURS)
def test_the_types_lose_nothing(source: Source) -> None:
    """What the operator reads, written down again, says the same, and no field of it is gone."""
    for item in source.ours:
        read = OURS[item["kind"]].spec.model_validate(item["spec"])
        written = read.model_dump(mode="json", by_alias=True, exclude_none=True)
        assert type(read).model_validate(written) == read
        assert set(paths(item["spec"])) <= set(paths(written))


@pytest.mark.integration
@pytest.mark.parametrize("source", WITH_OURS)
def test_what_is_applied_is_read_back(api: ApiServer, source: Source) -> None:
    """The API server fills nothing in and drops nothing: Git and the cluster agree."""
    for item in stored(api, source, "round-trip"):
        assert api.get(item)["spec"] == item["spec"]
        api.http.delete(path(item)).raise_for_status()


def stored(api: ApiServer, source: Source, namespace: str) -> list[Object]:
    """The source's objects, in a namespace of this test."""
    api.namespace(namespace, hostnames="*")
    found = []
    for item in source.ours:
        named = {**item["metadata"], "namespace": namespace}
        found.append({"apiVersion": item["apiVersion"], "kind": item["kind"], "metadata": named, "spec": item["spec"]})
        answer = api.create(found[-1])
        assert answer.status_code == 201, answer.text
    return found


def path(item: Object, version: str = VERSION) -> str:
    plural = OURS[item["kind"]].plural
    meta = item["metadata"]
    return f"/apis/{GROUP}/{version}/namespaces/{meta['namespace']}/{plural}/{meta['name']}"


def serve(api: ApiServer, *, stores: str, also: str | None = None) -> None:
    """All kinds in both versions, by one schema and without conversion, as docs/reference/api-evolution.md has it."""
    for kind in KINDS:
        made = crd(kind)
        (now,) = made["spec"]["versions"]
        names = [name for name in (stores, also) if name is not None]
        made["spec"]["versions"] = [{**copy.deepcopy(now), "name": n, "storage": n == stores} for n in names]
        made["spec"]["conversion"] = {"strategy": "None"}
        api.must("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(made))
    api.must("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")


@pytest.mark.integration
def test_the_next_version_comes_without_a_conversion(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Served beside, then stored, then alone: no spec and no status changes on the way, and no webhook is needed."""
    with running(tmp_path_factory.mktemp("versions")) as api:
        given = [item for n, source in enumerate(OUR_SOURCES) for item in stored(api, source, f"example-{n}")]
        model = next(item for item in given if item["kind"] == "Model")
        api.patch(model, {"status": {"current": 7}}, subresource="/status").raise_for_status()
        serve(api, stores=VERSION, also=NEXT)
        agree(api, given, NEXT)
        serve(api, stores=NEXT, also=VERSION)
        agree(api, given, VERSION)
        kinds = ",".join(f"{kind.plural}.{NEXT}.{GROUP}" for kind in KINDS)
        api.must("replace", "-f", "-", stdin=api.must("get", kinds, "-A", "-o", "json"))
        for kind in KINDS:
            migrated = json.dumps({"status": {"storedVersions": [NEXT]}})
            name = f"{kind.plural}.{GROUP}"
            api.must("patch", "crd", name, "--subresource", "status", "--type", "merge", "-p", migrated)
        serve(api, stores=NEXT)
        agree(api, given, NEXT)
        assert api.http.get(path(model, NEXT)).json()["status"]["current"] == 7
        assert api.http.get(path(model)).status_code == 404


def agree(api: ApiServer, given: list[Object], version: str) -> None:
    """All of them can be read in that version, as they were written."""
    for item in given:
        read = api.http.get(path(item, version)).raise_for_status().json()
        assert (read["apiVersion"], read["spec"]) == (f"{GROUP}/{version}", item["spec"])
