"""What the chart renders: least rights, restricted pods, and every switch does what it says. Needs helm."""

import json
import re
import shutil
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hack import chart, chart_schemas
from hack.cluster.machine import packages
from hack.cluster.programs import parts
from hack.cluster.steps import ClusterError, run

from linnet.adapters.cluster import resources
from linnet.adapters.platform import platform
from linnet.api.names import Verb
from linnet.core.observed import Platform
from linnet.core.registry import model_version
from linnet.core.retraining.executors.outcome import ALLOW_TRAINING
from linnet.core.retraining.triggers import request
from linnet.core.rollout.requests import verbs as requests
from linnet.core.serving.credentials import keys_for_training
from linnet.settings import read as read_settings

pytestmark = pytest.mark.integration

Object = dict[str, Any]
FORBIDDEN_VERBS = {"*", "escalate", "bind", "impersonate", "deletecollection"}
FORBIDDEN_RESOURCES = {"*", "secrets", "nodes", "namespaces", "pods/exec", "serviceaccounts/token", "roles"}


@pytest.fixture(scope="module", autouse=True)
def tools() -> None:
    """Helm and kubeconform stand in the cache."""
    parts.build(("kubernetes", "kubeconform"))


@lru_cache
def rendered(*values: str) -> list[Object]:
    """The objects for these arguments; nobody changes them."""
    return [item for item in yaml.safe_load_all(chart.render(values)) if item]


def of(name: str) -> list[Object]:
    return rendered(*map(str, chart.value_sets()[name]))


def only(items: list[Object], kind: str, name: str | None = None) -> Object:
    [found] = [i for i in items if i["kind"] == kind and name in {None, i["metadata"]["name"]}]
    return found


def operator_rules(items: list[Object]) -> Iterator[Object]:
    """The rules of every role that is bound to the operator's account."""
    for binding in items:
        if binding["kind"] in {"RoleBinding", "ClusterRoleBinding"}:
            role = binding["roleRef"]
            yield from only(
                [i for i in items if i["metadata"].get("namespace") == binding["metadata"].get("namespace")],
                role["kind"],
                role["name"],
            )["rules"]


@pytest.mark.parametrize("name", ["defaults", "everything", "namespaced", "minimal"])
def test_the_operators_rights_are_the_least(name: str) -> None:
    """No wildcard, no Secret, no way to more rights; our users' objects are never changed or deleted."""
    rules = list(operator_rules(of(name)))
    assert rules
    for rule in rules:
        assert not set(rule["verbs"]) & FORBIDDEN_VERBS, rule
        assert not set(rule["resources"]) & FORBIDDEN_RESOURCES, rule
        assert "*" not in rule["apiGroups"], rule
        if rule["apiGroups"] == ["linnet.dev"] and not any(r.endswith("/status") for r in rule["resources"]):
            if rule["resources"] == ["requests"]:  # the label of an answered one; its spec can't be changed by anybody
                assert set(rule["verbs"]) == {"get", "list", "watch", "create", "patch", "delete"}, rule
                continue
            assert rule["resources"] == ["modelversions"] or set(rule["verbs"]) == {"get", "list", "watch"}, rule
            assert not set(rule["verbs"]) & {"update", "patch"}, rule


READS = {"get", "list", "watch"}
BY_NAME = (
    resources.CONFIG_MAP,
    resources.SERVICE_ACCOUNT,
    resources.GATEWAY,
    resources.GATEWAY_CLASS,
    resources.ADMISSION_POLICY,
    resources.ADMISSION_BINDING,
)
"""What is read one by one, and never listed."""


def granted() -> dict[tuple[str, str], set[str]]:
    """(group, resource) → the verbs that the operator's roles let it do."""
    found: dict[tuple[str, str], set[str]] = {}
    for rule in operator_rules(of("defaults")):
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                found.setdefault((group, resource), set()).update(rule["verbs"])
    return found


def test_the_operators_rights_to_read_are_those_that_it_uses() -> None:
    """What it watches it lists, watches and reads; the rest it reads by name; nothing else can be seen by it."""
    watched = {(r.group, r.plural): READS for r in resources.WATCHED}
    named = {(r.group, r.plural): {"get"} for r in BY_NAME}
    lease = {("coordination.k8s.io", "leases"): {"get"}}
    assert {key: verbs & READS for key, verbs in granted().items() if verbs & READS} == watched | named | lease


def test_the_operator_writes_no_spec_of_a_persons() -> None:
    """Of what people write it changes the status alone; versions it makes, Requests it labels, both it collects."""
    own = {name: verbs - READS for (group, name), verbs in granted().items() if group == resources.MODEL.group}
    statuses = {f"{r.plural}/status": {"update"} for r in resources.OWN}
    made = {"modelversions": {"create", "delete"}, "requests": {"create", "patch", "delete"}}
    assert {name: verbs for name, verbs in own.items() if verbs} == statuses | made


def test_every_resource_of_the_operator_is_in_its_table() -> None:
    """Nothing is granted that no code knows."""
    table = {(r.group, r.plural) for r in (*resources.WATCHED, *BY_NAME, resources.EVENT)}
    assert {(group, name.partition("/")[0]) for group, name in granted()} == table | {("coordination.k8s.io", "leases")}


MADE = {*resources.CHILDREN, resources.CONFIG_MAP, resources.MODEL_VERSION} - {resources.REPLICA_SET}
"""What the operator makes or changes; controllers make ReplicaSets."""


def policy(name: str) -> Object:
    return dict(only(of("defaults"), "ValidatingAdmissionPolicy", f"linnet-{name}")["spec"])


def test_every_kind_of_child_is_closed_to_strangers() -> None:
    """Its labels and owners are the operator's word, also where they can be changed through the status."""
    rules = policy("children")["matchConstraints"]["resourceRules"]
    known = {(group, name) for rule in rules for group in rule["apiGroups"] for name in rule["resources"]}
    assert {(r.group, r.plural) for r in (*MADE, resources.REPLICA_SET)} <= known
    assert {(r.group, f"{r.plural}/status") for r in resources.CHILDREN} <= known


def test_the_operators_policy_lets_it_make_every_kind_of_child() -> None:
    """And no other kind."""
    [text] = [v["expression"] for v in policy("operator")["variables"] if v["name"] == "isChild"]
    assert set(re.findall(r"'([^']+)'", text)) == {f"{r.group}/{r.plural}" for r in MADE}


def test_config_maps_are_read_by_name_only() -> None:
    """Evidence and contracts are known by name: other people's ConfigMaps are never listed."""
    [rule] = [r for r in operator_rules(of("defaults")) if "configmaps" in r["resources"]]
    assert not {"list", "watch"} & set(rule["verbs"])


def test_a_namespaced_install_makes_nothing_for_the_whole_cluster() -> None:
    """A team can install it with the rights of its namespaces."""
    items = of("namespaced")
    assert {i["kind"] for i in items} & {
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "ValidatingAdmissionPolicy",
    } == set()
    roles = [i["metadata"] for i in items if i["kind"] == "Role"]
    assert {(r["namespace"], r["name"]) for r in roles} == {
        ("linnet-system", "linnet-leader"),
        ("team-a", "linnet"),
        ("team-b", "linnet"),
    }


def test_a_policy_for_some_namespaces_is_bound_to_them() -> None:
    """The operator of one team does not decide for another's objects."""
    bound = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["team-a"]}
    for policy in ("requests", "children", "authors"):
        item = only(of("minimal"), "ValidatingAdmissionPolicy", f"models-{policy}")
        assert item["spec"]["matchConstraints"]["namespaceSelector"] == {"matchExpressions": [bound]}


@pytest.mark.parametrize("name", ["defaults", "everything", "minimal"])
def test_the_operators_own_account_is_bound_everywhere(name: str) -> None:
    """It may write nowhere else either; its own namespace is closed unless models are to live there."""
    [item] = [
        i for i in of(name) if i["kind"] == "ValidatingAdmissionPolicy" and i["metadata"]["name"].endswith("-operator")
    ]
    assert item["spec"]["matchConstraints"]["namespaceSelector"] == {}
    [rule] = item["spec"]["matchConstraints"]["resourceRules"]
    assert (rule["apiGroups"], rule["resources"]) == (["*"], ["*/*"])
    account = only(of(name), "Deployment")["spec"]["template"]["spec"]["serviceAccountName"]
    assert f"'system:serviceaccount:linnet-system:{account}'" in item["spec"]["matchConditions"][0]["expression"]


@pytest.mark.parametrize("name", ["defaults", "everything", "minimal"])
def test_the_operator_compares_with_what_is_installed(name: str) -> None:
    """The text that it is given holds the policies and bindings of this very release."""
    items = of(name)
    [shipped] = [i for i in items if i["kind"] == "ConfigMap" and i["metadata"]["name"].endswith("-policies")]
    texts = [d for text in shipped["data"].values() for d in yaml.safe_load_all(text)]
    installed = [i for i in items if i["kind"].startswith("ValidatingAdmissionPolicy")]
    assert sorted(texts, key=str) == sorted(installed, key=str)
    assert environment(items)["LINNET_POLICIES_DIR"] == "/etc/linnet/policies"


def test_the_operator_mounts_the_keys_that_it_knows() -> None:
    """Of a Secret its policy lets no other key into a pod, and all of those by which artifacts are fetched."""
    policies = [i for i in of("defaults") if i["kind"] == "ValidatingAdmissionPolicy"]
    [item] = [i for i in policies if i["metadata"]["name"].endswith("-operator")]
    [rule] = [v["expression"] for v in item["spec"]["validations"] if "i.key in [" in v["expression"]]
    listed = re.findall(r"'(\w+)'", rule.partition("i.key in [")[2].partition("]")[0])
    assert set(listed) == {*keys_for_training(), ALLOW_TRAINING}


def test_the_namespaces_own_account_is_never_the_operator() -> None:
    """Every pod of the namespace would be."""
    with pytest.raises(ClusterError, match="serviceAccount"):
        rendered("--set", "serviceAccount.create=false")


@pytest.mark.parametrize("name", ["defaults", "everything", "minimal"])
def test_every_pod_is_restricted(name: str) -> None:
    """Non-root, read-only root, no privilege: as the restricted Pod Security Standard wants it."""
    items = of(name)
    for pod in (only(items, "Deployment")["spec"]["template"]["spec"], only(items, "Pod")["spec"]):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


def environment(items: list[Object]) -> dict[str, str]:
    [container] = only(items, "Deployment")["spec"]["template"]["spec"]["containers"]
    return {e["name"]: e.get("value", e["name"].lower()) for e in container["env"]}


@pytest.mark.parametrize("name", ["defaults", "everything", "namespaced", "minimal"])
def test_the_operator_understands_its_environment(name: str) -> None:
    """Every variable that the chart sets is one that the operator reads, with a value that it takes."""
    set_by_chart = environment(of(name))
    plain = read_settings({"POD_NAMESPACE": "x"})
    settings = read_settings(set_by_chart)
    assert settings != plain
    assert settings.runtimes_dir == "/etc/linnet/runtimes"
    assert settings.leader_election is (name != "minimal")
    assert settings.namespaces == {"namespaced": ("team-a", "team-b"), "minimal": ("team-a",)}.get(name, ())
    assert settings.require_digest is (name == "everything")
    assert ("example.org/own" in settings.session_gateways) is (name == "everything")
    assert settings.image == only(of(name), "Deployment")["spec"]["template"]["spec"]["containers"][0]["image"]


def test_a_digest_wins_over_the_tag() -> None:
    """The image that runs is the one that was checked."""
    assert environment(of("everything"))["LINNET_IMAGE"].startswith("registry.example/platform/linnet@sha256:0123")
    assert environment(of("defaults"))["LINNET_IMAGE"] == "localhost/linnet:0.1.0"


def test_runtimes_become_catalogue_files_by_name() -> None:
    """An entry may be partial: the operator merges it over the built-in one of its name."""
    data = only(of("everything"), "ConfigMap", "linnet-runtimes")["data"]
    assert yaml.safe_load(data["mlserver.yaml"]) == {"name": "mlserver", "image": "registry.example/mlserver:1.7.1"}
    assert yaml.safe_load(data["triton.yaml"])["ports"] == {"http": 8000, "metrics": 8002}


def mounted(items: list[Object], folder: Path) -> Platform:
    """What the operator makes of the files that the chart mounts."""
    for part in ("runtimes", "prometheus", "hooks"):
        (folder / part).mkdir()
        for name, text in only(items, "ConfigMap", f"linnet-{part}")["data"].items():
            (folder / part / name).write_text(text)
    files = {
        "LINNET_RUNTIMES_DIR": "runtimes",
        "LINNET_PROMETHEUS_FILE": "prometheus/prometheus.yaml",
        "LINNET_HOOKS_FILE": "hooks/hooks.yaml",
    }
    return platform(read_settings(environment(items) | {k: str(folder / path) for k, path in files.items()}))


def test_the_operator_reads_the_rendered_catalogue(tmp_path: Path) -> None:
    """As the mounted folder has it, whole and partial entries become servers that a Model can name."""
    entries = mounted(of("everything"), tmp_path).catalogue.entries
    assert entries["mlserver"].image == "registry.example/mlserver:1.7.1"
    assert entries["mlserver"].formats
    assert entries["triton"].ready_path == "/v2/health/ready"


def test_a_change_of_the_catalogue_restarts_the_operator() -> None:
    """It reads the files when it starts."""

    def annotations(*values: str) -> Object:
        template = only(rendered(*values), "Deployment")["spec"]["template"]
        return dict(template["metadata"]["annotations"])

    assert annotations() != annotations("--set", "runtimes.mlserver.image=other:1")
    assert annotations() == annotations()


def test_the_operator_reads_the_rendered_prometheus(tmp_path: Path) -> None:
    """Address, tenant and queries; token and CA are files of Secrets that are mounted, not read by rights."""
    items = of("everything")
    server = mounted(items, tmp_path).prometheus
    assert server is not None
    assert (server.url, server.headers) == ("https://prometheus.monitoring.svc:9091/team", {"X-Scope-OrgID": "models"})
    assert 'pod=~"{{revision}}-.*"' in server.queries["http-success"]
    assert environment(items)["LINNET_PROMETHEUS_FILE"] == "/etc/linnet/prometheus/prometheus.yaml"
    pod = only(items, "Deployment")["spec"]["template"]["spec"]
    files = {
        f"{mount['mountPath']}/{item['path']}": (volume["secret"]["secretName"], item["key"])
        for mount in pod["containers"][0]["volumeMounts"]
        for volume in pod["volumes"]
        if volume["name"] == mount["name"]
        for item in volume.get("secret", {}).get("items", ())
    }
    assert files == {
        server.token_file: ("prometheus-reader", "token"),
        server.ca_file: ("platform-ca", "bundle.pem"),
    }


@pytest.mark.parametrize(
    ("url", "port"),
    [("http://p", 80), ("https://p/x", 443), ("http://p.ns:9090", 9090), ("https://[fd00::1]:8443/a", 8443)],
)
def test_a_network_policy_lets_the_operator_ask_prometheus(url: str, port: int) -> None:
    """The port of the address that was set, and nothing where none was."""

    def ports(*values: str) -> list[int]:
        policy = only(rendered("--set", "networkPolicy.enabled=true", *values), "NetworkPolicy")
        return [p["port"] for rule in policy["spec"]["egress"] for p in rule.get("ports", ())]

    assert ports("--set", f"prometheus.url={url}") == [*ports(), port]


def test_a_network_policy_names_addresses_and_namespaces() -> None:
    """The API server at its address, and metrics of the serving pods of the namespaces that have some."""
    policy = only(of("everything"), "NetworkPolicy")
    [server] = [r for r in policy["spec"]["egress"] if any(p["port"] == 6443 for p in r.get("ports", ()))]
    assert [peer["ipBlock"]["cidr"] for peer in server["to"]] == ["10.0.0.1/32", "fd00::1/128"]
    for values, namespaces in ((of("everything"), ["team-a"]), (rendered(*WATCHING), ["team-b"])):
        rules = only(list(values), "NetworkPolicy")["spec"]["egress"]
        [peer] = [p for r in rules for p in r.get("to", ()) if "podSelector" in p]
        assert peer["podSelector"] == {"matchLabels": {"linnet.dev/managed": "true"}}
        assert peer["namespaceSelector"]["matchExpressions"][0]["values"] == namespaces


WATCHING = ("--set", "networkPolicy.enabled=true", "--set", "watchNamespaces={team-b}")


def test_endpoints_and_queries_are_for_namespaces(tmp_path: Path) -> None:
    """What the chart renders is what the operator goes by: another team can't even name them."""
    platform_ = mounted(of("everything"), tmp_path)
    ours, theirs = platform_.of("team-a"), platform_.of("team-b")
    assert ours.hooks is not None
    assert theirs.hooks is not None
    assert set(ours.hooks.by_name) - set(theirs.hooks.by_name) == {"calendar"}
    assert ours.prometheus is not None
    assert theirs.prometheus is not None
    assert (list(ours.prometheus.queries), list(theirs.prometheus.queries)) == (["http-success"], [])


def test_without_a_prometheus_nothing_of_it_is_rendered() -> None:
    """No file, no mount, no setting."""
    assert "LINNET_PROMETHEUS_FILE" not in environment(of("defaults"))
    assert [i for i in of("defaults") if i["metadata"]["name"].endswith("-prometheus")] == []


def test_the_operator_reads_the_rendered_hooks(tmp_path: Path) -> None:
    """Endpoints, and the Secrets of each where its file says."""
    items = of("everything")
    hooks = mounted(items, tmp_path).hooks
    assert hooks is not None
    desk, chat = hooks.by_name["desk"], hooks.by_name["chat"]
    assert (desk.url, desk.retries, chat.retries) == ("https://desk.example/linnet", 5, 0)
    assert hooks.events is not None
    assert (hooks.events.endpoint, hooks.events.reasons) == ("chat", ["HookAsked", "RolloutCompleted"])
    pod = only(items, "Deployment")["spec"]["template"]["spec"]
    [folder] = [m["mountPath"] for m in pod["containers"][0]["volumeMounts"] if m["name"] == "hooks-secrets"]
    [volume] = [v["projected"] for v in pod["volumes"] if v["name"] == "hooks-secrets"]
    files = {
        f"{folder}/{item['path']}": (source["secret"]["name"], item["key"])
        for source in volume["sources"]
        for item in source["secret"]["items"]
    }
    assert files == {desk.token_file: ("desk-token", "token"), desk.ca_file: ("platform-ca", "bundle.pem")}


def test_without_endpoints_nothing_of_hooks_is_rendered() -> None:
    """No file, no mount, no setting."""
    assert "LINNET_HOOKS_FILE" not in environment(of("defaults"))
    assert [i for i in of("defaults") if i["metadata"]["name"].endswith("-hooks")] == []


def test_a_network_policy_lets_the_operator_call_endpoints() -> None:
    """Each by the port of its address."""
    endpoints = json.dumps([{"name": "a", "url": "https://a/x"}, {"name": "b", "url": "http://b:8081"}])
    policy = only(
        rendered("--set", "networkPolicy.enabled=true", "--set-json", f"hooks.endpoints={endpoints}"), "NetworkPolicy"
    )
    ports = [p["port"] for rule in policy["spec"]["egress"] for p in rule.get("ports", ())]
    assert ports[-2:] == [443, 8081]


def test_crds_are_those_of_the_repository_and_kept() -> None:
    """Uninstalling the release leaves every Model, unless the platform says otherwise."""
    for name, kept in (("defaults", True), ("minimal", False)):
        crds = [i for i in of(name) if i["kind"] == "CustomResourceDefinition"]
        assert len(crds) == 6
        for crd in crds:
            source = yaml.safe_load((chart.CHART / "files/crds" / f"{crd['spec']['names']['plural']}.yaml").read_text())
            assert (crd["spec"], crd["metadata"]["name"]) == (source["spec"], source["metadata"]["name"])
            assert (crd["metadata"].get("annotations") == {"helm.sh/resource-policy": "keep"}) is kept


def test_the_alerts_and_the_monitor_find_the_service() -> None:
    """The Prometheus Operator's kinds have no schema here, so that their fields are looked at."""
    items = of("everything")
    service = only(items, "Service")
    monitor = only(items, "ServiceMonitor")
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert [e["port"] for e in monitor["spec"]["endpoints"]] == [service["spec"]["ports"][0]["name"]]
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    rules = [rule for group in only(items, "PrometheusRule")["spec"]["groups"] for rule in group["rules"]]
    alerts = {"LinnetHasNoLeader", "LinnetJudgesLate", "LinnetReconcileErrors", "LinnetQueriesFail", "LinnetHooksFail"}
    assert alerts <= {rule["alert"] for rule in rules}
    assert all('namespace="linnet-system",service="linnet"}' in rule["expr"] for rule in rules)


def test_the_alerts_are_promql(tmp_path: Path) -> None:
    """Prometheus' own program reads them."""
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(only(of("everything"), "PrometheusRule")["spec"]))
    promtool = shutil.which("promtool") or packages.unpacked("prometheus") / "usr" / "bin" / "promtool"
    said = run([promtool, "check", "rules", tmp_path / "rules.yaml"])
    assert "SUCCESS" in said


def test_services_and_budgets_select_only_the_operator() -> None:
    """The pod of `helm test` is behind no Service."""
    items = of("everything")
    pod = only(items, "Pod")["metadata"]["labels"]
    template = only(items, "Deployment")["spec"]["template"]["metadata"]["labels"]
    for selector in (
        only(items, "Service")["spec"]["selector"],
        only(items, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        only(items, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        only(items, "Deployment")["spec"]["selector"]["matchLabels"],
    ):
        assert selector.items() <= template.items()
        assert not selector.items() <= pod.items()


def test_extra_objects_are_rendered_from_maps_and_from_text() -> None:
    """Both may hold templates."""
    names = {i["metadata"]["name"] for i in of("everything")}
    assert {"linnet-extra", "linnet-as-text"} <= names


def test_approve_and_reject_are_nobodys_by_default() -> None:
    """Neither an editor nor an administrator of a namespace may approve; only who is granted the approver's role."""
    roles = {i["metadata"]["name"]: i for i in of("defaults") if i["kind"] == "ClusterRole"}
    for name, role in roles.items():
        verbs = {verb for rule in role["rules"] for verb in rule["verbs"]}
        assert ({"approve", "reject"} <= verbs) is (name == "linnet-approver")
        aggregated = any("aggregate-to" in label for label in role["metadata"]["labels"])
        assert aggregated is (name in {"linnet-view", "linnet-edit"})


def test_an_editor_holds_every_verb_that_the_operator_knows() -> None:
    """Of each kind those that it obeys, and no other: a verb in RBAC that does nothing would mislead."""
    role = next(i for i in of("defaults") if i["kind"] == "ClusterRole" and i["metadata"]["name"] == "linnet-edit")
    granted = {
        r: set(rule["verbs"]) & set(Verb)
        for rule in role["rules"]
        for r in rule["resources"]
        if set(rule["verbs"]) & set(Verb)
    }
    known = {
        "deployments": set(requests.ALLOWED),
        "modelversions": model_version._VERBS,
        "retrainpolicies": request.VERBS,
    }
    assert granted == known


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["--set", "replicas=3"], "'replicas' not allowed"),
        (["--set", "logLevel=loud"], "DEBUG"),
        (["--set", "image.digest=latest"], "digest"),
        (["--set", "leaderElection=false"], "leaderElection: false needs replicaCount: 1"),
        (["--set", "approvers.serviceAccounts[0].name=bot,approvers.serviceAccounts[0].namespace=a'b"], "namespace"),
        (["--set", "runtimes.custom.image=x"], "custom"),
        (["--set", "prometheus.url=http://user:secret@p"], "url"),
        (["--set", "prometheus.url=http://p", "--set", "prometheus.headers.Authorization=x"], "(?i)authorization"),
        (["--set", "hooks.events.endpoint=desk"], "hooks.events.endpoint needs hooks.endpoints"),
        (["--set-json", 'hooks.endpoints=[{"name": "a", "url": "http://u:secret@a"}]'], "url"),
        (["--set-json", 'hooks.endpoints=[{"name": "a", "url": "http://a", "retries": 21}]'], "retries"),
        (["--set", "prometheus.queries.up=up"], "prometheus.queries needs prometheus.url"),
    ],
)
def test_a_wrong_value_is_refused_by_name(values: list[str], words: str) -> None:
    """Before anything is sent to the cluster."""
    with pytest.raises(ClusterError, match=words):
        chart.render(values)


def test_the_chart_is_sound_for_every_set_of_values(capfd: pytest.CaptureFixture[str]) -> None:
    """`make chart`: lint is strict, and every rendered object is valid against its schema."""
    assert chart.check() == 0
    out = capfd.readouterr().out
    assert out.count("Invalid: 0, Errors: 0") >= len(chart.value_sets())


def test_kubeconform_sees_a_wrong_field(capfd: pytest.CaptureFixture[str]) -> None:
    """The check itself can fail, for Kubernetes' kinds and for ours."""
    schemas = chart_schemas.folder()
    wrong = chart.render([]).replace("containerPort:", "port:")
    assert not chart.validated(schemas, ["-"], wrong)
    assert "'port' not allowed" in capfd.readouterr().out
    model = (
        "{apiVersion: linnet.dev/v1alpha1, kind: Model, spec: {format: {name: x}, source: {uri: s3://bucket/k}, x: 1}}"
    )
    assert not chart.validated(schemas, ["-"], model)
    assert "'x' not allowed" in capfd.readouterr().out
