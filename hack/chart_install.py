"""The chart without its pods, on a control plane without nodes: the operator's account, its rights, and the policies.

Tests and measurements run the operator's process beside such an API server, where it may do what it may in a cluster.
"""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import yaml
from hack.cluster import layout
from hack.cluster.steps import ClusterError, run, wait

from linnet.adapters.cluster.protections import probe

CHART = layout.REPO / "charts" / "linnet"
NAMESPACE = "linnet-system"
ACCOUNT = f"system:serviceaccount:{NAMESPACE}:linnet"
RIGHTS = ("rbac", "serviceaccount", "people")
POLICIES = ("requests", "children", "authors", "operator")
TRIED = POLICIES[1:]
"""Policies that refuse everybody a label of their own."""
TOKEN_LASTS = "12h"


def install(kubeconfig: Path, *values: str, policies: bool = True) -> Path:
    """Install what stands beside the operator's pods, with these arguments of helm; policies are in force afterwards.

    The result is a kubeconfig with the rights of the operator and no others, beside the administrator's.
    """
    parts = (*RIGHTS, *(f"admission/{policy}" for policy in POLICIES if policies))
    namespace = json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    for manifests in (namespace, rendered(*parts, values=values)):
        kubectl(kubeconfig, "apply", "--server-side", "--force-conflicts", "-f", "-", stdin=manifests)
    for policy in TRIED if policies else ():
        wait(f"the policy linnet-{policy}", partial(refuses, kubeconfig, policy), within=60, every=0.1)
    return operators_kubeconfig(kubeconfig)


def rendered(*parts: str, values: Sequence[str] = ()) -> str:
    """These templates of the chart."""
    shown = [word for part in parts for word in ("-s", f"templates/{part}.yaml")]
    return run([layout.tool("helm"), "template", "linnet", CHART, "-n", NAMESPACE, *shown, *values])


def shipped(folder: Path, *values: str) -> Path:
    """Fill the folder with the policies as the chart mounts them for the operator, which compares them."""
    for name, text in yaml.safe_load(rendered("admission/shipped", values=values))["data"].items():
        (folder / name).write_text(text)
    return folder


def refuses(kubeconfig: Path, policy: str) -> bool:
    """Whether the policy is in force: each refuses its label to everybody. The API server takes moments to go by it."""
    _, item = probe(policy, "default")
    words = ("create", "--dry-run=server", "--as", ACCOUNT, "-f", "-")
    try:
        kubectl(kubeconfig, *words, stdin=json.dumps(item))
    except ClusterError as error:
        return f"linnet.dev/probe: the policy linnet-{policy}" in str(error)
    return False


def operators_kubeconfig(kubeconfig: Path) -> Path:
    """The administrator's with the token of the operator's account in its place."""
    token = kubectl(kubeconfig, "create", "token", "linnet", "-n", NAMESPACE, "--duration", TOKEN_LASTS).strip()
    config = json.loads(kubeconfig.read_text())
    config["users"] = [{"name": user["name"], "user": {"token": token}} for user in config["users"]]
    made = kubeconfig.with_name("operator-kubeconfig")
    made.write_text(json.dumps(config))
    return made


def kubectl(kubeconfig: Path, *words: str | Path, stdin: str | None = None) -> str:
    return run([layout.tool("kubectl"), "--kubeconfig", kubeconfig, *words], stdin=stdin)
