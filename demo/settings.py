"""What the demo was asked to do, from flags and environment. The only reader of the environment."""

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
NAMESPACE = "linnet-demo"
SYSTEM = "linnet-system"
NAME = "tumor-risk"
"""The Model, its Deployment and its RetrainPolicy."""

ANOTHER_CLUSTER = """\
The demo was given another cluster (KUBECONFIG={kubeconfig}). It then needs, in the environment:
  DEMO_IMAGES='linnet=<image>,mlserver=<image>'   built from Dockerfile and from hack/images/mlserver/Dockerfile
  AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY (AWS_REGION)   an S3 store that its pods reach
  DEMO_BUCKET=<bucket>                            a bucket there; models if left out
  DEMO_GATEWAY=<GatewayClass>,<host>:<port>       a Gateway API gateway; without it its episodes are left out
Missing: {missing}.
To use the embedded cluster instead: env -u KUBECONFIG make demo"""


class SettingsError(Exception):
    """What was asked for can't be done; the message says what is missing."""


@dataclass(frozen=True)
class Store:
    """An S3 store, and a bucket in it."""

    endpoint: str
    access_key: str
    secret_key: str
    region: str = "us-east-1"
    bucket: str = "models"

    def secret(self) -> dict[str, str]:
        """The keys of the Secret that Models and the RetrainPolicy name."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": self.region,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_ALLOW_HTTP": "true" if self.endpoint.startswith("http://") else "false",
            "allowedPrefix": f"s3://{self.bucket}/{NAME}",
            "allowTraining": "true",
        }


@dataclass(frozen=True)
class Images:
    """Linnet's own image, and the example server's."""

    linnet: str
    mlserver: str


@dataclass(frozen=True)
class Front:
    """A Gateway API gateway: its class, and where clients in the cluster reach it."""

    class_name: str
    address: str

    @property
    def manifest(self) -> dict[str, Any]:
        """The Gateway that docs/examples/demo/deployment-gateway.yaml names."""
        port = int(self.address.rpartition(":")[2])
        listener = {"name": "http", "protocol": "HTTP", "port": port}
        return {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "metadata": {"name": "public", "namespace": NAMESPACE},
            "spec": {"gatewayClassName": self.class_name, "listeners": [listener]},
        }


@dataclass(frozen=True)
class Place:
    """Where the story plays: a cluster, its tools, its images, its store."""

    kubeconfig: Path
    images: Images
    store: Store
    tools: Path | None = None
    front: Front | None = None


@dataclass(frozen=True)
class Settings:
    """`place` is None where the embedded cluster is to be started."""

    place: Place | None
    out: Path
    rate: float = 75
    missing: float = 0.04
    plain: bool = False


def settings(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """Raises SettingsError, or SystemExit by argparse."""
    given = _parser().parse_args(arguments)
    kubeconfig = given.kubeconfig or environment.get("KUBECONFIG")
    return Settings(
        place=_place(kubeconfig, environment) if kubeconfig else None,
        out=given.out,
        rate=given.rate,
        missing=given.missing,
        plain=given.plain or "NO_COLOR" in environment,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m demo", description="Linnet's story on a real cluster.")
    parser.add_argument("--kubeconfig", help="another cluster than the embedded one (also: KUBECONFIG)")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "demo", help="where summary and report go")
    parser.add_argument("--rate", type=float, default=75, help="client requests a second")
    parser.add_argument("--missing", type=float, default=0.04, help="share of records with a missing value")
    parser.add_argument("--plain", action="store_true", help="no live tree and no colors, also on a terminal")
    return parser


def _place(kubeconfig: str, environment: Mapping[str, str]) -> Place:
    needed = ("DEMO_IMAGES", "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    if missing := [name for name in needed if not environment.get(name)]:
        raise SettingsError(ANOTHER_CLUSTER.format(kubeconfig=kubeconfig, missing=", ".join(missing)))
    store = Store(
        environment["AWS_ENDPOINT_URL"],
        environment["AWS_ACCESS_KEY_ID"],
        environment["AWS_SECRET_ACCESS_KEY"],
        environment.get("AWS_REGION", "us-east-1"),
        environment.get("DEMO_BUCKET", "models"),
    )
    return Place(
        Path(kubeconfig), _images(environment["DEMO_IMAGES"]), store, front=_front(environment.get("DEMO_GATEWAY"))
    )


def _front(text: str | None) -> Front | None:
    if not text:
        return None
    name, _, address = text.partition(",")
    if not name or not address.rpartition(":")[2].isdigit():
        raise SettingsError(f"DEMO_GATEWAY={text!r} is not <GatewayClass>,<host>:<port>")
    return Front(name.strip(), address.strip())


def _images(text: str) -> Images:
    named = dict(part.strip().split("=", 1) for part in text.split(",") if "=" in part)
    if missing := {"linnet", "mlserver"} - named.keys():
        raise SettingsError(f"DEMO_IMAGES={text!r} names no {' and no '.join(sorted(missing))}")
    return Images(named["linnet"], named["mlserver"])


def embedded(about: str, images: str) -> Place:
    """The embedded cluster, from what `cluster.py env` and `images` print; its gateway comes later."""
    told, names = json.loads(about), json.loads(images)
    s3 = told["s3"]
    store = Store(s3["endpoint"], s3["access_key"], s3["secret_key"], s3["region"], s3["bucket"])
    return Place(Path(told["kubeconfig"]), Images(names["linnet"], names["mlserver"]), store, Path(told["bin"]))


def embedded_front(gateway: str) -> Front:
    """The embedded cluster's gateway, from what `cluster.py gateway` prints."""
    entry = json.loads(gateway)
    return Front(entry["class"], entry["http"])


def environment() -> dict[str, str]:
    """The process's own environment."""
    return dict(os.environ)
