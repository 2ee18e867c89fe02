"""Who may ask for what: the chart's ValidatingAdmissionPolicy on a real API server, with real users."""

import itertools
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml

from control_plane import REPO, ApiServer, running
from linnet.adapters.cluster.request_policy import forged
from samples import Object, deployment, model, model_version, retrain_policy

pytestmark = pytest.mark.integration

REQUEST = "linnet.dev/request"
NAMESPACE = "ml"
EDITOR = "jane"
ODD = "joe o'neill"
VIEWER = "victor"
PATCHER = "pat"
APPROVER = "anna"
ONE_MODELS_APPROVER = "olga"
APPROVER_OF_MODELS = "maria"
BOT = "system:serviceaccount:ci:release-bot"
OTHER_BOT = "system:serviceaccount:ci:other-bot"
ADMIN: str | None = None
numbers = itertools.count(1)

RIGHTS = """\
{who: [jane, "joe o'neill"], role: linnet-edit}
---
{who: [jane, "joe o'neill", victor, pat, "system:serviceaccount:ci:release-bot"], role: linnet-view}
---
{who: [anna, "system:serviceaccount:ci:release-bot", "system:serviceaccount:ci:other-bot"], role: linnet-approver}
---
{who: [maria], role: model-approver, rules: [
  {apiGroups: [linnet.dev], resources: [models], verbs: [get, patch, approve]}]}
---
{who: [pat], role: patcher, rules: [{apiGroups: [linnet.dev], resources: [deployments], verbs: [get, patch, update]}]}
---
{who: [olga], role: approver-of-one, rules: [
  {apiGroups: [linnet.dev], resources: [modelversions], verbs: [get, patch]},
  {apiGroups: [linnet.dev], resources: [models], resourceNames: [first], verbs: [approve]}]}
"""


def rbac() -> Iterator[Object]:
    """Roles and bindings of RIGHTS, in the namespace of these tests."""
    meta = {"apiVersion": "rbac.authorization.k8s.io/v1"}
    for grant in yaml.safe_load_all(RIGHTS):
        if "rules" in grant:
            yield {**meta, "kind": "ClusterRole", "metadata": {"name": grant["role"]}, "rules": grant["rules"]}
        yield {
            **meta,
            "kind": "RoleBinding",
            "metadata": {"name": grant["role"], "namespace": NAMESPACE},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": grant["role"]},
            "subjects": [
                {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": who} for who in grant["who"]
            ],
        }


@pytest.fixture(scope="module", name="cluster")
def policy_in_force(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """The chart without the operator's pods, and people with rights; a control plane whose policy may be taken away."""
    with running(tmp_path_factory.mktemp("admission")) as api:
        install(api, tmp_path_factory.mktemp("values"))
        yield api


def install(api: ApiServer, folder: Path) -> None:
    values = folder / "values.yaml"
    values.write_text("approvers: {serviceAccounts: [{namespace: ci, name: release-bot}]}\nreplicaCount: 0\n")
    for name in (NAMESPACE, "linnet-system", "ci"):
        api.namespace(name)
    chart = ["linnet", str(REPO / "charts/linnet"), "-n", "linnet-system", "--no-hooks", "--values", str(values)]
    manifests = api.helm("template", *chart)
    assert manifests.code == 0, manifests.err
    apply = ["apply", "--server-side", "--force-conflicts", "-f", "-"]
    api.must(*apply, stdin=manifests.out)
    api.must(*apply, stdin=yaml.dump_all(rbac()))
    wait_for_the_policy(api)


def wait_for_the_policy(api: ApiServer) -> None:
    """The API server takes a moment to load a policy: this one refuses a forgery, and lists the bot."""
    probe = Thing(api, model_version(1, "probe", NAMESPACE))
    api.create(probe.item)

    def in_force() -> bool:
        forgery = api.create(forged(NAMESPACE), dry_run=True)
        listed = probe.ask(f"reject - {next(numbers)} {BOT}", BOT)
        probe.ask(None)
        return forgery.status_code == 403 and listed.status_code == 200

    until(in_force, "the policy to be in force")


def until(holds: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, f"waited a minute for {what}"
        time.sleep(0.1)


@dataclass(frozen=True)
class Thing:
    """An object of ours that requests are made to."""

    api: ApiServer
    item: Object

    def ask(self, text: str | None, user: str | None = EDITOR) -> httpx.Response:
        return self.api.patch(self.item, {"metadata": {"annotations": {REQUEST: text}}}, user=user)

    def answer(self, request_id: str) -> None:
        """As the operator does."""
        last = {"id": request_id, "verb": "promote", "outcome": "Accepted"}
        answer = self.api.patch(self.item, {"status": {"lastRequest": last}}, subresource="/status")
        assert answer.status_code == 200, answer.text

    @property
    def request(self) -> str | None:
        annotations: dict[str, str] = self.api.get(self.item)["metadata"].get("annotations", {})
        return annotations.get(REQUEST)


def made(api: ApiServer, item: Object) -> Thing:
    answer = api.create(item)
    assert answer.status_code == 201, answer.text
    return Thing(api, item)


@pytest.fixture
def mld(cluster: ApiServer) -> Thing:
    """A Deployment of its own for each test."""
    return made(cluster, deployment(f"mld-{next(numbers)}", NAMESPACE))


@pytest.fixture
def version(cluster: ApiServer) -> Thing:
    """A ModelVersion of the model `first`, whose former instance is gone."""
    item = model_version(next(numbers), "first", NAMESPACE)
    return made(cluster, item)


def refusal(answer: httpx.Response) -> str:
    """The message of a request that the policy refused."""
    assert answer.status_code in {403, 422}, answer.text
    message = str(answer.json()["message"])
    assert "ValidatingAdmissionPolicy 'linnet-requests'" in message
    assert "linnet.dev/request: " in message
    return message


def taken(answer: httpx.Response) -> None:
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "text",
    [
        "promote - 1 jane",
        "promote 7 1 jane",
        "promote-full v7 2026-11-20_10.00 jane",
        f"rollback sha256:{'a' * 64} x jane",
        "retry - 1 jane",
        "release v3 1 jane",
    ],
)
def test_a_well_formed_request_of_the_caller_is_taken(mld: Thing, text: str) -> None:
    """By plain kubectl annotate, with nothing but the role of an editor."""
    taken(mld.ask(text))
    assert mld.request == text


def test_a_request_in_anothers_name_is_refused(mld: Thing) -> None:
    """Nobody can make it look as if somebody else had promoted, not even an administrator."""
    message = refusal(mld.ask("promote - 1 bob", EDITOR))
    assert 'it carries the name "bob", but you are "jane"' in message
    refusal(mld.ask("promote - 1 jane", ADMIN))
    refusal(mld.ask("promote - 1 jane bob", EDITOR))
    assert mld.request is None


@pytest.mark.parametrize(
    "text",
    [
        "promote",
        "promote - 1",
        "promote  - 1 jane",
        "promote v0 1 jane",
        "promote latest 1 jane",
        "promote - a/b jane",
        "PROMOTE - 1 jane",
        "launch - 1 jane",
        " promote - 1 jane",
        "promote - 1 jane\n",
        "x\npromote - 1 jane",
    ],
)
def test_a_malformed_request_is_refused_with_the_form(mld: Thing, text: str) -> None:
    """Also one that would be well-formed but for a line break."""
    assert '"<verb> <version|digest|-> <id> <username>"' in refusal(mld.ask(text))
    assert mld.request is None


@pytest.mark.parametrize("user", [VIEWER, PATCHER])
def test_without_the_verb_the_request_is_refused(mld: Thing, user: str) -> None:
    """To be able to change the object is not enough; RBAC stops who can't even do that."""
    answer = mld.ask(f"promote - 1 {user}", user)
    assert answer.status_code == 403
    if user == PATCHER:
        message = refusal(answer)
        assert f'"{PATCHER}" may not promote' in message
        assert f"the verb promote on deployments.linnet.dev/{mld.item['metadata']['name']}" in message
        assert "--clusterrole=linnet-edit --user='pat'" in message


def test_a_second_request_waits_for_the_first_ones_answer(mld: Thing) -> None:
    """No request is lost by being overwritten."""
    taken(mld.ask("promote - 1 jane"))
    message = refusal(mld.ask("promote-full - 2 jane"))
    assert 'the request before it ("promote - 1 jane") has no answer yet' in message
    mld.answer("1")
    taken(mld.ask("promote-full - 2 jane"))


@pytest.mark.parametrize("verb", ["abort", "rollback", "pause"])
def test_urgent_requests_need_not_wait(mld: Thing, verb: str) -> None:
    """Stopping is always possible."""
    taken(mld.ask("promote - 1 jane"))
    taken(mld.ask(f"{verb} - 2 jane"))


def test_an_id_is_not_used_twice(mld: Thing) -> None:
    """The operator would take the second for the first, which it has answered."""
    taken(mld.ask("promote - 1 jane"))
    assert 'the id "1" was used' in refusal(mld.ask("abort - 1 jane"))
    mld.answer("1")
    taken(mld.ask(None))
    assert 'the id "1" was used' in refusal(mld.ask("promote - 1 jane"))


def test_after_a_request_that_no_operator_can_read_another_is_taken(cluster: ApiServer) -> None:
    """An annotation from before the policy was installed does not block for ever."""
    thing = made(cluster, deployment(f"mld-{next(numbers)}", NAMESPACE))
    with no_policy(cluster):
        until(lambda: thing.ask("nonsense", ADMIN).status_code == 200, "the policy to be gone")
    taken(thing.ask("promote - 1 jane"))


@contextmanager
def no_policy(api: ApiServer) -> Iterator[None]:
    """The policy's binding is away for a while."""
    name = "linnet-requests"
    binding = yaml.safe_load(api.must("get", "validatingadmissionpolicybinding", name, "-o", "yaml"))
    api.must("delete", "validatingadmissionpolicybinding", name)
    try:
        yield
    finally:
        kept = {key: binding["metadata"][key] for key in ("name", "labels")}
        api.must("create", "-f", "-", stdin=yaml.dump({**binding, "metadata": kept}))
        wait_for_the_policy(api)


def test_a_request_can_be_taken_back(mld: Thing) -> None:
    """Removing the annotation asks for nothing."""
    taken(mld.ask("promote - 1 jane"))
    taken(mld.ask(None, PATCHER))
    assert mld.request is None


def test_other_changes_of_an_object_with_a_request_are_nobodys_business(mld: Thing) -> None:
    """Who applies the object again, with the annotation as it is, needs no verb and no name."""
    taken(mld.ask("promote - 1 jane"))
    taken(mld.api.patch(mld.item, {"spec": {"replicas": 3}}, user=PATCHER))
    scale = {"spec": {"replicas": 4}}
    taken(mld.api.patch(mld.item, scale, subresource="/scale", user=EDITOR))
    assert mld.request == "promote - 1 jane"


@pytest.mark.parametrize("subresource", ["/status", "/scale"])
def test_a_subresource_is_no_way_around(mld: Thing, subresource: str) -> None:
    """A write of the status or the scale changes no annotation."""
    whole = mld.api.get(mld.item) if subresource == "/status" else {"metadata": {}}
    whole["metadata"]["annotations"] = {REQUEST: "promote - 1 nobody"}
    mld.api.patch(mld.item, {"metadata": whole["metadata"]}, subresource=subresource, user=ADMIN)
    assert mld.request is None


@pytest.mark.parametrize("user", [EDITOR, ADMIN])
@pytest.mark.parametrize("kind", ["Model", "ModelVersion", "Deployment", "RetrainPolicy"])
def test_no_object_is_created_with_a_request(cluster: ApiServer, kind: str, user: str | None) -> None:
    """Not even by an administrator: a restored object asks for nothing."""
    item = {
        "Model": model("created", NAMESPACE),
        "ModelVersion": model_version(next(numbers), "created", NAMESPACE),
        "Deployment": deployment("created", NAMESPACE),
        "RetrainPolicy": retrain_policy("created", NAMESPACE),
    }[kind]
    item["metadata"]["annotations"] = {REQUEST: f"promote - 1 {user}"}
    assert "can't be created with a request" in refusal(cluster.create(item, user=user))


def test_the_operators_probe_is_refused_for_anybody(cluster: ApiServer) -> None:
    """A dry run of a forged request shows that the policy is in force; without the request the object is sound."""
    probe = forged(NAMESPACE)
    assert "can't be created with a request" in refusal(cluster.create(probe, dry_run=True))
    del probe["metadata"]["annotations"]
    assert cluster.create(probe, dry_run=True).status_code == 201


def test_every_kind_is_covered(cluster: ApiServer) -> None:
    """Requests to Models, versions and policies are proven as those to Deployments are."""
    things = (
        (model(f"m-{next(numbers)}", NAMESPACE), "approve", APPROVER_OF_MODELS),
        (model_version(next(numbers), "kinds", NAMESPACE), "release", EDITOR),
        (retrain_policy(f"rp-{next(numbers)}", NAMESPACE), "run", EDITOR),
    )
    for item, verb, user in things:
        thing = made(cluster, item)
        refusal(thing.ask(f"{verb} - 1 bob", user))
        taken(thing.ask(f"{verb} - 1 {user}", user))


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_an_approver_approves(version: Thing, verb: str) -> None:
    """The role linnet-approver is all that it takes."""
    taken(version.ask(f"{verb} - 1 {APPROVER}", APPROVER))


def test_an_editor_may_not_approve(version: Thing) -> None:
    """Who makes a version is not by that the one who approves it."""
    message = refusal(version.ask("approve - 1 jane"))
    assert "the verb approve on models.linnet.dev/first" in message
    assert "--clusterrole=linnet-approver --user='jane'" in message


def test_approval_is_a_right_on_the_model(cluster: ApiServer, version: Thing) -> None:
    """RBAC by name on models/<name> holds for the versions of that Model alone."""
    taken(version.ask(f"approve - 1 {ONE_MODELS_APPROVER}", ONE_MODELS_APPROVER))
    other = made(cluster, model_version(next(numbers), "second", NAMESPACE))
    assert "models.linnet.dev/second" in refusal(other.ask(f"approve - 1 {ONE_MODELS_APPROVER}", ONE_MODELS_APPROVER))


def test_an_approver_changes_nothing_but_annotations(version: Thing) -> None:
    """The role lets a person approve what is there, not put something else in its place."""
    assert version.api.patch(version.item, {"spec": {"version": 2}}, user=APPROVER).status_code == 422
    item = model("first", NAMESPACE)
    assert version.api.patch(item, {"spec": {"keepVersions": 1}}, user=APPROVER).status_code == 403


def test_a_service_account_approves_only_if_the_platform_listed_it(version: Thing) -> None:
    """What applies from Git holds every verb, and would approve whatever Git says."""
    assert "only if the platform listed it" in refusal(version.ask(f"approve - 1 {OTHER_BOT}", OTHER_BOT))
    taken(version.ask(f"approve - 1 {BOT}", BOT))


def test_a_service_account_with_every_right_approves_nothing(cluster: ApiServer, version: Thing) -> None:
    """Its own token, and cluster-admin: what a GitOps tool commonly has."""
    cluster.kubectl("create", "serviceaccount", "gitops", "-n", "ci")
    binding = ["clusterrolebinding", "gitops", "--clusterrole=cluster-admin", "--serviceaccount=ci:gitops"]
    cluster.kubectl("create", *binding)
    token = cluster.must("create", "token", "gitops", "-n", "ci").strip()
    name, user = version.item["metadata"]["name"], "system:serviceaccount:ci:gitops"
    body = {"metadata": {"annotations": {REQUEST: f"approve - 1 {user}"}}}
    answer = cluster.http.patch(
        f"/apis/linnet.dev/v1alpha1/namespaces/{NAMESPACE}/modelversions/{name}",
        json=body,
        headers={"Content-Type": "application/merge-patch+json", "Authorization": f"Bearer {token}"},
    )
    assert "only if the platform listed it" in refusal(answer)


def shell(api: ApiServer, command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command as a person pastes it into a shell."""
    folder = os.pathsep.join([str(api.bin), os.environ["PATH"]])
    whole = {"PATH": folder, "KUBECONFIG": str(api.kubeconfig), "HOME": str(Path.home()), **environment}
    return subprocess.run(["bash", "-c", command], env=whole, capture_output=True, text=True, check=False)


def run(api: ApiServer, command: str, user: str) -> subprocess.CompletedProcess[str]:
    """The same by somebody else."""
    return shell(api, f'{command} --as "$AS"', AS=user)


@pytest.mark.parametrize("user", [EDITOR, ODD])
@pytest.mark.parametrize("wrong", ["promote - 1 somebody", "promote v3 now please"])
def test_the_command_of_a_refusal_works_as_printed(mld: Thing, user: str, wrong: str) -> None:
    """Also for a name with an apostrophe and a blank in it."""
    message = refusal(mld.ask(wrong, user))
    [command] = re.findall(r"kubectl annotate .*$", message)
    done = run(mld.api, command, user)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(rf"promote (-|v3) [0-9]+ {user}", mld.request or "")


def test_the_command_of_the_documentation_works_as_printed(cluster: ApiServer) -> None:
    """docs/how-to/requests.md, its first command and its `kubectl wait`, for whoever types them."""
    thing = made(cluster, deployment("tumor-risk", NAMESPACE))
    text = (REPO / "docs" / "how-to" / "requests.md").read_text()
    [ask] = re.findall(r"^```\n(kubectl annotate .*?)```", text, re.MULTILINE | re.DOTALL)
    wait = next(line for line in text.splitlines() if line.startswith("kubectl wait"))
    done = shell(cluster, ask)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"promote - [0-9]+ \S+", thing.request or "")
    request_id = (thing.request or "").split()[2]
    thing.answer(request_id)
    assert shell(cluster, re.sub(r"=[0-9]{10}'", f"={request_id}'", wait)).returncode == 0


def test_the_refusal_of_an_early_request_says_how_to_wait(mld: Thing) -> None:
    """The command returns as soon as the operator has answered."""
    taken(mld.ask("promote - 17 jane"))
    message = refusal(mld.ask("promote - 18 jane"))
    [command] = re.findall(r"kubectl wait .*?'jsonpath=.*?'", message)
    mld.answer("17")
    done = run(mld.api, f"{command} --timeout=20s", EDITOR)
    assert done.returncode == 0, done.stderr


def test_the_built_in_roles_carry_the_rights(cluster: ApiServer) -> None:
    """An `edit` of a namespace may promote, a `view` may look, and neither, nor an `admin`, may approve."""
    for role in ("view", "edit", "admin"):
        cluster.kubectl(
            "create", "rolebinding", f"built-in-{role}", "-n", NAMESPACE, f"--clusterrole={role}", f"--user=b-{role}"
        )

    def can(role: str, *words: str) -> bool:
        said = cluster.kubectl("auth", "can-i", *words, "-n", NAMESPACE, "--as", f"b-{role}")
        return said.out.strip() == "yes"

    assert can("view", "list", "modelversions.linnet.dev")
    assert not can("view", "promote", "deployments.linnet.dev")
    for role in ("edit", "admin"):
        assert can(role, "promote", "deployments.linnet.dev")
        assert can(role, "patch", "deployments.linnet.dev", "--subresource=scale")
        assert not can(role, "approve", "models.linnet.dev")
        assert not can(role, "patch", "deployments.linnet.dev", "--subresource=status")


def test_the_api_server_finds_no_fault_in_the_policy(cluster: ApiServer) -> None:
    """Its own type check of the expressions against the CRDs is clean."""

    def checked() -> Object:
        policy = yaml.safe_load(cluster.must("get", "validatingadmissionpolicy", "linnet-requests", "-o", "yaml"))
        current = policy.get("status", {}).get("observedGeneration") == policy["metadata"]["generation"]
        return dict(policy["status"]["typeChecking"]) if current else {"unchecked": True}

    until(lambda: "unchecked" not in checked(), "the type check")
    assert checked().get("expressionWarnings", []) == []
