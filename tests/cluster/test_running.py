"""The embedded cluster is a real one: pods, Services, DNS, logs, exec, PodSecurity, tokens, volumes and S3."""

import secrets
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from hack.cluster import steps

from cluster.running import SCRIPT, Namespace, answer, cluster, pod, service, web

pytestmark = pytest.mark.e2e

REACH = """
import socket, sys
for place in sys.argv[1:]:
    host, _, port = place.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=3).close()
        print("reached")
    except OSError:
        print("lost")
"""
ADDRESSES = (
    (("pod", "denied"), ".status.podIP"),
    (("pod", "free"), ".status.podIP"),
    (("service", "site"), ".spec.clusterIP"),
)


@pytest.fixture(scope="module")
def place() -> Iterator[Namespace]:
    """A namespace that enforces the restricted profile, with a web server `web` behind the Service `site`."""
    assert cluster("up").returncode == 0
    image = answer("images", "--only", "mlserver")["mlserver"]
    made = Namespace(f"cluster-{secrets.token_hex(3)}", image, answer("env"))
    label = {"pod-security.kubernetes.io/enforce": "restricted"}
    made.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": made.name, "labels": label}})
    made.apply(web("web", image), service("site", "web"))
    made.kubectl("wait", "pod/web", "--for=condition=Ready", "--timeout=90s")
    address = made.kubectl("get", "service", "site", "-o", "jsonpath={.spec.clusterIP}")
    steps.wait("the Service's rules", lambda: answers(address), within=30)
    yield made
    made.kubectl("delete", "namespace", made.name, "--wait=false", "--ignore-not-found")


def answers(address: str) -> bool:
    try:
        return int(urllib.request.urlopen(f"http://{address}/", timeout=5).status) == 200
    except OSError:
        return False


def test_a_pod_reaches_a_service_by_name(place: Namespace) -> None:
    """DNS and kube-proxy work from inside a pod, also when the answer comes from the very same pod."""
    code = "import urllib.request as u; print(u.urlopen('http://site/').status)"
    assert place.python("web", code).strip() == "200"


def test_the_machine_reaches_a_service_by_address(place: Namespace) -> None:
    """Traffic generators and tests on the host call the Service itself, not a pod."""
    address = place.kubectl("get", "service", "site", "-o", "jsonpath={.spec.clusterIP}")
    assert answers(address)


def test_logs_are_read(place: Namespace) -> None:
    """kubectl logs reaches the kubelet."""
    assert "Serving HTTP" in place.kubectl("logs", "web")


def test_the_restricted_profile_is_enforced(place: Namespace) -> None:
    """PodSecurity refuses what a hardened cluster would refuse."""
    careless = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "careless"}}
    careless |= {"spec": {"containers": [{"name": "main", "image": place.image}]}}
    said = place.kubectl("apply", "-f", "-", stdin=careless, ok=False)
    assert 'violates PodSecurity "restricted:latest"' in said


def test_a_projected_token_is_accepted_and_has_no_rights(place: Namespace) -> None:
    """A service account's token authenticates at the API server, and RBAC gives it nothing by itself."""
    code = (
        "import ssl, urllib.request as u, urllib.error as e; d = '/var/run/secrets/kubernetes.io/serviceaccount/';"
        "r = u.Request('https://kubernetes.default.svc/api/v1/secrets',"
        " headers={'Authorization': 'Bearer ' + open(d + 'token').read()});"
        "c = ssl.create_default_context(cafile=d + 'ca.crt')\n"
        "try: u.urlopen(r, context=c)\n"
        "except e.HTTPError as error: print(error.code, error.read().decode())"
    )
    said = place.python("web", code)
    assert said.startswith("403")
    assert f"system:serviceaccount:{place.name}:default" in said


def test_s3_answers_in_pods_and_on_the_machine_at_one_address(place: Namespace) -> None:
    """An artifact's URI means the same thing to the person who uploads it and to the pod that fetches it."""
    endpoint = place.environment["s3"]["endpoint"]
    assert urllib.request.urlopen(f"{endpoint}/health", timeout=5).read() == b"OK"
    code = f"import urllib.request as u; print(u.urlopen('{endpoint}/health').read().decode())"
    assert place.python("web", code).strip() == "OK"


def test_s3_refuses_whoever_has_no_key(place: Namespace) -> None:
    """The server is as strict as a real one, so that a 403 can be tested."""
    url = f"{place.environment['s3']['endpoint']}/{place.environment['s3']['bucket']}/x"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(url, timeout=5)


def test_a_network_policy_holds_packets_up(place: Namespace) -> None:
    """A pod whose egress is denied reaches no Service, no pod and not the machine, and still answers whoever asks."""
    deny = {"podSelector": {"matchLabels": {"app": "denied"}}, "policyTypes": ["Egress"]}
    policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "denied"}}
    place.apply({**policy, "spec": deny}, web("denied", place.image), web("free", place.image))
    place.kubectl("wait", "pod/denied", "pod/free", "--for=condition=Ready", "--timeout=90s")
    store = place.environment["s3"]["endpoint"].removeprefix("http://")
    denied, free, site = (place.kubectl("get", *what, "-o", f"jsonpath={{{path}}}") for what, path in ADDRESSES)
    assert place.python("free", REACH, f"{denied}:8080", f"{site}:80", store).split() == ["reached"] * 3
    assert place.python("denied", REACH, f"{free}:8080", f"{site}:80", store).split() == ["lost"] * 3
    assert answers(f"{denied}:8080")


def test_a_claim_is_bound_and_holds_the_given_files(place: Namespace, tmp_path: Path) -> None:
    """A pvc:// artifact can be tested without a storage class."""
    (tmp_path / "model.txt").write_text("a model")
    words = ["--namespace", place.name, "--claim", "models", "--from", str(tmp_path)]
    assert cluster("volume", *words).returncode == 0
    volumes = [{"name": "models", "persistentVolumeClaim": {"claimName": "models"}}]
    mount = {"volumeMounts": [{"name": "models", "mountPath": "/models"}]}
    command = ["cat", "/models/model.txt"]
    reader = pod("reader", place.image, command, volumes=volumes, restartPolicy="Never", container=mount)
    place.apply(reader)
    place.kubectl("wait", "pod/reader", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
    assert place.kubectl("logs", "reader") == "a model"


def test_images_that_are_there_are_not_built_again(place: Namespace) -> None:
    """The second call answers the same name without a build or an import."""
    done = cluster("images", "--only", "mlserver")
    assert place.image in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("capability", "missing"),
    [("sys_admin", "no right to make namespaces and mounts"), ("net_admin", "no right to make network interfaces")],
)
def test_a_sandbox_without_rights_is_refused(capability: str, missing: str) -> None:
    """Root of a container that may not do what a node does reads which right is missing, and the way out."""
    without = ["setpriv", "--bounding-set", f"-{capability}", "--inh-caps", f"-{capability}"]
    done = subprocess.run([*without, sys.executable, SCRIPT, "up"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert missing in done.stderr
    assert "make demo KUBECONFIG=" in done.stderr
