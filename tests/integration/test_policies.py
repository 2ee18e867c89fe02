"""Who may write what on a cluster that is shared with strangers: the chart's policies on a real API server."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx
import pytest
import yaml

from control_plane import DELEGATE, OPERATOR_NAMESPACE, ApiServer, as_user, collection, path
from integration.harness import until
from samples import DIGEST, Object, changed, deployment, model, model_version, retrain_policy

pytestmark = pytest.mark.integration

OPERATOR = f"system:serviceaccount:{OPERATOR_NAMESPACE}:linnet"
ADMIN: str | None = None
EDITOR = "edith"
"""Holds the ClusterRole edit of Kubernetes, and with it all that a namespace has."""
AUTHOR = "arthur"
"""May write Linnet's objects, and nothing else."""
READER_OF_A_CONTRACT = "conny"
ROUTER = "rita"
RELEASER = "rachel"
DELETER = "dora"
CONTROLLERS = (
    "system:kube-controller-manager",
    *(f"system:serviceaccount:kube-system:{n}-controller" for n in ("deployment", "replicaset", "job", "cronjob")),
    "system:serviceaccount:kube-system:generic-garbage-collector",
)
STRANGERS = (
    ADMIN,
    EDITOR,
    "system:serviceaccount:kube-system:default",
    "system:serviceaccount:ml:deployment-controller",
)
HOSTNAME = "kubernetes.io/hostname"
IN_N1: Object = {"operator": "In", "values": ["n1"]}
CONTROL_PLANE: Object = {"key": "node-role.kubernetes.io/control-plane", "operator": "Exists"}
numbers = count(1)

ROLES = """\
{name: author, rules: [{apiGroups: [linnet.dev], resources: ["*"], verbs: ["*"]}]}
---
{name: contracts, rules: [{apiGroups: [""], resources: [configmaps], resourceNames: [golden], verbs: [get]}]}
---
{name: routes, rules: [{apiGroups: [gateway.networking.k8s.io], resources: [httproutes], verbs: [create]}]}
---
{name: versions, rules: [
  {apiGroups: [linnet.dev], resources: [modelversions], verbs: [get, list, create, delete, deletecollection]}]}
---
{name: releases, rules: [{apiGroups: [linnet.dev], resources: [modelversions], verbs: [release]}]}
---
{name: children, rules: [{resources: ["*"], verbs: ["*"],
  apiGroups: ["", apps, batch, policy, networking.k8s.io, autoscaling, linnet.dev, coordination.k8s.io]}]}
"""
GRANTS = (
    *(("author", user) for user in (AUTHOR, READER_OF_A_CONTRACT, ROUTER, DELEGATE)),
    *(("versions", user) for user in (EDITOR, RELEASER, DELETER)),
    *(("routes", user) for user in (ROUTER, DELEGATE)),
    *(("releases", user) for user in (RELEASER, DELEGATE)),
    *(("edit", user) for user in (EDITOR, DELEGATE)),
    ("contracts", READER_OF_A_CONTRACT),
    ("linnet-edit", EDITOR),
    ("children", EDITOR),
)


@dataclass(frozen=True)
class Place:
    """A namespace of its own, in which people and controllers write."""

    api: ApiServer
    name: str
    owner: str = ""
    """The uid of the Deployment `risk`."""

    def create(self, item: Object, user: str | None, *, dry_run: bool = True) -> httpx.Response:
        """A dry run, unless the object is to stay."""
        return self.api.create(self.here(item), user=user, dry_run=dry_run)

    def made(self, item: Object, user: str | None = OPERATOR) -> Object:
        answer = self.create(item, user, dry_run=False)
        assert answer.status_code == 201, answer.text
        return self.here(item)

    def patch(self, item: Object, body: Object, user: str | None, subresource: str = "") -> httpx.Response:
        return self.api.patch(self.here(item), body, user=user, subresource=subresource)

    def delete(self, item: Object, user: str | None) -> httpx.Response:
        return self.api.http.delete(path(self.here(item)), headers=as_user(user))

    def here(self, item: Object) -> Object:
        """In this namespace; an owner of ours is the one that there is, or the garbage collector would come."""
        owners = [{**o, "uid": self.owner} if o == OWNER else o for o in item["metadata"].get("ownerReferences", [])]
        owned = {"ownerReferences": owners} if owners else {}
        return {**item, "metadata": {**item["metadata"], "namespace": self.name, **owned}}

    def consents(self, labels: Object | None = None, annotations: Object | None = None) -> None:
        meta = {"labels": labels or {}, "annotations": annotations or {}}
        answer = self.api.http.patch(
            f"/api/v1/namespaces/{self.name}",
            content=json.dumps({"metadata": meta}),
            headers={"Content-Type": "application/merge-patch+json"},
        )
        assert answer.is_success, answer.text


@pytest.fixture
def place(api: ApiServer) -> Iterator[Place]:
    """Everybody has the rights of GRANTS in it."""
    name = f"shared-{os.getpid()}-{next(numbers)}"
    api.namespace(name)
    roles = [
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            **_named(role["name"], name),
            "rules": role["rules"],
        }
        for role in yaml.safe_load_all(ROLES)
    ]
    everybody = [*GRANTS, *(("children", user) for user in (*CONTROLLERS, *STRANGERS[2:], OPERATOR))]
    bindings = [_binding(name, role, user, n) for n, (role, user) in enumerate(everybody)]
    api.must("apply", "-f", "-", stdin=yaml.dump_all([*roles, *bindings]))
    risk = api.create(deployment("risk", name))
    assert risk.status_code == 201, risk.text
    yield Place(api, name, risk.json()["metadata"]["uid"])
    api.http.delete(f"/api/v1/namespaces/{name}")


def _named(name: str, namespace: str) -> Object:
    return {"metadata": {"name": name, "namespace": namespace}}


def _binding(namespace: str, role: str, user: str, number: int) -> Object:
    kind = "ClusterRole" if role.endswith("edit") else "Role"
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        **_named(f"grant-{number}", namespace),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    }


def admitted(answer: httpx.Response) -> None:
    assert answer.is_success, answer.text


def soon_admitted(place: Place, item: Object, user: str | None) -> None:
    """The API server's admission sees a namespace's consent a moment after it was given."""
    until(lambda: place.create(item, user).is_success, "the consent to be seen", within=30)


def refused(answer: httpx.Response, policy: str, *words: str) -> None:
    """By this policy, in words that hold these."""
    said = answer.text
    assert answer.status_code in {403, 422}, said
    message = str(answer.json()["message"])
    assert f"ValidatingAdmissionPolicy 'linnet-{policy}'" in message, message
    for word in words:
        assert word in message, message


LABELS = {"linnet.dev/managed": "true", "linnet.dev/deployment": "risk"}
OWNER = {
    "apiVersion": "linnet.dev/v1alpha1",
    "kind": "Deployment",
    "name": "risk",
    "uid": "00000000-0000-0000-0000-1",
    "controller": True,
}
POD: Object = {
    "automountServiceAccountToken": False,
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [
        {
            "name": "server",
            "image": "server:1",
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        }
    ],
}


def child(kind: str, api_version: str = "v1", **more: Any) -> Object:
    """As the operator makes one."""
    meta = {"name": f"risk-{next(numbers)}", "namespace": "", "labels": LABELS, "ownerReferences": [OWNER]}
    return {"apiVersion": api_version, "kind": kind, "metadata": meta, **more}


def plain(item: Object) -> Object:
    """The same object without anything of Linnet's."""
    meta = {k: v for k, v in item["metadata"].items() if k not in {"labels", "ownerReferences"}}
    return {**item, "metadata": meta}


def workload(labels: Object = LABELS, **pod: Any) -> Object:
    template = {"metadata": {"labels": {"app": "x", **labels}}, "spec": {**POD, **pod}}
    return child("Deployment", "apps/v1", spec={"selector": {"matchLabels": {"app": "x"}}, "template": template})


def job(**pod: Any) -> Object:
    template = {"metadata": {"labels": LABELS}, "spec": {**POD, "restartPolicy": "Never", **pod}}
    return child("Job", "batch/v1", spec={"suspend": True, "template": template})


def cron_job(labels: Object = LABELS, inner: Object = LABELS) -> Object:
    template = {"metadata": {"labels": inner}, "spec": {**POD, "restartPolicy": "Never"}}
    made = {"metadata": {"labels": labels}, "spec": {"template": template}}
    return child("CronJob", "batch/v1", spec={"schedule": "0 3 * * *", "suspend": True, "jobTemplate": made})


def others() -> Iterator[Object]:
    """One of each other kind of child."""
    yield child("ConfigMap", data={"a": "b"})
    yield child("Service", spec={"ports": [{"port": 80}]})
    mine = {"matchLabels": {"linnet.dev/deployment": "risk"}}
    yield child("PodDisruptionBudget", "policy/v1", spec={"maxUnavailable": 1, "selector": mine})
    yield child("NetworkPolicy", "networking.k8s.io/v1", spec={"podSelector": mine})
    yield scaler("Deployment", "risk-v1-abcdef12")


def scaler(kind: str, name: str, api_version: str = "apps/v1") -> Object:
    scaled = {"apiVersion": api_version, "kind": kind, "name": name}
    return child("HorizontalPodAutoscaler", "autoscaling/v2", spec={"maxReplicas": 2, "scaleTargetRef": scaled})


def pod(labels: Object = LABELS) -> Object:
    owner = {**OWNER, "apiVersion": "apps/v1", "kind": "ReplicaSet"}
    item = child("Pod", spec=POD)
    return {**item, "metadata": {**item["metadata"], "labels": labels, "ownerReferences": [owner]}}


def unowned(item: Object) -> Object:
    """Without an owner that nobody knows: the garbage collector would delete it in the middle of a test."""
    return {**item, "metadata": {k: v for k, v in item["metadata"].items() if k != "ownerReferences"}}


def imported(place: Place, **spec: Any) -> Object:
    number = next(numbers)
    item = changed(model_version(number, "risk"), "spec.origin", {"type": "Import"})
    item = changed(item, "spec.source.digest", DIGEST)
    for name, value in spec.items():
        item = changed(item, f"spec.{name}", value)
    return place.here(item)


class TestChildren:
    """Labels of linnet.dev/ and references to owners of ours are the operator's word."""

    @pytest.mark.parametrize("item", [*others(), workload(), job(), cron_job(), pod()], ids=lambda i: i["kind"])
    def test_the_operator_alone_makes_them(self, place: Place, item: Object) -> None:
        """Not even an administrator does; without the labels anybody with the right may."""
        if item["kind"] != "Pod":
            admitted(place.create(item, OPERATOR))
        for stranger in STRANGERS:
            refused(place.create(item, stranger), "children", "only the Linnet operator", "linnet.dev/managed=true")
        by_owner = {**item, "metadata": {k: v for k, v in item["metadata"].items() if k != "labels"}}
        if item["kind"] in {"ConfigMap", "Service"}:
            refused(place.create(by_owner, EDITOR), "children", "ownerReferences")

    def test_controllers_make_what_they_copied(self, place: Place) -> None:
        """ReplicaSets, Jobs and pods, in both of the schemes by which Kubernetes names its controllers."""
        for controller in CONTROLLERS:
            admitted(place.create(pod(), controller))

    def test_nobody_has_a_controller_stamp_them(self, place: Place) -> None:
        """A template of a stranger's would give its pods our labels, by the controller's hand."""
        for item in (
            plain(workload()),
            {**plain(workload()), "kind": "ReplicaSet"},
            {**plain(workload()), "kind": "DaemonSet"},
            changed({**plain(workload()), "kind": "StatefulSet"}, "spec.serviceName", "x"),
            plain(job()),
            plain(cron_job(labels={})),
            plain(cron_job(inner={})),
        ):
            refused(place.create(item, EDITOR), "children", "only the Linnet operator writes labels of linnet.dev/")
            assert place.create(plain(workload(labels={})), EDITOR).is_success

    def test_what_is_there_keeps_them(self, place: Place) -> None:
        """A label can be neither added, changed nor taken away, nor can an owner; others' labels are their business."""
        item = place.made(child("ConfigMap", data={"a": "b"}))
        for labels in ({"linnet.dev/deployment": "other"}, {"linnet.dev/managed": None}, {"linnet.dev/loaded": "true"}):
            refused(place.patch(item, {"metadata": {"labels": labels}}, EDITOR), "children")
        refused(place.patch(item, {"metadata": {"ownerReferences": None}}, EDITOR), "children", "ownerReferences")
        admitted(place.patch(item, {"metadata": {"labels": {"team": "risk"}, "annotations": {"x": "y"}}}, EDITOR))
        admitted(place.patch(item, {"metadata": {"ownerReferences": None}}, CONTROLLERS[-1]))

    @pytest.mark.parametrize(
        "change",
        [
            {"apiVersion": "linnet.dev/v9"},
            {"blockOwnerDeletion": True},
            {"more": {"apiVersion": "v1", "kind": "ConfigMap", "name": "gone"}},
            {"more": {"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": "00000000-0000-0000-0000-2"}},
        ],
        ids=["version", "blocking", "same uid", "another"],
    )
    @pytest.mark.parametrize("item", [*others(), workload(), cron_job()], ids=lambda i: i["kind"])
    def test_a_child_keeps_its_owners_to_the_letter(self, place: Place, item: Object, change: Object) -> None:
        """By another version of our API, or another owner of that uid, the operator could not write it any more."""
        made = place.made(item)
        (owner,) = made["metadata"]["ownerReferences"]
        more = [{"uid": owner["uid"], **change["more"]}] if "more" in change else []
        owners = [{**owner, **{k: v for k, v in change.items() if k != "more"}}, *more]
        refused(place.patch(made, {"metadata": {"ownerReferences": owners}}, EDITOR), "children", "ownerReferences")
        admitted(place.patch(made, {"metadata": {"annotations": {"x": "y"}}}, OPERATOR))
        admitted(place.delete(made, OPERATOR))

    def test_evidence_is_the_operators(self, place: Place) -> None:
        """Its data decides about versions; to discard it is RBAC's business."""
        item = place.made(child("ConfigMap", data={"policy": "mine"}))
        refused(place.patch(item, {"data": {"policy": "yours"}}, ADMIN), "children", "evidence")
        refused(place.patch(item, {"binaryData": {"more": "eQ=="}}, EDITOR), "children", "evidence")
        refused(place.patch(item, {"immutable": True}, EDITOR), "children", "evidence")
        admitted(place.patch(item, {"data": {"policy": "mine, too"}}, OPERATOR))
        admitted(place.delete(item, EDITOR))

    def test_the_image_that_is_judged_stays(self, place: Place) -> None:
        """A pod's can be changed where it runs, and a template's for the pods to come; other changes are RBAC's."""
        running = place.made(unowned(pod()), CONTROLLERS[0])
        evil = [{**POD["containers"][0], "image": "evil:1"}]
        refused(place.patch(running, {"spec": {"containers": evil}}, EDITOR), "children", "images of its pods")
        serving = place.made(workload())
        template = {"spec": {"template": {"spec": {"containers": evil}}}}
        refused(place.patch(serving, template, ADMIN), "children", "images of its pods")
        admitted(place.patch(serving, template, OPERATOR))
        training = place.made(cron_job())
        inner = {"spec": {"jobTemplate": {"spec": template["spec"]}}}
        refused(place.patch(training, inner, EDITOR), "children", "images of its pods")
        admitted(place.patch(training, inner, OPERATOR))
        admitted(place.patch(place.made(plain(pod()), CONTROLLERS[0]), {"spec": {"containers": evil}}, EDITOR))

    def test_a_pods_status_is_no_way_around(self, place: Place) -> None:
        """The API server lets labels change through pods/status, and through a binding."""
        item = place.made(plain(pod()), CONTROLLERS[0])
        refused(place.patch(item, {"metadata": {"labels": LABELS}}, EDITOR, "/status"), "children")
        admitted(place.patch(item, {"status": {"message": "hello"}}, EDITOR, "/status"))

    def test_everyday_work_goes_on(self, place: Place) -> None:
        """Scaling, a restart, Kueue's label and suspension, a drain's deletion: nothing of that is Linnet's mark."""
        item = place.made(workload())
        restart = {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}}
        admitted(place.patch(item, restart, EDITOR))
        admitted(place.patch(item, {"spec": {"replicas": 2}}, EDITOR, "/scale"))
        admitted(place.patch(item, {"spec": {"replicas": 3}}, EDITOR))
        refused(
            place.patch(item, {"spec": {"template": {"metadata": {"labels": {"linnet.dev/version": "9"}}}}}, EDITOR),
            "children",
            "in a pod template",
        )
        run = place.made(job())
        admitted(place.patch(run, {"metadata": {"labels": {"kueue.x-k8s.io/queue-name": "q"}}}, EDITOR))
        admitted(place.patch(run, {"spec": {"suspend": False}}, EDITOR))
        made = place.made(child("Pod", spec=POD), CONTROLLERS[0])
        admitted(place.patch(made, {"metadata": {"labels": {"linnet.dev/loaded": "true"}}}, OPERATOR))
        refused(place.patch(made, {"metadata": {"labels": {"linnet.dev/loaded": None}}}, EDITOR), "children")
        admitted(place.delete(made, EDITOR))
        admitted(place.delete(item, EDITOR))


class TestOperator:
    """Whoever takes the operator over finds that it writes children of Linnet's objects, and nothing else."""

    @pytest.mark.parametrize(
        ("item", "words"),
        [
            (plain(child("ConfigMap")), "carries, and carried"),
            (
                {**child("ConfigMap"), "metadata": {"name": "x", "namespace": "", "labels": LABELS}},
                "carries, and carried",
            ),
            (child("Secret"), "does not write /secrets"),
            (child("Pod", spec=POD), "makes no pod itself"),
            (workload(hostNetwork=True), "namespaces closed"),
            (workload(automountServiceAccountToken=True), "without a token"),
            (workload(volumes=[{"name": "x", "hostPath": {"path": "/"}}]), "volumes"),
            (
                workload(volumes=[{"name": "x", "projected": {"sources": [{"serviceAccountToken": {"path": "x"}}]}}]),
                "volumes",
            ),
            (workload(containers=[{"name": "x", "image": "x"}]), "containers"),
            (
                workload(initContainers=[{"name": "x", "image": "x", "securityContext": {"privileged": True}}]),
                "containers",
            ),
            (job(hostPID=True), "namespaces closed"),
            (child("Service", spec={"ports": [{"port": 80}], "externalIPs": ["10.1.1.1"]}), "external addresses"),
            (child("Service", spec={"ports": [{"port": 80}], "type": "LoadBalancer"}), "external addresses"),
            (scaler("Deployment", "tenants-own"), "scales only"),
            (scaler("StatefulSet", "risk-v1"), "scales only"),
            (scaler("Deployment", "risk-v1", "linnet.dev/v1alpha1"), "scales only"),
            (
                child("NetworkPolicy", "networking.k8s.io/v1", spec={"podSelector": {}, "policyTypes": ["Egress"]}),
                "only for pods",
            ),
            (
                child("NetworkPolicy", "networking.k8s.io/v1", spec={"podSelector": {"matchLabels": {"app": "db"}}}),
                "only for pods",
            ),
            (child("PodDisruptionBudget", "policy/v1", spec={"maxUnavailable": 0, "selector": {}}), "only for pods"),
        ],
    )
    def test_it_makes_nothing_else(self, place: Place, item: Object, words: str) -> None:
        """No object that is not a child's, no pod that is not restricted, no address of the outside."""
        refused(place.create(item, OPERATOR, dry_run=False), "operator", words)

    def test_it_touches_no_strangers_object(self, place: Place) -> None:
        """A label that it sets itself makes nobody's object its own, and it deletes only what it made."""
        item = place.made(plain(child("ConfigMap")), EDITOR)
        meta = {"labels": LABELS, "ownerReferences": [OWNER]}
        refused(place.patch(item, {"metadata": meta}, OPERATOR), "operator", "and carried")
        refused(place.delete(item, OPERATOR), "operator", "and carried")
        mine = place.made(child("ConfigMap"))
        admitted(place.delete(mine, OPERATOR))

    @pytest.mark.parametrize(
        "spec",
        [
            {"externalIPs": ["10.1.1.1"]},
            {"type": "NodePort"},
            {"type": "LoadBalancer"},
            {"type": "ExternalName", "externalName": "x.example", "clusterIP": None, "clusterIPs": None},
        ],
        ids=lambda s: s.get("type", "externalIPs"),
    )
    def test_what_others_made_of_a_service_keeps_nobody_from_routing_by_it(self, place: Place, spec: Object) -> None:
        """A rollback is the change of a Service's selector; to reach further out is not the operator's."""
        item = place.made(child("Service", spec={"ports": [{"port": 80}], "selector": {"a": "b"}}))
        refused(place.patch(item, {"spec": spec}, OPERATOR), "operator", "external addresses")
        admitted(place.patch(item, {"spec": spec}, EDITOR))
        admitted(place.patch(item, {"spec": {"selector": {"a": "c"}}}, OPERATOR))
        more = {"externalIPs": ["10.1.1.2"], "externalName": "y.example"}
        refused(place.patch(item, {"spec": more}, OPERATOR), "operator", "external addresses")

    def test_nothing_where_the_control_plane_lives(self, api: ApiServer, place: Place) -> None:
        """Nor in its own namespace, where its Lease alone is, whatever RBAC grants it."""
        for namespace in ("kube-system", OPERATOR_NAMESPACE):
            grant = _binding(namespace, "cluster-admin-edit", OPERATOR, next(numbers))
            grant["roleRef"]["name"] = "admin"
            answer = api.http.post(
                f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings", json=grant
            )
            assert answer.is_success, answer.text
            item = child("ConfigMap")
            item["metadata"]["namespace"] = namespace
            try:
                refused(api.create(item, user=OPERATOR), "operator", "nothing but its Lease")
            finally:
                api.http.delete(
                    f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings/{grant['metadata']['name']}"
                )


_SERVER = POD["containers"][0]
_CLOSED = _SERVER["securityContext"]


def of_pod(**fields: Any) -> Object:
    return {**POD, **fields}


def secured(**fields: Any) -> Object:
    return of_pod(securityContext={**POD["securityContext"], **fields})


def of_server(**fields: Any) -> Object:
    return of_pod(containers=[{**_SERVER, **fields}])


def contained(**fields: Any) -> Object:
    return of_server(securityContext={**_CLOSED, **fields})


def of_init(**fields: Any) -> Object:
    return of_pod(initContainers=[{**_SERVER, "name": "first", "securityContext": {**_CLOSED, **fields}}])


def volume(**source: Any) -> Object:
    return of_pod(volumes=[{"name": "x", **source}])


PORT: Object = {"port": 80, "host": "10.1.1.1"}
UNRESTRICTED: dict[str, Object] = {
    "allowPrivilegeEscalation": contained(allowPrivilegeEscalation=True),
    "allowPrivilegeEscalation, left out": of_server(securityContext={"capabilities": {"drop": ["ALL"]}}),
    "appArmorProfile": secured(appArmorProfile={"type": "Unconfined"}),
    "appArmorProfile of a container": contained(appArmorProfile={"type": "Unconfined"}),
    "appArmorProfile of an init container": of_init(appArmorProfile={"type": "Unconfined"}),
    "capabilities_baseline": contained(capabilities={"drop": ["ALL"], "add": ["NET_RAW"]}),
    "capabilities_restricted": contained(capabilities={"drop": ["NET_RAW"]}),
    "capabilities_restricted, chown": of_init(capabilities={"drop": ["ALL"], "add": ["CHOWN"]}),
    "hostNamespaces, network": of_pod(hostNetwork=True),
    "hostNamespaces, processes": of_pod(hostPID=True),
    "hostNamespaces, IPC": of_pod(hostIPC=True),
    "hostPathVolumes": volume(hostPath={"path": "/"}),
    "hostPorts": of_server(ports=[{"containerPort": 80, "hostPort": 80}]),
    "hostProbesAndHostLifecycle, liveness": of_server(livenessProbe={"httpGet": PORT}),
    "hostProbesAndHostLifecycle, readiness": of_server(readinessProbe={"tcpSocket": PORT}),
    "hostProbesAndHostLifecycle, startup": of_server(startupProbe={"httpGet": PORT}),
    "hostProbesAndHostLifecycle, postStart": of_server(lifecycle={"postStart": {"httpGet": PORT}}),
    "hostProbesAndHostLifecycle, preStop": of_server(lifecycle={"preStop": {"tcpSocket": PORT}}),
    "privileged": contained(privileged=True, allowPrivilegeEscalation=True),
    "procMount": {**contained(procMount="Unmasked"), "hostUsers": False},
    "restrictedVolumes": volume(nfs={"server": "files", "path": "/"}),
    "runAsNonRoot": of_pod(securityContext={"seccompProfile": {"type": "RuntimeDefault"}}),
    "runAsNonRoot of a container": contained(runAsNonRoot=False),
    "runAsUser": secured(runAsUser=0),
    "runAsUser of a container": of_init(runAsUser=0),
    "seccompProfile_baseline": secured(seccompProfile={"type": "Unconfined"}),
    "seccompProfile_baseline of a container": contained(seccompProfile={"type": "Unconfined"}),
    "seccompProfile_restricted": of_pod(securityContext={"runAsNonRoot": True}),
    "seLinuxOptions, type": secured(seLinuxOptions={"type": "spc_t"}),
    "seLinuxOptions, user": contained(seLinuxOptions={"user": "root"}),
    "seLinuxOptions, role": of_init(seLinuxOptions={"role": "sysadm_r"}),
    "sysctls": secured(sysctls=[{"name": "kernel.msgmax", "value": "1"}]),
    "windowsHostProcess": {**secured(windowsOptions={"hostProcess": True}), "hostNetwork": True},
    "windowsHostProcess of a container": {**contained(windowsOptions={"hostProcess": True}), "hostNetwork": True},
}
"""Each check of the restricted standard (k8s.io/pod-security-admission/policy), and a pod that fails it."""


def projected(**source: Any) -> Object:
    return volume(projected={"sources": [source]})


MORE: dict[str, Object] = {
    "an account's token": projected(serviceAccountToken={"path": "token"}),
    "a certificate of the cluster's": projected(clusterTrustBundle={"name": "x", "path": "x"}),
    "a whole Secret": volume(secret={"secretName": "default-token"}),
    "a whole Secret, projected": projected(secret={"name": "default-token"}),
    "another key of a Secret": projected(secret={"name": "s", "items": [{"key": "token", "path": "authorization"}]}),
    "a Secret's key as a variable": of_server(
        env=[{"name": "X", "valueFrom": {"secretKeyRef": {"name": "s", "key": "authorization"}}}]
    ),
    "a Secret as variables": of_server(envFrom=[{"secretRef": {"name": "s"}}]),
    "a driver's volume": volume(csi={"driver": "secrets-store.csi.k8s.io"}),
    "options of Windows": secured(windowsOptions={"runAsUserName": "ContainerUser"}),
    "options of Windows of a container": of_init(windowsOptions={"runAsUserName": "ContainerUser"}),
    "a token": of_pod(automountServiceAccountToken=True),
    "a node by name": of_pod(nodeName="n1"),
}
"""What that standard allows, and the operator never makes: it would read what is not meant for it."""


def pod_makers(pod_spec: Object, annotations: Object | None = None) -> Iterator[Object]:
    """One of each kind of child with a pod template, each with this one."""
    meta = {"labels": {"app": "x", **LABELS}, "annotations": annotations or {}}
    template, ending = {"metadata": meta, "spec": pod_spec}, {"restartPolicy": "Never"}
    run = {**template, "spec": {**pod_spec, **ending}}
    yield child("Deployment", "apps/v1", spec={"selector": {"matchLabels": {"app": "x"}}, "template": template})
    yield child("Job", "batch/v1", spec={"suspend": True, "template": run})
    schedule = {"schedule": "0 3 * * *", "suspend": True, "jobTemplate": {"spec": {"template": run}}}
    yield child("CronJob", "batch/v1", spec=schedule)


class TestRestrictedPods:
    """No pod template by the operator's own account is laxer than the restricted Pod Security Standard."""

    def test_a_restricted_one_is_made(self, place: Place) -> None:
        """As Linnet's own are: a Secret's keys as files, the pod's labels, a claim, a probe."""
        secret = {"secret": {"name": "store", "items": [{"key": "allowedPrefix", "path": "allowedPrefix"}]}}
        item = of_server(
            readinessProbe={"httpGet": {"port": 80}},
            lifecycle={"preStop": {"sleep": {"seconds": 5}}},
            env=[{"name": "X", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}, {"name": "Y", "value": "y"}],
        )
        sources: tuple[Object, ...] = (
            {"projected": {"sources": [secret]}},
            {"persistentVolumeClaim": {"claimName": "c"}},
            {"emptyDir": {}},
            {"configMap": {"name": "golden"}},
            {"downwardAPI": {"items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels['a']"}}]}},
        )
        item["volumes"] = [{"name": f"v{n}", **source} for n, source in enumerate(sources)]
        for each in pod_makers(item):
            place.made(each)

    @pytest.mark.parametrize("check", UNRESTRICTED)
    def test_no_other_is_made(self, place: Place, check: str) -> None:
        """By Deployment, Job and CronJob; and the API server's own admission says that it is not restricted."""
        for item in pod_makers(UNRESTRICTED[check]):
            refused(place.create(item, OPERATOR, dry_run=False), "operator", "the operator makes")
        is_unrestricted(place, UNRESTRICTED[check])

    def test_every_check_of_the_standard_has_its_row(self) -> None:
        """The list of a later release of Kubernetes is compared by hand."""
        assert {row.split(",")[0].split(" ")[0] for row in UNRESTRICTED} == {
            "allowPrivilegeEscalation",
            "appArmorProfile",
            "capabilities_baseline",
            "capabilities_restricted",
            "hostNamespaces",
            "hostPathVolumes",
            "hostPorts",
            "hostProbesAndHostLifecycle",
            "privileged",
            "procMount",
            "restrictedVolumes",
            "runAsNonRoot",
            "runAsUser",
            "seccompProfile_baseline",
            "seccompProfile_restricted",
            "seLinuxOptions",
            "sysctls",
            "windowsHostProcess",
        }

    @pytest.mark.parametrize("what", MORE)
    def test_nothing_that_the_operator_never_makes(self, place: Place, what: str) -> None:
        """Of a Secret the keys by which artifacts are fetched, as files; no token, no driver, no node."""
        for item in pod_makers(MORE[what]):
            refused(place.create(item, OPERATOR, dry_run=False), "operator", "the operator")

    @pytest.mark.parametrize("key", ["container.apparmor.security.beta.kubernetes.io/server"])
    def test_no_annotation_sets_a_profile(self, place: Place, key: str) -> None:
        """The spelling of before, which the kubelet still obeys."""
        for item in pod_makers(POD, {key: "unconfined"}):
            refused(place.create(item, OPERATOR, dry_run=False), "operator", "annotations")
        for item in pod_makers(POD, {"eks.amazonaws.com/skip-containers": "server"}):
            admitted(place.create(item, OPERATOR, dry_run=False))

    def test_an_owner_of_no_kind_of_linnets_is_none(self, place: Place) -> None:
        """The garbage collector deletes what has an owner that is not there, but knows no such kind to look for."""
        for owner in ({"kind": "Nothing"}, {"apiVersion": "linnet.dev/v9"}, {"controller": False}):
            item = child("ConfigMap", data={"a": "b"})
            item["metadata"]["ownerReferences"] = [{**OWNER, "uid": place.owner, **owner}]
            refused(place.create(item, OPERATOR, dry_run=False), "operator", "controller of Linnet's kinds")


def is_unrestricted(place: Place, pod_spec: Object) -> None:
    """Kubernetes' own admission refuses such a pod in a namespace that enforces the restricted standard."""
    place.consents(labels={"pod-security.kubernetes.io/enforce": "restricted"})
    item = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": pod_spec}
    until(lambda: "violates PodSecurity" in place.create(item, EDITOR).text, "the standard to be enforced", within=30)


def nodes(**term: list[Object]) -> Object:
    """The affinity of a pod that is put on no other nodes."""
    required = {"nodeSelectorTerms": [term]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}


def near(how: str = "required", **which: Any) -> Object:
    """Pods, of other namespaces by `which`, that a pod is put near to, or kept away from."""
    term = {"topologyKey": HOSTNAME, "labelSelector": {}, **which}
    terms = [term] if how == "required" else [{"weight": 1, "podAffinityTerm": term}]
    return {f"{how}DuringSchedulingIgnoredDuringExecution": terms}


class TestAuthors:
    """Who writes an object of Linnet's must hold what its children need."""

    @pytest.mark.parametrize(
        ("item", "field", "value"),
        [
            (model(), "spec.source", {"uri": "pvc://anybodys/model"}),
            (deployment(), "spec.pod", {"imagePullSecrets": [{"name": "registry"}]}),
            (deployment(), "spec.pod", {"storage": {"class": "fast"}}),
            (retrain_policy(), "spec.training.job.pod", {"storage": {"class": "fast", "size": "10Ti"}}),
            (deployment(), "spec.pod", {"tolerations": [{"operator": "Exists"}]}),
            (deployment(), "spec.pod", {"tolerations": [{"key": "node-role.kubernetes.io/control-plane"}]}),
            (deployment(), "spec.pod", {"nodeSelector": {"kubernetes.io/hostname": "n1"}}),
            (retrain_policy(), "spec.training.job.pod", {"imagePullSecrets": [{"name": "registry"}]}),
            (retrain_policy(), "spec.training.output", {"uri": "pvc://anybodys/model"}),
            (deployment(), "spec.pod", {"affinity": nodes(matchFields=[{**IN_N1, "key": "metadata.name"}])}),
            (deployment(), "spec.pod", {"affinity": nodes(matchExpressions=[{**IN_N1, "key": HOSTNAME}])}),
            (deployment(), "spec.pod", {"affinity": nodes(matchExpressions=[CONTROL_PLANE])}),
            (retrain_policy(), "spec.training.job.pod", {"affinity": nodes(matchExpressions=[CONTROL_PLANE])}),
            (deployment(), "spec.pod", {"affinity": {"podAntiAffinity": near(namespaceSelector={})}}),
            (deployment(), "spec.pod", {"affinity": {"podAntiAffinity": near("preferred", namespaces=["others"])}}),
            (deployment(), "spec.pod", {"affinity": {"podAffinity": near("preferred", namespaceSelector={})}}),
            (retrain_policy(), "spec.training.job.pod", {"affinity": {"podAffinity": near(namespaces=["others"])}}),
        ],
    )
    def test_what_a_pod_could_use_takes_the_right_to_create_pods(
        self, place: Place, item: Object, field: str, value: Any
    ) -> None:
        """A claim, new volumes, a pull Secret, nodes that are kept apart: whoever may create pods has them anyway."""
        wanted = changed(item, field, value)
        admitted(place.create(item, AUTHOR))
        refused(place.create(wanted, AUTHOR), "authors", "right to create pods", '"arthur"')
        admitted(place.create(wanted, EDITOR))
        admitted(place.create(wanted, ADMIN))

    def test_a_gpu_takes_no_right(self, place: Place) -> None:
        """Tolerations and labels of ordinary nodes are everybody's."""
        pod_: Object = {
            "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
            "nodeSelector": {"gpu": "a100"},
        }
        pod_["affinity"] = nodes(matchExpressions=[{"key": "gpu", "operator": "Exists"}])
        pod_["affinity"]["podAntiAffinity"] = near()
        admitted(place.create(changed(deployment(), "spec.pod", {**pod_, "runtimeClassName": "nvidia"}), AUTHOR))

    def test_an_update_is_asked_for_what_is_new(self, place: Place) -> None:
        """Somebody without the right may still change the rest of an object that another wrote."""
        item = place.made(changed(model(), "spec.source", {"uri": "pvc://shared/model/1"}), EDITOR)
        admitted(place.patch(item, {"spec": {"keepVersions": 3}}, AUTHOR))
        admitted(place.patch(item, {"spec": {"source": {"uri": "pvc://shared/model/2"}}}, AUTHOR))
        refused(place.patch(item, {"spec": {"source": {"uri": "pvc://another/model/2"}}}, AUTHOR), "authors", "another")
        admitted(place.patch(item, {"spec": {"source": {"uri": "s3://models/2"}}}, AUTHOR))

    def test_a_contract_is_read_by_whoever_may_read_it(self, place: Place) -> None:
        """Its requests are sent to the author's own server."""
        item = changed(model(), "spec.gate", {"contract": {"configMapName": "golden"}})
        refused(place.create(item, AUTHOR), "authors", "ConfigMap golden")
        for person in (READER_OF_A_CONTRACT, EDITOR, ADMIN):
            admitted(place.create(item, person))
        other = changed(model(), "spec.gate", {"contract": {"configMapName": "silver"}})
        refused(place.create(other, READER_OF_A_CONTRACT), "authors", "ConfigMap silver")

    def test_a_route_takes_the_right_and_the_hostname_the_consent(self, place: Place) -> None:
        """Otherwise whoever writes a Deployment takes login.example over on a shared Gateway."""
        gateway: Object = {"type": "Gateway", "parentRefs": [{"name": "public"}], "hostnames": ["risk.ml.example"]}
        item = changed(deployment(), "spec.traffic", gateway)
        place.consents(annotations={"linnet.dev/hostnames": "risk.example, *.ml.example"})
        refused(place.create(item, AUTHOR), "authors", "HTTPRoutes")
        refused(place.create(item, EDITOR), "authors", "HTTPRoutes")
        soon_admitted(place, item, ROUTER)
        for hostnames in (["login.example"], ["risk.ml.example", "ml.example"], ["*.example"], None, []):
            other = changed(deployment(), "spec.traffic", {**gateway, "hostnames": hostnames or []})
            if hostnames is None:
                del other["spec"]["traffic"]["hostnames"]
            refused(place.create(other, ROUTER), "authors", "hostnames", "linnet.dev/hostnames=")
            refused(place.create(other, ADMIN), "authors", "hostnames")
        refused(
            place.create(changed(item, "spec.traffic.protocols", ["HTTP", "GRPC"]), ROUTER), "authors", "GRPCRoutes"
        )
        stands = place.made(item, ROUTER)
        admitted(place.patch(stands, {"spec": {"paused": True}}, AUTHOR))
        refused(place.patch(stands, {"spec": {"traffic": {"labels": {"a": "b"}}}}, AUTHOR), "authors", "HTTPRoutes")
        place.consents(annotations={"linnet.dev/hostnames": "other.example"})
        admitted(place.patch(stands, {"spec": {"paused": False}}, AUTHOR))

    def test_a_priority_class_takes_the_platforms_consent(self, place: Place) -> None:
        """Its pods preempt other teams'."""
        item = changed(deployment(), "spec.pod", {"priorityClassName": "system-cluster-critical"})
        refused(place.create(item, ADMIN), "authors", "PriorityClass system-cluster-critical")
        training = changed(retrain_policy(), "spec.training.job.pod", {"priorityClassName": "high"})
        refused(place.create(training, EDITOR), "authors", "PriorityClass high")
        place.consents(annotations={"linnet.dev/priority-classes": "low,high"})
        soon_admitted(place, training, AUTHOR)

    def test_a_version_by_hand_is_an_import_with_a_digest(self, place: Place) -> None:
        """Otherwise it takes the place of the version that Git pins by its digest."""
        admitted(place.create(imported(place), EDITOR))
        for spec, words in (
            ({"identity": "a-b"}, "spec.identity"),
            ({"origin": {"type": "Source"}}, "origin"),
            ({"origin": {"type": "Retrain", "policy": "weekly", "job": "weekly-1"}}, "origin"),
            ({"source": {"uri": "s3://models/1"}}, "spec.source.digest"),
        ):
            for person in (EDITOR, ADMIN):
                refused(place.create(imported(place, **spec), person), "authors", words)
        refused(
            place.create(imported(place, source={"uri": "pvc://x/y", "digest": DIGEST}), RELEASER), "authors", "claim x"
        )

    def test_a_version_keeps_its_owners(self, place: Place) -> None:
        """An owner that does not exist would have the garbage collector delete it, with its quarantine."""
        item = place.made(imported(place), EDITOR)
        absent = {"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": "00000000-0000-0000-0000-2"}
        for person in (EDITOR, ADMIN):
            born = imported(place)
            born["metadata"]["ownerReferences"] = [absent]
            refused(place.create(born, person), "authors", "ownerReferences: a version by hand has no owner")
        refused(place.patch(item, {"metadata": {"ownerReferences": [absent]}}, ADMIN), "authors", "ownerReferences")
        admitted(place.patch(item, {"metadata": {"labels": {"team": "risk"}}}, ADMIN))

    def test_a_quarantined_version_is_deleted_by_a_holder_of_release(self, place: Place) -> None:
        """One by one or all at once; another version needs no such right."""
        free, kept = place.made(imported(place), EDITOR), place.made(imported(place), EDITOR)
        quarantine(place, kept)
        admitted(place.delete(free, DELETER))
        refused(place.delete(kept, DELETER), "authors", "quarantined", '"dora"')
        refused(place.api.http.delete(collection(kept), headers=as_user(DELETER)), "authors", "quarantined")
        admitted(place.delete(kept, RELEASER))

    def test_a_quarantined_version_does_not_hold_its_namespace(self, place: Place) -> None:
        """The namespace controller and the garbage collector take it, by whichever name they go."""
        kept = [place.made(imported(place), EDITOR) for _ in range(2)]
        for item, who in zip(kept, ("system:kube-controller-manager", CONTROLLERS[-1]), strict=True):
            quarantine(place, item)
            assert place.api.http.delete(path(item), params={"dryRun": "All"}, headers=as_user(who)).is_success
        place.api.http.delete(f"/api/v1/namespaces/{place.name}")
        until(lambda: place.api.http.get(f"/api/v1/namespaces/{place.name}").status_code == 404, "the namespace to go")

    @pytest.mark.parametrize(
        ("item", "field", "value"),
        [
            (model(), "spec.source", {"uri": "pvc://anybodys/model"}),
            (model(), "spec.gate", {"contract": {"configMapName": "golden"}}),
            (
                deployment(),
                "spec.traffic",
                {"type": "Gateway", "parentRefs": [{"name": "g"}], "hostnames": ["a.example"]},
            ),
        ],
    )
    def test_who_applies_what_others_wrote_needs_the_namespaces_consent(
        self, place: Place, item: Object, field: str, value: Any
    ) -> None:
        """Argo CD holds every right, whoever wrote the commit."""
        place.consents(annotations={"linnet.dev/hostnames": "a.example"})
        admitted(place.create(item, DELEGATE))
        wanted = changed(item, field, value)
        refused(
            place.create(wanted, DELEGATE),
            "authors",
            f"kubectl label namespace {place.name} linnet.dev/allow-delegates=true",
        )
        place.consents(labels={"linnet.dev/allow-delegates": "true"})
        soon_admitted(place, wanted, DELEGATE)

    def test_a_delegate_deletes_no_quarantine(self, place: Place) -> None:
        """A commit that takes an imported version away is no release."""
        kept = place.made(imported(place), DELEGATE)
        quarantine(place, kept)
        refused(place.delete(kept, DELEGATE), "authors", "quarantined")


def quarantine(place: Place, item: Object) -> None:
    entry = {"deployment": "risk", "revision": "risk-v1", "reason": "errors", "message": "worse"}
    answer = place.patch(item, {"status": {"quarantine": [entry]}}, OPERATOR, "/status")
    assert answer.is_success, answer.text
