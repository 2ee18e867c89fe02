"""Every command of the documentation is tried: none is left to the reader."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import samples
from control_plane import REPO, ApiServer, Said, as_user, install, path, running
from docs.commands import Command, How, all_commands
from integration.harness import until
from linnet.api.generate import crds

ALL = all_commands()
PAGES = list(dict.fromkeys(c.page for c in ALL if c.how in {How.RUN, How.DRY}))
POLICY = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/linnet-requests"
LEASES = "/apis/coordination.k8s.io/v1"
KINDS = ("models", "modelversions", "deployments", "rolloutpolicies", "retrainpolicies", "requests")
VERSIONS = (1, 3, 5, 7)
BARE = "docs/how-to/install.md"
"""The page that begins with a cluster on which nothing is installed."""


def by(how: How) -> list[Any]:
    return [pytest.param(c, id=f"{c.place}-{c.text[:50]}") for c in ALL if c.how is how]


def test_every_command_is_classified() -> None:
    """A command that no rule knows would be tried by nobody."""
    assert ALL
    assert [f"{c.place}: {c.text}" for c in ALL if c.how is None] == []


@pytest.mark.parametrize("command", by(How.MAKE))
def test_targets_are_there(command: Command) -> None:
    """make knows the target, and would run something for it."""
    words = [word for word in command.words[1:] if "=" not in word]
    said = subprocess.run(["make", "-n", *words], cwd=REPO, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    assert said.stdout


def test_every_command_parses() -> None:
    """As a shell reads it; for words of the shell itself that is all there is to test."""
    broken = [c for c in ALL if subprocess.run(["bash", "-n", "-c", c.text], check=False).returncode]
    assert broken == []


@pytest.fixture(scope="module", name="own")
def own_control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A control plane for these commands alone: some of them take everything away."""
    with running(tmp_path_factory.mktemp("commands")) as api:
        yield api


class Reader:
    """Somebody who types a page's commands, with kubectl, helm and linnet on the path, in a copy of the repository."""

    def __init__(self, api: ApiServer, folder: Path) -> None:
        self.api = api
        self.folder = folder / "linnet"
        self.folder.mkdir()
        for entry in REPO.iterdir():
            if not entry.name.startswith(".git"):
                (self.folder / entry.name).symlink_to(entry)
        (self.folder / "FOLDER").mkdir()
        tools = folder / "bin"
        tools.mkdir()
        config = folder / "kubeconfig"
        config.write_text(json.dumps(with_namespace(json.loads(api.kubeconfig.read_text()))))
        path = f"{tools}:{api.bin}:{REPO / '.venv/bin'}:{os.environ['PATH']}"
        self.environment = {**os.environ, "PATH": path, "KUBECONFIG": str(config), "HOME": str(folder)}

    def type(self, text: str) -> Said:
        """One command."""
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", text],
            cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        return Said(done.returncode, done.stdout, done.stderr)


def with_namespace(config: Any) -> Any:
    """The reader works in the namespace `ml`, as the pages do."""
    contexts = [{**c, "context": {**c["context"], "namespace": "ml"}} for c in config["contexts"]]
    return {**config, "contexts": contexts}


@pytest.mark.integration
@pytest.mark.parametrize("page", PAGES)
def test_commands_of_a_page_work_in_their_order(own: ApiServer, tmp_path: Path, page: str) -> None:
    """Typed one after the other, each ends well."""
    prepare(own, bare=page == BARE)
    reader = Reader(own, tmp_path)
    for command in (c for c in ALL if c.page == page):
        if command.how in {How.RUN, How.DRY}:
            text = without_effect(command.text) if command.how is How.DRY else command.text
            said = reader.type(text)
            differs = command.text.startswith("kubectl diff") and said.code == 1
            assert said.code == 0 or differs, f"{command.place}: {text}\n{said.out}{said.err}"


def without_effect(text: str) -> str:
    """The command's own dry run, on the server. What kubectl applied for other pages is not helm's."""
    more = " --take-ownership" if text.startswith("helm") else ""
    return f"{text.rstrip()} --dry-run=server{more}"


@pytest.fixture(scope="module")
def reader(own: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """Who only asks for help, and changes nothing."""
    return Reader(own, tmp_path_factory.mktemp("reader"))


@pytest.mark.integration
@pytest.mark.parametrize("command", by(How.FLAGS))
def test_flags_are_known(reader: Reader, command: Command) -> None:
    """The program's own help names the command and each flag that the page uses."""
    words = command.words
    program = Path(words[0]).name
    if not (shutil.which(program, path=reader.environment["PATH"]) or Path(REPO, words[0]).exists()):
        pytest.fail(f"{words[0]} is not installed")
    known = help_of(reader, program, words)
    unknown = [f for f in command.flags if not re.search(rf"(?<![\w-]){re.escape(f)}(?![\w-])", known)]
    assert unknown == []


def help_of(reader: Reader, program: str, words: list[str]) -> str:
    """What the program says of this command."""
    if program == "curl":
        return reader.type("curl --help all").out
    if program == "uv":
        return reader.type(f"{words[0]} pip compile --help").out
    if program == "python3":
        sub = [w for w in words[2:3] if not w.startswith("-")]
        return reader.type(" ".join(["python3", words[1], *sub, "--help"])).out
    sub = words[1:3] if words[1] in {"rollout", "linnet"} else words[1:2]
    said = reader.type(" ".join([program, *sub, "--help"]))
    assert said.code == 0, said.err
    return said.out + (reader.type("kubectl options").out if program == "kubectl" else "")


def prepare(api: ApiServer, *, bare: bool) -> None:
    """A cluster as a reader has it: with Linnet's kinds, people's admission policy, and the objects of the pages."""
    remove_everything(api)
    api.namespace("ml", hostnames="*.example.org")
    if bare:
        api.must("delete", "namespace", "linnet-system", "--ignore-not-found")
        api.must("delete", "-f", str(REPO / "crds"), "--ignore-not-found")
        return
    api.must("apply", "-f", str(REPO / "crds"))
    api.must("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    if not api.http.get(POLICY).is_success:
        install(api)
    for name in ("linnet-demo", "linnet-system", "argocd"):
        api.namespace(name)
    api.http.post("/api/v1/namespaces/argocd/configmaps", json={"metadata": {"name": "argocd-cm"}})
    lease = {"metadata": {"name": "linnet"}}
    assert api.http.post(f"{LEASES}/namespaces/linnet-system/leases", json=lease).status_code in {201, 409}
    for item in objects():
        answer = api.create(item)
        assert answer.is_success, answer.text


def objects() -> Iterator[samples.Object]:
    for namespace in ("ml", "linnet-demo"):
        yield samples.model(namespace=namespace)
        yield samples.deployment(namespace=namespace)
        yield samples.retrain_policy(namespace=namespace)
        yield from (samples.model_version(number, namespace=namespace) for number in VERSIONS)


def remove_everything(api: ApiServer) -> None:
    for plural in KINDS:
        for item in listed(api, plural):
            api.http.delete(path(item))


def listed(api: ApiServer, plural: str) -> list[samples.Object]:
    """Every object of a kind of ours; none where the kind is not installed."""
    answer = api.http.get(f"/apis/{samples.API_VERSION}/{plural}")
    found = answer.json()["items"] if answer.is_success else []
    kind = next(k.name for k in crds.KINDS if k.plural == plural)
    return [{**item, "apiVersion": samples.API_VERSION, "kind": kind} for item in found]


def request(verb: str, user: str) -> samples.Object:
    meta = {"generateName": "tumor-risk-", "namespace": "ml"}
    spec = {"target": {"kind": "Deployment", "name": "tumor-risk"}, "verb": verb, "user": user}
    return {"apiVersion": samples.API_VERSION, "kind": "Request", "metadata": meta, "spec": spec}


@pytest.mark.parametrize("name", ["docs/reference/requests.md", "docs/how-to/requests.md"])
def test_stopping_a_rollout_takes_six_lines(name: str) -> None:
    """At three in the morning; they are run with the other commands of the page."""
    [lines] = [c.text.splitlines() for c in ALL if c.page == name and c.text.startswith("kubectl create")]
    assert (lines[0], lines[-1], len(lines) - 2) == ("kubectl create -n ml -f - <<END", "END", 6)
    assert "verb: abort" in "\n".join(lines)


@pytest.mark.integration
def test_a_forged_request_is_refused_with_the_command_to_type(own: ApiServer) -> None:
    """What docs/reference/requests.md promises of the admission policy."""
    prepare(own, bare=False)
    answer = own.create(request("abort", "somebody-else"))
    assert answer.status_code == 403
    assert "| kubectl create -n ml -f -" in answer.text


@pytest.mark.integration
def test_the_role_for_people_on_call_is_enough(own: ApiServer) -> None:
    """docs/examples/on-call.yaml lets them abort, and neither promote nor change anything."""
    prepare(own, bare=False)
    own.must("apply", "-f", str(REPO / "docs/examples/on-call.yaml"))
    headers = {**as_user("nora"), "Impersonate-Group": "on-call"}
    root = "/apis/linnet.dev/v1alpha1/namespaces/ml"

    def ask(verb: str) -> int:
        return own.http.post(f"{root}/requests", json=request(verb, "nora"), headers=headers).status_code

    until(lambda: ask("abort") == 201, "the role to be in force")
    assert ask("promote") == 403
    assert ask("rollback") == 201
    merge = {"Content-Type": "application/merge-patch+json", **headers}
    change = json.dumps({"metadata": {"annotations": {"a": "b"}}})
    assert own.http.patch(f"{root}/deployments/tumor-risk", content=change, headers=merge).status_code == 403
