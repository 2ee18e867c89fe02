"""Every manifest of the documentation is accepted, by the types and by a real API server."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from control_plane import ApiServer
from docs.manifests import OURS, Source, is_object, kind_of_fragment, sources
from docs.pages import REPO
from linnet.api.kinds.deployment import DeploymentSpec
from linnet.api.kinds.model import ModelSpec
from linnet.api.kinds.retrain_policy import RetrainPolicySpec
from linnet.api.kinds.rollout_policy import RolloutPolicySpec
from linnet.core.parse import Invalid, parse_spec
from linnet.core.policy import unsupported
from linnet.core.retraining import preflight

ALL = [pytest.param(source, id=source.place) for source in sources()]
WITH_OBJECTS = [pytest.param(s, id=s.place) for s in sources() if s.for_the_api_server]
FRAGMENTS = [pytest.param(s, id=s.place) for s in sources() if not s.objects]
VALUES = [s for s in sources() if s.mark == "values"]
ALLOWED_ACCOUNTS = frozenset({"trainer"})


def values_with(key: str) -> list[Any]:
    """The blocks of values that set this key of the chart's."""
    return [pytest.param(s, id=s.place) for s in VALUES if key in s.documents[0]]


@pytest.mark.parametrize("source", ALL)
def test_yaml_is_a_manifest_or_says_what_it_is(source: Source) -> None:
    """Nothing in the documentation is YAML that no test can judge."""
    assert source.documents
    if not all(is_object(d) for d in source.documents):
        assert kind_of_fragment(source), "put <!-- values --> or the like before the block"


@pytest.mark.parametrize("source", [p for p in ALL if p.values[0].ours])  # type: ignore[union-attr]
def test_our_kinds_parse(source: Source) -> None:
    """The operator's own types take each spec, and its features are there."""
    for item in source.ours:
        spec = parse_spec(OURS[item["kind"]].spec, item["spec"])
        assert not isinstance(spec, Invalid), spec
        assert list(later(spec)) == []


def later(spec: Any) -> Any:
    """Fields whose feature comes later: an example must not use them."""
    match spec:
        case ModelSpec():
            yield from unsupported.in_model(spec)
        case DeploymentSpec():
            yield from unsupported.in_deployment(spec)
        case RolloutPolicySpec():
            yield from unsupported.in_blocks(spec)
        case RetrainPolicySpec():
            yield from preflight.obstacles(spec, dict.fromkeys(ALLOWED_ACCOUNTS, ""))


@pytest.mark.integration
@pytest.mark.parametrize("source", WITH_OBJECTS)
def test_the_api_server_accepts_it(api: ApiServer, source: Source) -> None:
    """A server-side dry run, with unknown fields refused."""
    for item in source.for_the_api_server:
        api.namespace(item.get("metadata", {}).get("namespace", "default"), hostnames="*.example.org")
    manifest = yaml.safe_dump_all([without_status(o) for o in source.for_the_api_server])
    said = api.kubectl("apply", *FLAGS, "-f", "-", stdin=manifest)
    assert said.code == 0, said.err


FLAGS = ("--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict")
"""The Namespaces of these examples are there, since their objects need them."""


def without_status(item: dict[str, Any]) -> dict[str, Any]:
    """What a person would apply of an object that was read from a cluster."""
    return {key: value for key, value in item.items() if key != "status"}


@pytest.mark.integration
@pytest.mark.parametrize("source", FRAGMENTS)
def test_fragments_are_what_they_say(api: ApiServer, source: Source, tmp_path: Path) -> None:
    """Values render the chart, rules make a Role, kustomizations build: each by the program that reads it."""
    [document] = source.documents
    match kind_of_fragment(source):
        case "values":
            (tmp_path / "values.yaml").write_text(yaml.safe_dump(document))
            said = api.helm(
                "template", "linnet", str(REPO / "charts/linnet"), "--values", str(tmp_path / "values.yaml")
            )
            assert said.code == 0, said.err
        case "rules":
            meta = {"name": "from-the-documentation", "namespace": "default"}
            role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": meta, "rules": document}
            manifest = yaml.safe_dump(role)
            api.must("apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-", stdin=manifest)
        case "kustomization" | "argocd":
            pass  # built, or run, with the files beside it: test_kustomize.py, test_argocd.py
        case other:
            pytest.fail(f"nobody knows what {other!r} is")


@pytest.mark.integration
@pytest.mark.parametrize("source", values_with("runtimes"))
def test_runtimes_in_values_reach_the_catalogue(api: ApiServer, source: Source, tmp_path: Path) -> None:
    """The operator starts with the files that the chart makes of them."""
    from linnet.adapters.platform import platform
    from linnet.settings import read

    (tmp_path / "values.yaml").write_text(source.text)
    chart = ["template", "linnet", str(REPO / "charts/linnet"), "-s", "templates/runtimes.yaml"]
    config = yaml.safe_load(api.helm(*chart, "--values", str(tmp_path / "values.yaml")).out)
    folder = tmp_path / "runtimes"
    folder.mkdir()
    for name, text in config["data"].items():
        (folder / name).write_text(text)
    known = platform(read({"LINNET_LEADER_ELECTION": "false", "LINNET_RUNTIMES_DIR": str(folder)})).catalogue
    asked = yaml.safe_load(source.text)["runtimes"]
    assert {name: known.entries[name].image for name in asked} == {name: e["image"] for name, e in asked.items()}


@pytest.mark.integration
@pytest.mark.parametrize("source", values_with("prometheus"))
def test_prometheus_in_values_reaches_the_operator(api: ApiServer, source: Source, tmp_path: Path) -> None:
    """It starts with the file that the chart makes, its queries as they were written."""
    from linnet.adapters.platform import platform
    from linnet.settings import read

    (tmp_path / "values.yaml").write_text(source.text)
    chart = ["template", "linnet", str(REPO / "charts/linnet"), "-s", "templates/prometheus.yaml"]
    config = yaml.safe_load(api.helm(*chart, "--values", str(tmp_path / "values.yaml")).out)
    file = tmp_path / "prometheus.yaml"
    file.write_text(config["data"][file.name])
    server = platform(read({"LINNET_LEADER_ELECTION": "false", "LINNET_PROMETHEUS_FILE": str(file)})).prometheus
    assert server is not None
    asked = yaml.safe_load(source.text)["prometheus"]
    assert (server.url, dict(server.queries)) == (asked["url"], asked.get("queries", {}))
    assert (server.token_file is not None) == ("tokenSecret" in asked)


@pytest.mark.integration
@pytest.mark.parametrize("source", values_with("hooks"))
def test_hooks_in_values_reach_the_operator(api: ApiServer, source: Source, tmp_path: Path) -> None:
    """It starts with the file that the chart makes, its endpoints as they were written."""
    from linnet.adapters.platform import platform
    from linnet.settings import read

    (tmp_path / "values.yaml").write_text(source.text)
    chart = ["template", "linnet", str(REPO / "charts/linnet"), "-s", "templates/hooks.yaml"]
    config = yaml.safe_load(api.helm(*chart, "--values", str(tmp_path / "values.yaml")).out)
    file = tmp_path / "hooks.yaml"
    file.write_text(config["data"][file.name])
    hooks = platform(read({"LINNET_LEADER_ELECTION": "false", "LINNET_HOOKS_FILE": str(file)})).hooks
    assert hooks is not None
    asked = yaml.safe_load(source.text)["hooks"]
    assert {name: e.url for name, e in hooks.by_name.items()} == {e["name"]: e["url"] for e in asked["endpoints"]}
    assert hooks.events is not None
    assert (hooks.events.endpoint, hooks.events.reasons) == (asked["events"]["endpoint"], asked["events"]["reasons"])
