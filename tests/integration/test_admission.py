"""Who may ask for what: the chart's ValidatingAdmissionPolicy on Requests, on a real API server, with real users."""

import itertools
import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from control_plane import REPO, ApiServer, running
from integration import harness
from linnet.adapters.cluster.request_policy import forged
from linnet.api.names import VERBS
from samples import Object, deployment, model

pytestmark = pytest.mark.integration

NAMESPACE = "ml"
EDITOR = "jane"
ODD = """joe "o'neill\\\""""
VIEWER = "victor"
ASKER = "pat"
ON_CALL = "carl"
APPROVER = "anna"
ONE_MODELS_APPROVER = "olga"
BOT = "system:serviceaccount:ci:release-bot"
OTHER_BOT = "system:serviceaccount:ci:other-bot"
RESTORER = "rob"
ADMIN: str | None = None
ANSWERED = "linnet.dev/answered"
numbers = itertools.count(1)

RIGHTS = """\
{who: [jane, "joe \\"o'neill\\\\\\""], role: linnet-edit}
---
{who: [jane, "joe \\"o'neill\\\\\\"", victor, "system:serviceaccount:ci:release-bot"], role: linnet-view}
---
{who: [anna, "system:serviceaccount:ci:release-bot", "system:serviceaccount:ci:other-bot"], role: linnet-approver}
---
{who: [pat], role: asker, rules: [{apiGroups: [linnet.dev], resources: [requests], verbs: [create, delete, patch]}]}
---
{who: [carl], role: on-call, rules: [
  {apiGroups: [linnet.dev], resources: [requests], verbs: [create, get]},
  {apiGroups: [linnet.dev], resources: [deployments], verbs: [abort, rollback]}]}
---
{who: [rob], role: restorer, rules: [
  {apiGroups: [linnet.dev], resources: [requests, requests/status], verbs: [create, get, update, patch]}]}
---
{who: [olga], role: approver-of-one, rules: [
  {apiGroups: [linnet.dev], resources: [requests], verbs: [create]},
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

    def in_force() -> bool:
        forgery = api.create(forged(NAMESPACE), dry_run=True)
        listed = api.create(asked("reject", "first-v1", BOT), user=BOT, dry_run=True)
        return forgery.status_code == 403 and listed.status_code == 201

    until(in_force, "the policy to be in force")


def until(holds: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, f"waited a minute for {what}"
        time.sleep(0.1)


KIND_OF = {str(verb): kind for kind, verbs in reversed(VERBS.items()) for verb in verbs}


def asked(verb: str, target: str = "risk", user: str = EDITOR, **spec: Any) -> Object:
    """A Request with a name of its own."""
    meta = {"name": f"request-{next(numbers)}", "namespace": NAMESPACE}
    whole = {"target": {"kind": KIND_OF[verb], "name": target}, "verb": verb, "user": user, **spec}
    return {"apiVersion": "linnet.dev/v1alpha1", "kind": "Request", "metadata": meta, "spec": whole}


def taken(answer: httpx.Response) -> None:
    assert answer.status_code in {200, 201}, answer.text


def refusal(answer: httpx.Response) -> str:
    """The policy's words."""
    assert answer.status_code in {403, 422}, answer.text
    message = str(answer.json()["message"])
    assert "ValidatingAdmissionPolicy 'linnet-requests'" in message
    return message.partition("denied request: ")[2]


def answered(api: ApiServer, request: Object) -> None:
    """As the operator does: the answer, and then the label."""
    said = {"status": {"outcome": "Accepted", "message": "done"}}
    taken(api.patch(request, said, subresource="/status"))
    taken(api.patch(request, {"metadata": {"labels": {ANSWERED: "true"}}}))


@pytest.mark.parametrize("kind", VERBS)
def test_a_request_of_the_caller_is_taken(cluster: ApiServer, kind: str) -> None:
    """With nothing but the role of an editor, for each verb but the approvals; the API server names it."""
    for verb in set(VERBS[kind]) - {"approve", "reject"}:
        request = asked(verb)
        request["spec"]["target"] = {"kind": kind, "name": "risk-v1"}
        request["metadata"] = {"generateName": "risk-", "namespace": NAMESPACE}
        taken(cluster.create(request, user=EDITOR))


def test_a_request_in_anothers_name_is_refused(cluster: ApiServer) -> None:
    """Nobody can make it look as if somebody else had promoted, not even an administrator."""
    message = refusal(cluster.create(asked("promote", user="bob"), user=EDITOR))
    assert message.startswith('spec.user: it carries the name "bob", but you are "jane"; type: echo')
    refusal(cluster.create(asked("promote", user="jane"), user=ADMIN))


def test_without_the_verb_the_request_is_refused(cluster: ApiServer) -> None:
    """To be able to create Requests is not enough; RBAC stops who can't even do that."""
    assert cluster.create(asked("promote", user=VIEWER), user=VIEWER).status_code == 403
    message = refusal(cluster.create(asked("promote", user=ASKER), user=ASKER))
    assert message.startswith(f'spec.verb: "{ASKER}" may not promote')
    assert "the verb promote on deployments.linnet.dev/risk" in message
    role = "create role linnet-promote -n team --verb=promote --resource=deployments.linnet.dev --resource-name=risk"
    assert role.replace("team", NAMESPACE) in message
    assert "--role=linnet-promote --user='pat'" in message


def test_the_right_to_stop_is_no_right_to_change(cluster: ApiServer) -> None:
    """Who is on call aborts and rolls back, and does nothing else: no patch of anything, no withdrawal."""
    taken(cluster.create(deployment("risk", NAMESPACE)))
    for verb in ("abort", "rollback"):
        taken(cluster.create(asked(verb, user=ON_CALL), user=ON_CALL))
    refusal(cluster.create(asked("promote", user=ON_CALL), user=ON_CALL))
    patch = {"spec": {"replicas": 3}}
    assert cluster.patch(deployment("risk", NAMESPACE), patch, user=ON_CALL).status_code == 403
    metadata = {"metadata": {"finalizers": ["a/b"]}}
    assert cluster.patch(deployment("risk", NAMESPACE), metadata, user=ON_CALL).status_code == 403


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"verb": "launch"}, "spec.verb: Unsupported value"),
        ({"verb": "run"}, "of a RetrainPolicy ask run"),
        ({"target": {"kind": "Model", "name": "risk"}}, "spec.target.kind: Unsupported value"),
        ({"version": 0}, "spec.version"),
        ({"target": {"kind": "ModelVersion", "name": "risk"}, "verb": "release"}, "is named <model>-v<version>"),
        ({"version": 3, "digest": f"sha256:{'a' * 64}"}, "at most one of version, digest"),
        ({"target": {"kind": "ModelVersion", "name": "risk-v1"}, "verb": "release", "version": 1}, "leave them out"),
        ({"reason": "a\nb"}, "spec.reason"),
        ({"reason": "x" * 513}, "spec.reason: Too long"),
        ({"surprise": 1}, "unknown field"),
        ({"user": ""}, "spec.user"),
    ],
)
def test_a_request_that_says_nothing_sensible_is_refused_with_its_field(
    cluster: ApiServer, spec: dict[str, Any], words: str
) -> None:
    """By the schema, before anybody has to answer it."""
    request = asked("abort")
    request["spec"] |= spec
    answer = cluster.create(request, user=EDITOR)
    assert answer.status_code in {400, 422}, answer.text
    assert words in answer.json()["message"]


def test_a_request_is_never_changed(cluster: ApiServer) -> None:
    """Neither what it asks, nor its answer."""
    request = asked("promote")
    taken(cluster.create(request, user=EDITOR))
    changed = cluster.patch(request, {"spec": {"verb": "abort"}})
    assert changed.status_code == 422
    assert "write another one (kubectl create, with generateName)" in changed.text
    answered(cluster, request)
    again = cluster.patch(request, {"status": {"outcome": "Refused"}}, subresource="/status")
    assert "a Request is answered once" in again.text


@pytest.mark.parametrize("kind", ["labels", "annotations"])
@pytest.mark.parametrize(
    "key",
    [
        "argocd.argoproj.io/tracking-id",
        "argocd.argoproj.io/instance",
        "app.kubernetes.io/instance",
        "kustomize.toolkit.fluxcd.io/name",
        "helm.toolkit.fluxcd.io/name",
        "meta.helm.sh/release-name",
    ],
)
def test_a_request_in_git_is_refused(cluster: ApiServer, kind: str, key: str) -> None:
    """The tool would create it again whenever it is gone, and roll back once more each time."""
    request = asked("rollback")
    request["metadata"][kind] = {key: "x"}
    answer = cluster.create(request, user=EDITOR)
    annotated = key in {"argocd.argoproj.io/tracking-id", "meta.helm.sh/release-name"}
    if annotated is (kind == "annotations"):
        assert refusal(answer).startswith(f"metadata: {key} says that a tool tracks this Request")
    else:
        taken(answer)


@pytest.mark.parametrize(
    "meta",
    [
        {"finalizers": ["example.com/never"]},
        {"ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": "1-2-3"}]},
    ],
)
def test_nobody_makes_a_request_stay_or_vanish(cluster: ApiServer, meta: dict[str, Any]) -> None:
    """By a finalizer that nobody takes away, or an owner that is not there: neither at first nor later."""
    request = asked("promote")
    assert "neither ownerReferences nor finalizers" in refusal(
        cluster.create({**request, "metadata": request["metadata"] | meta}, user=EDITOR)
    )
    taken(cluster.create(request, user=EDITOR))
    assert "nobody gives it owners or finalizers" in refusal(cluster.patch(request, {"metadata": meta}, user=ASKER))


def withdrawal(api: ApiServer, request: Object, user: str | None) -> httpx.Response:
    headers = {"Impersonate-User": user} if user else {}
    meta = request["metadata"]
    path = f"/apis/linnet.dev/v1alpha1/namespaces/{meta['namespace']}/requests/{meta['name']}"
    return api.http.delete(path, headers=headers)


def test_one_that_waits_is_withdrawn_by_its_author_or_a_holder_of_the_verb(cluster: ApiServer) -> None:
    """Nobody else makes an abort vanish that waits for its answer."""
    own, held, foreign = (asked("promote") for _ in range(3))
    for request in (own, held, foreign):
        taken(cluster.create(request, user=EDITOR))
    message = refusal(withdrawal(cluster, foreign, ASKER))
    assert message.startswith('this Request waits for its answer: "pat" may not withdraw it, since it is of "jane"')
    for request, user in ((own, EDITOR), (held, ADMIN), (foreign, ODD)):
        taken(withdrawal(cluster, request, user))


def test_all_at_once_is_no_way_around(cluster: ApiServer) -> None:
    """deletecollection asks for each of them."""
    rules = ["--verb=deletecollection", "--resource=requests.linnet.dev"]
    cluster.must("create", "role", "sweeper", *rules, "-n", NAMESPACE)
    cluster.must("create", "rolebinding", "sweeper", "--role=sweeper", "--user=sven", "-n", NAMESPACE)
    request = asked("promote")
    taken(cluster.create(request, user=EDITOR))
    path = f"/apis/linnet.dev/v1alpha1/namespaces/{NAMESPACE}/requests"
    answer = cluster.http.delete(path, headers={"Impersonate-User": "sven"})
    assert "may not withdraw it" in refusal(answer)
    assert cluster.get(request)


def test_an_answered_one_is_deleted_by_whoever_rbac_lets(cluster: ApiServer) -> None:
    """Nothing waits any more; how long the audit is kept is the platform's."""
    request = asked("promote")
    taken(cluster.create(request, user=EDITOR))
    answered(cluster, request)
    taken(withdrawal(cluster, request, ASKER))


def test_nobody_but_the_operator_says_that_it_was_answered(cluster: ApiServer) -> None:
    """A waiting abort would be withdrawn by that, and an answered one asked again."""
    request = asked("abort")
    taken(cluster.create(request, user=EDITOR))
    label = {"metadata": {"labels": {ANSWERED: "true"}}}
    assert "only the operator says that a Request was answered" in refusal(cluster.patch(request, label, user=ASKER))
    answered(cluster, request)
    refusal(cluster.patch(request, {"metadata": {"labels": {ANSWERED: None}}}, user=ASKER))
    taken(cluster.patch(request, {"metadata": {"labels": {"team": "a"}}}, user=ASKER))


def test_a_restore_from_a_backup_is_admitted(cluster: ApiServer) -> None:
    """An answered Request comes back in its author's name, by whoever restores it; it is never obeyed."""
    request = asked("abort", user="somebody-else")
    request["metadata"]["labels"] = {ANSWERED: "true", "app.kubernetes.io/instance": "backup"}
    taken(cluster.create(request, user=ADMIN))


def test_nobody_makes_up_an_answered_one_in_anothers_name(cluster: ApiServer) -> None:
    """The label of a restore is no way around the name: it would stand in the audit."""
    made_up = asked("approve", "first-v1", "ceo@example.org")
    made_up["metadata"]["labels"] = {ANSWERED: "true"}
    assert refusal(cluster.create(made_up, user=ASKER)).startswith("spec.user: ")


def test_an_answered_one_is_never_made_to_wait(cluster: ApiServer) -> None:
    """Who restores backups brings Requests in others' names: without the label, one would be obeyed in that name."""
    restored = asked("approve", "first-v1", "ceo@example.org")
    restored["metadata"]["labels"] = {ANSWERED: "true"}
    taken(cluster.create(restored, user=RESTORER))
    for user in (RESTORER, ADMIN):
        for labels in ({ANSWERED: None}, None):
            answer = cluster.patch(restored, {"metadata": {"labels": labels}}, user=user)
            assert "never taken away from a Request" in refusal(answer)
    taken(cluster.patch(restored, {"metadata": {"labels": {"team": "a"}}}, user=RESTORER))


def test_one_that_is_too_large_to_be_answered_is_refused(cluster: ApiServer) -> None:
    """There would be no room for its status, and it would stand before all others until it expires."""
    request = asked("abort")
    request["metadata"]["labels"] = {f"label-{n}": "x" for n in range(33)}
    assert "at most 32 labels" in refusal(cluster.create(request, user=EDITOR))
    request["metadata"] |= {"labels": {}, "annotations": {"note": "x" * 8193}}
    assert "16 annotations of 8192" in refusal(cluster.create(request, user=EDITOR))


def test_a_namespace_that_goes_takes_them_along(cluster: ApiServer) -> None:
    """Nothing hangs on one that waits."""
    cluster.namespace("going")
    request = asked("abort", user="linnet-admin")
    request["metadata"]["namespace"] = "going"
    taken(cluster.create(request))
    cluster.http.delete("/api/v1/namespaces/going").raise_for_status()
    until(lambda: cluster.http.get("/api/v1/namespaces/going").status_code == 404, "the namespace to be gone")


def test_the_operators_probe_is_refused_for_anybody(cluster: ApiServer) -> None:
    """A dry run of a forged Request shows that the policy is in force; in the caller's name it is sound."""
    probe = forged(NAMESPACE)
    assert refusal(cluster.create(probe, dry_run=True)).startswith("spec.user: ")
    probe["spec"]["user"] = "linnet-admin"
    assert cluster.create(probe, dry_run=True).status_code == 201


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


def test_what_was_written_without_the_policy_is_not_obeyed(cluster: ApiServer) -> None:
    """By an operator that comes later and sees the policy in force; nor what a backup has brought back."""
    with harness.world(cluster) as world:
        for kind, name in (("Role", "asker"), ("RoleBinding", "asker")):
            cluster.must("create", *rights_of(kind, name), "-n", world.namespace)
        forgery, restored = asked("rollback", "iris", "ceo"), asked("rollback", "iris", "ceo")
        restored["metadata"]["labels"] = {ANSWERED: "true"}
        for request in (forgery, restored):
            request["metadata"]["namespace"] = world.namespace
        world.model("iris", "s3://models/iris/1")
        world.deployment("iris", "iris")
        taken(cluster.create(restored))
        with no_policy(cluster):
            until(lambda: cluster.create(forgery, user=ASKER).status_code == 201, "the policy to be gone")
        world.start_operator()
        answer = world.answer(forgery["metadata"]["name"])
        assert answer["outcome"] == "Refused"
        assert "it is older than the admission policy" in answer["message"]
        world.ready("Deployment", "iris")
        assert "status" not in cluster.get(restored)
        assert "requests" not in world.status("Deployment", "iris")


def rights_of(kind: str, name: str) -> list[str]:
    """To create Requests, and nothing more."""
    if kind == "Role":
        return ["role", name, "--verb=create", "--resource=requests.linnet.dev"]
    return ["rolebinding", name, f"--role={name}", f"--user={ASKER}"]


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_an_approver_approves(cluster: ApiServer, verb: str) -> None:
    """The role linnet-approver is all that it takes."""
    taken(cluster.create(asked(verb, "first-v7", APPROVER), user=APPROVER))


def test_an_editor_may_not_approve(cluster: ApiServer) -> None:
    """Who makes a version is not by that the one who approves it."""
    message = refusal(cluster.create(asked("approve", "first-v7"), user=EDITOR))
    assert "the verb approve on models.linnet.dev/first " in message
    assert "--verb=approve --resource=models.linnet.dev --resource-name=first " in message
    assert "--role=linnet-approve --user='jane'" in message


def test_approval_is_a_right_on_the_model(cluster: ApiServer) -> None:
    """RBAC by name on models/<name> holds for the versions of that Model alone."""
    who = ONE_MODELS_APPROVER
    taken(cluster.create(asked("approve", "first-v7", who), user=who))
    for other in ("second-v7", "first-v2-v7"):
        answer = cluster.create(asked("approve", other, who), user=who)
        assert f"models.linnet.dev/{other.rpartition('-v')[0]} " in refusal(answer)


def test_an_approver_changes_nothing(cluster: ApiServer) -> None:
    """Not even an annotation: no patch of finalizers or owners that makes a version stay or vanish."""
    cluster.create(model("first", NAMESPACE))
    for body in ({"spec": {"keepVersions": 1}}, {"metadata": {"finalizers": ["a/b"]}}):
        assert cluster.patch(model("first", NAMESPACE), body, user=APPROVER).status_code == 403


def test_a_service_account_approves_only_if_the_platform_listed_it(cluster: ApiServer) -> None:
    """What applies from Git holds every verb, and would approve whatever Git says."""
    message = refusal(cluster.create(asked("approve", "first-v7", OTHER_BOT), user=OTHER_BOT))
    assert "only if the platform listed it" in message
    taken(cluster.create(asked("approve", "first-v7", BOT), user=BOT))


def test_a_service_account_with_every_right_approves_nothing(cluster: ApiServer) -> None:
    """Its own token, and cluster-admin: what a GitOps tool commonly has."""
    cluster.kubectl("create", "serviceaccount", "gitops", "-n", "ci")
    binding = ["clusterrolebinding", "gitops", "--clusterrole=cluster-admin", "--serviceaccount=ci:gitops"]
    cluster.kubectl("create", *binding)
    token = cluster.must("create", "token", "gitops", "-n", "ci").strip()
    answer = cluster.http.post(
        f"/apis/linnet.dev/v1alpha1/namespaces/{NAMESPACE}/requests",
        json=asked("approve", "first-v7", "system:serviceaccount:ci:gitops"),
        headers={"Authorization": f"Bearer {token}"},
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
def test_the_command_of_a_refusal_works_as_printed(cluster: ApiServer, user: str) -> None:
    """Also for a name with quotes, an apostrophe and a backslash in it."""
    told = """it "can't" \\ wait"""
    message = refusal(cluster.create(asked("promote", user="somebody", version=3, reason=told), user=user))
    [command] = re.findall(r"type: (echo .*)$", message)
    done = run(cluster, f"{command} -o json", user)
    assert done.returncode == 0, done.stderr
    spec = json.loads(done.stdout)["spec"]
    assert (spec["verb"], spec["version"], spec["user"], spec["reason"]) == ("promote", 3, user, told)


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
        assert can(role, "create", "requests.linnet.dev")
        assert not can(role, "patch", "requests.linnet.dev")
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
