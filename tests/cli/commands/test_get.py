"""What `kubectl linnet get` shows of whole rollouts."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pytest

from cli import played
from cli.typing_at import Person
from linnet.cli.cluster.kubectl import Asked, Kubectl
from linnet.cli.cluster.objects import role
from linnet.cli.console import Console
from linnet.cli.main import main
from samples import deployment, model_version

pytestmark = pytest.mark.rollouts

CANARY = """\
tumor-risk  InsufficientData  version 2, step 2 of 4, weight 34 %. errors: …
├─ v1 stable       2/2 pods   █████████████░░░░░░░  67%
│  ├─ tumor-risk-v1-…  ready
│  └─ tumor-risk-v1-…  ready
└─ v2 canary       1/1 pods   ███████░░░░░░░░░░░░░  33%  Stepping step 2
   └─ tumor-risk-v2-…  ready
   errors: InsufficientData   latency: InsufficientData   pod-health: Pass
"""


def test_a_rollout_is_a_tree(person: Person) -> None:
    """Versions, what they are, their pods, their share, the verdicts; no colors where there is no terminal."""
    said = person.sees(*played.objects(played.canary())).types("get")
    assert re.sub(r"(?<=-v\d-)\S+|(?<=%\. errors: ).*", "…", said.out) == CANARY
    assert said.code == 0


def test_a_quarantined_version_stays_in_sight(person: Person) -> None:
    """With what it failed."""
    said = person.sees(*played.objects(played.rolled_back())).types("get", "tumor-risk")
    assert "└─ v2 quarantined  no pods     errors\n" in said.out
    assert "Quarantined" in said.out.splitlines()[0]


def test_a_hook_that_is_waited_for_is_named(person: Person) -> None:
    """In the tree with its beginning, above it and in `explain` with its last words."""
    objects = played.objects(played.waiting_for_hook())
    tree = person.sees(*objects).types("get").out
    assert "Starting, waits for hook change-freeze since 2026-01-01T00:00:05Z" in tree
    why = person.sees(*objects).types("explain", "tumor-risk").out
    assert "it waits for hook change-freeze (endpoint calendar) since 2026-01-01T00:00:05Z: nobody has decided" in why


def test_in_the_bake_the_former_version_is_the_holdback(person: Person) -> None:
    """Its share is that of its pods."""
    out = person.sees(*played.objects(played.promoted())).types("get").out
    assert re.search(r"v1 holdback +1/1 pods .* 33%", out)
    assert re.search(r"v2 stable +2/2 pods .* 67%  Baking", out)


def test_a_pods_trouble_stands_beside_it(person: Person) -> None:
    """The reason that the kubelet gives, and restarts."""
    cluster = played.serving()
    pod = next(iter(cluster.pods.values()))
    pod["status"]["conditions"][0]["status"] = "False"
    server = {"restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    pod["status"]["containerStatuses"] = [server]
    out = person.sees(*played.objects(cluster)).types("get").out
    assert "CrashLoopBackOff  3 restarts" in out
    assert "1/2 pods" in out


def test_programs_get_the_same(person: Person) -> None:
    """As data."""
    (found,) = json.loads(person.sees(*played.objects(played.canary())).types("get", "-o", "json").out)
    assert (found["name"], found["phase"]) == ("tumor-risk", "Stepping")
    assert [(v["version"], v["role"], v["share"]) for v in found["versions"]] == [
        (1, "stable", 0.67),
        (2, "canary", 0.33),
    ]


def test_the_policy_stands_below_the_tree(person: Person) -> None:
    """With the hash of what was frozen; at rest it is the one that the next rollout goes by."""
    cluster = played.sharing()
    assert cluster.typed.rollout is not None
    last = person.sees(*played.objects(cluster)).types("get").out.splitlines()[-1]
    assert last == f"   policy gentle ({cluster.typed.rollout.policy_hash})"
    cluster.ask("abort v2 id jane").run(60, until=lambda c: c.phase == "AtRest")
    last = person.sees(*played.objects(cluster)).types("get").out.splitlines()[-1]
    assert last == "   policy gentle"
    (found,) = json.loads(person.types("get", "-o", "json").out)
    assert found["policy"] == "gentle"


def test_an_empty_namespace_is_no_error(person: Person) -> None:
    """As with kubectl get."""
    said = person.sees().types("get")
    assert (said.code, said.out) == (0, "no Deployment (mld) in this namespace\n")


def test_in_a_pod_kubectl_alone_knows_the_namespace(person: Person) -> None:
    """There is no configuration that could be asked."""
    (person.folder / "in-a-pod").touch()
    said = person.sees(deployment(), model_version(1)).types("get", "tumor-risk")
    assert (said.code, said.out.split()[0]) == (0, "tumor-risk")


@pytest.mark.parametrize(("given", "colored"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_colors_are_for_terminals(person: Person, given: dict[str, str], colored: bool) -> None:
    """And for those who have not asked to be spared."""
    seen: list[Console] = []

    def run(_: object, console: Console) -> int:
        seen.append(console)
        return 0

    with (
        mock.patch.dict(os.environ, {"NO_COLOR": "", "TERM": "xterm", **given}),
        mock.patch("linnet.cli.commands.get.run", run),
        mock.patch("sys.stdout.isatty", return_value=True),
    ):
        main(["get"])
    assert seen[0].colors is colored
    assert ("\x1b" in seen[0].paint("text", "red")) is colored


@contextmanager
def watching(person: Person) -> Iterator[subprocess.Popen[str]]:
    path = f"{Path(__file__).parents[1]}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "FAKE_KUBECTL": str(person.folder)}
    command = [sys.executable, "-m", "linnet.cli", "get", "--watch"]
    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # tests in a shell's background inherit its "ignore"
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
            try:
                yield process
            finally:
                process.kill()
    finally:
        signal.signal(signal.SIGINT, before)


def test_watching_shows_each_change_until_it_is_interrupted(person: Person) -> None:
    """In a pipe one tree after the other."""
    with watching(person.sees(*played.objects(played.canary()))) as process:
        assert process.stdout is not None
        next(line for line in process.stdout if "v2 canary" in line)
        person.sees(*played.objects(played.rolled_back()))
        next(line for line in process.stdout if "v2 quarantined" in line)
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert process.wait() == 130


def test_a_first_version_starts() -> None:
    """There is no version beside it that it could be a canary of."""
    starting = {"rollout": {"phase": "Starting", "to": {"version": 1}}}
    assert role(1, starting, {"status": {}}) == "starting"


def test_kubectl_is_missed_with_a_sentence(person: Person, tmp_path: Path) -> None:
    """Not with a traceback."""
    import asyncio

    from linnet.cli.cluster.processes import CommandError

    with mock.patch.dict(os.environ, {"PATH": str(tmp_path)}), pytest.raises(CommandError, match="not on PATH"):
        asyncio.run(Kubectl().get("pods"))
    with mock.patch.dict(os.environ, {"PATH": str(tmp_path)}), pytest.raises(CommandError, match="not on PATH"):
        list(Kubectl(namespace="risk").read(Asked("api/v1", "pods")))
