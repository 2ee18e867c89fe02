"""The Lua for Argo CD, run as Argo CD does (5.1, without libraries), on its test data and on whole rollouts."""

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from lupa import lua51

from docs.pages import REPO
from linnet.api.kinds.request import RequestSpec
from linnet.api.names import API_VERSION
from linnet.core.rollout.requests.verbs import ALLOWED
from simulator import Behavior, Cluster

ARGOCD = REPO / "docs/examples/argocd"
SCRIPTS = ARGOCD / "resource_customizations/linnet.dev"
Object = dict[str, Any]


class Lua:
    """One script and its answer for an object."""

    def __init__(self, path: Path) -> None:
        self._lua = lua51.LuaRuntime(unpack_returned_tuples=True)
        self._lua.execute(
            "local date = os.date; local safe = {date = date}; "
            "require = function(name) assert(name == 'os'); return safe end; "
            "string, table, math, io, os, debug, package = nil; getmetatable('').__index = nil"
        )
        self._script = self._lua.eval(f"function(given) obj = given; {path.read_text()} end")

    def __call__(self, item: Object) -> Any:
        return plain(self._script(self._table(item)))

    def _table(self, value: Any) -> Any:
        if isinstance(value, dict):
            return self._lua.table_from({k: self._table(v) for k, v in value.items()})
        return self._lua.table_from([self._table(v) for v in value]) if isinstance(value, list) else value


def plain(value: Any) -> Any:
    """A Lua table as a dict, or as a list if it is one."""
    if not hasattr(value, "items"):
        return value
    found = {key: plain(item) for key, item in value.items()}
    return list(found.values()) if found and set(found) == set(range(1, len(found) + 1)) else found


def cases(pattern: str, key: str) -> list[Any]:
    return [
        pytest.param(path.parent, case, id=f"{path.relative_to(SCRIPTS).parts[0]}-{Path(case['inputPath']).stem}")
        for path in sorted(SCRIPTS.glob(pattern))
        for case in yaml.safe_load(path.read_text())[key]
    ]


def given(folder: Path, case: Object) -> Object:
    return dict(yaml.safe_load((folder / case["inputPath"]).read_text()))


@pytest.mark.parametrize(("folder", "case"), cases("*/health_test.yaml", "tests"))
def test_health(folder: Path, case: Object) -> None:
    """Status and message for each piece of test data."""
    assert Lua(folder / "health.lua")(given(folder, case)) == case["healthStatus"]


def test_every_kind_has_a_health_check_for_all_its_test_data() -> None:
    """No test data is forgotten."""
    for kind in ("Model", "ModelVersion", "Deployment", "RetrainPolicy"):
        listed = {c["inputPath"] for c in yaml.safe_load((SCRIPTS / kind / "health_test.yaml").read_text())["tests"]}
        assert listed == {f"testdata/{p.name}" for p in (SCRIPTS / kind / "testdata").glob("*.yaml")}


@pytest.mark.parametrize(("folder", "case"), cases("*/actions/action_test.yaml", "discoveryTests"))
def test_discovery(folder: Path, case: Object) -> None:
    """Which actions can be clicked."""
    found = Lua(folder / "discovery.lua")(given(folder, case))
    assert found == {row["name"]: {"disabled": row["disabled"]} for row in case["result"]}
    assert found.keys() == {p.parent.name for p in folder.glob("*/action.lua")}


@pytest.mark.parametrize(("folder", "case"), cases("*/actions/action_test.yaml", "actionTests"))
def test_action(folder: Path, case: Object) -> None:
    """It creates a Request that the operator can read, which nothing tracks, and changes nothing."""
    item = given(folder, case)
    [impacted] = Lua(folder / case["action"] / "action.lua")(item)
    request = impacted["resource"]
    assert (impacted["operation"], request["apiVersion"], request["kind"]) == ("create", API_VERSION, "Request")
    spec = RequestSpec.model_validate(request["spec"])
    assert (spec.target.kind, spec.target.name) == (item["kind"], item["metadata"]["name"])
    assert (spec.verb, spec.user) == (case["expectedRequest"], "system:serviceaccount:argocd:argocd-server")
    assert re.fullmatch(rf"{spec.target.name}-{spec.verb}-[0-9]{{14}}", request["metadata"]["name"])
    assert request["metadata"].keys() <= {"name", "namespace"}


@pytest.mark.parametrize("phase", [None, "Starting", "Stepping", "Promoting", "Baking", "Finishing", "RollingBack"])
def test_discovery_follows_the_table_of_requests(phase: Any) -> None:
    """An action can be clicked exactly where the operator obeys it."""
    rollout = {"phase": phase, "from": {"name": "a"}, "to": {"name": "b"}, "paused": True}
    item = {"metadata": {}, "status": {"held": "b"} | ({"rollout": rollout} if phase else {})}
    found = Lua(SCRIPTS / "Deployment/actions/discovery.lua")(item)
    assert {v for v, a in found.items() if not a["disabled"]} == {str(v) for v, on in ALLOWED.items() if phase in on}


def clickable(cluster: Cluster) -> set[str]:
    item = {"metadata": {"name": "a"}, "spec": cluster.spec, "status": cluster.status}
    found = Lua(SCRIPTS / "Deployment/actions/discovery.lua")(item)
    return {verb for verb, action in found.items() if not action["disabled"]}


@pytest.mark.rollouts
def test_a_pause_is_left_only_where_there_is_one() -> None:
    """A step's, a person's in any phase; what spec.paused holds is for whoever writes the spec."""
    steps = [{"setWeight": 25}, {"pause": {}}, {"analyze": {"for": "60s"}}]
    cluster = Cluster().edit(strategy={"canary": {"steps": steps}}, analysis={"interval": "2s", "warmUp": "0s"})
    cluster.run(5)
    assert "resume" not in clickable(cluster)
    cluster.publish(2).run(60, until=lambda c: "Paused" in c.ready_reason())
    assert "resume" in clickable(cluster)
    cluster.ask("resume - one jane").run(4)
    assert "resume" not in clickable(cluster)
    cluster.ask("pause - two jane").run(4)
    assert "resume" in clickable(cluster)
    cluster.edit(paused=True).run(4)
    assert "resume" not in clickable(cluster)


def names(verb: str) -> str:
    item = {"kind": "Deployment", "metadata": {"name": "risk", "namespace": "ml"}}
    [impacted] = Lua(SCRIPTS / f"Deployment/actions/{verb}/action.lua")(item)
    return str(impacted["resource"]["metadata"]["name"])


def test_two_actions_within_one_second_are_two_requests() -> None:
    """They have different names whatever the clock says."""
    verbs = [path.parent.name for path in SCRIPTS.glob("Deployment/actions/*/action.lua")]
    assert len({re.sub("[0-9]{14}", "", names(verb)) for verb in verbs}) == len(verbs)


def health_of(cluster: Cluster) -> str:
    status = cluster.typed.wire()
    generation = status.get("observedGeneration")
    item = {"metadata": {"name": "a", "generation": generation}, "spec": {}, "status": status}
    return str(Lua(SCRIPTS / "Deployment/health.lua")(item)["status"])


@pytest.mark.rollouts
def test_health_through_whole_rollouts() -> None:
    """Progressing while a good version comes, Suspended while a person is waited for, Degraded after a bad one."""
    steps = [{"setWeight": 25}, {"pause": {}}, {"analyze": {"for": "10s"}}]
    spec = {
        "strategy": {"canary": {"steps": steps}, "bake": {"time": "30s"}},
        "analysis": {"interval": "2s", "warmUp": "0s"},
    }
    cluster = Cluster().edit(**spec)
    cluster.run(5)
    assert health_of(cluster) == "Healthy"
    cluster.publish(2, Behavior())
    cluster.run(30, until=lambda c: health_of(c) == "Suspended")
    assert health_of(cluster) == "Suspended"
    cluster.ask("resume - one jane").run(4)
    assert health_of(cluster) == "Progressing"
    cluster.run(900, until=lambda c: c.phase == "AtRest")
    assert health_of(cluster) == "Healthy"
    cluster.publish(3, Behavior(errors=0.5))
    cluster.run(900, until=lambda c: "RollingBack" in c.history and c.phase == "AtRest")
    assert health_of(cluster) == "Degraded"


def test_the_config_map_is_fresh() -> None:
    """It holds the scripts as they are."""
    spec = importlib.util.spec_from_file_location("configmap", ARGOCD / "configmap.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ARGOCD / "argocd-cm.yaml").read_text() == module.render()
