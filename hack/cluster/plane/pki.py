"""Certificates and kubeconfigs, made with the openssl program: Python's library can make none."""

import base64
import json
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from hack.cluster import layout
from hack.cluster.steps import run

DAYS = "3650"
CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"]
SERVER_NAMES = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", f"kubernetes.default.svc.{layout.DOMAIN}")


@dataclass(frozen=True)
class Identity:
    """A certificate to issue: file name, subject, and the names that a server answers to (none: a client)."""

    name: str
    user: str
    group: str | None = None
    names: tuple[str, ...] = ()


def api_server(*addresses: str) -> Identity:
    return Identity("apiserver", "kube-apiserver", names=(*SERVER_NAMES, "localhost", *addresses))


ADMIN = Identity("admin", "linnet-admin", "system:masters")
CONTROLLERS = Identity("controller-manager", "system:kube-controller-manager")
LOOPBACK = (api_server("127.0.0.1", layout.API_SERVICE_IP), ADMIN, CONTROLLERS)
NODE = (
    api_server(layout.NODE_IP, "127.0.0.1", layout.API_SERVICE_IP),
    ADMIN,
    CONTROLLERS,
    Identity("scheduler", "system:kube-scheduler"),
    Identity("kube-proxy", "system:kube-proxy"),
    Identity("coredns", "linnet-coredns"),
    Identity("traefik", "linnet-traefik"),
    Identity("network-policies", "linnet-network-policies"),
    Identity("kubelet", f"system:node:{layout.NODE_NAME}", "system:nodes", names=(layout.NODE_NAME, layout.NODE_IP)),
    Identity("apiserver-kubelet-client", "kube-apiserver-kubelet-client", "system:masters"),
)


def subject(identity: Identity) -> str:
    """The subject in openssl's form.

    >>> subject(Identity("admin", "me", "system:masters"))
    '/O=system:masters/CN=me'
    """
    return (f"/O={identity.group}" if identity.group else "") + f"/CN={identity.user}"


def alternative_names(names: Sequence[str]) -> str:
    """The subjectAltName extension.

    >>> alternative_names(["localhost", "10.0.0.1"])
    'subjectAltName=DNS:localhost,IP:10.0.0.1'
    """
    return "subjectAltName=" + ",".join(f"{'IP' if n.replace('.', '').isdigit() else 'DNS'}:{n}" for n in names)


def make(folder: Path, identities: Sequence[Identity]) -> Path:
    """Fill a folder with an authority (ca), the service accounts' key pair (sa) and the identities."""
    partial = folder.with_name(f"{folder.name}.{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True, mode=0o700)
    authority = ["-subj", "/CN=linnet-cluster", "-addext", "keyUsage=critical,keyCertSign,digitalSignature"]
    certificate(files(partial, "ca"), *authority)
    with ThreadPoolExecutor(4) as pool:
        accounts = pool.submit(service_account_keys, partial)
        list(pool.map(lambda identity: issue(partial, identity), identities))
        accounts.result()
    try:
        partial.rename(folder)
    except OSError:  # another process made the same folder meanwhile: one is as good as the other
        shutil.rmtree(partial)
    return folder


def certificate(target: list[str | Path], *arguments: str | Path) -> None:
    """One key and its certificate, in one call."""
    command: list[str | Path] = ["openssl", "req", "-x509", *CURVE, "-days", DAYS]
    run([*command, *target, *arguments])


def issue(folder: Path, identity: Identity) -> None:
    ca: list[str | Path] = ["-CA", folder / "ca.crt", "-CAkey", folder / "ca.key"]
    usage = "extendedKeyUsage=clientAuth" + (",serverAuth" if identity.names else "")
    extensions = ["-addext", "basicConstraints=critical,CA:FALSE", "-addext", usage]
    if identity.names:
        extensions += ["-addext", alternative_names(identity.names)]
    certificate(files(folder, identity.name), "-subj", subject(identity), *ca, *extensions)


def service_account_keys(folder: Path) -> None:
    private = folder / "sa.key"
    run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", private])
    run(["openssl", "pkey", "-in", private, "-pubout", "-out", folder / "sa.pub"])


def files(folder: Path, name: str) -> list[str | Path]:
    return ["-keyout", folder / f"{name}.key", "-out", folder / f"{name}.crt"]


def kubeconfig(path: Path, url: str, pki: Path, identity: str) -> Path:
    """Write a kubeconfig (JSON is YAML) that holds its certificates, readable by its owner alone."""
    user = {"client-certificate-data": encoded(pki / f"{identity}.crt")}
    user["client-key-data"] = encoded(pki / f"{identity}.key")
    cluster = {"server": url, "certificate-authority-data": encoded(pki / "ca.crt")}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "linnet",
        "clusters": [{"name": "linnet", "cluster": cluster}],
        "users": [{"name": identity, "user": user}],
        "contexts": [{"name": "linnet", "context": {"cluster": "linnet", "user": identity}}],
    }
    write_private(path, json.dumps(config, indent=1))
    return path


def encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def write_private(path: Path, text: str) -> None:
    """Write a file that nobody but its owner can read, from its first moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
