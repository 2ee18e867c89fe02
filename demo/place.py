"""Before the story: a cluster, the images, Linnet installed by its chart, and an empty namespace."""

import asyncio
import contextlib
import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from demo.settings import NAMESPACE, ROOT, SYSTEM, Images, Place, Settings, embedded, environment
from linnet.cli.cluster.kubectl import Kubectl
from linnet.cli.cluster.processes import CommandError
from linnet.cli.cluster.streams import run

EXAMPLES = ROOT / "docs" / "examples" / "demo"
IMAGE_IN_EXAMPLES = "registry.example/linnet-mlserver:demo"
BUCKET_IN_EXAMPLES = "s3://models/"
RELEASE = "linnet"
ELAPSED = re.compile(r"^\[ *[0-9.]+ s\] ")
"""The cluster's own stopwatch at the beginning of its lines."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Examples:
    """The manifests in docs/examples/demo, with this place's image and bucket in them."""

    place: Place
    folder: Path = EXAMPLES

    def __call__(self, name: str) -> str:
        text = (self.folder / f"{name}.yaml").read_text()
        text = text.replace(IMAGE_IN_EXAMPLES, self.place.images.mlserver)
        return text.replace(BUCKET_IN_EXAMPLES, f"s3://{self.place.store.bucket}/")


async def find(settings: Settings, say: Say) -> Place:
    """The cluster that was named, or the embedded one, started if it is not up."""
    if settings.place is not None:
        say(f"cluster: {settings.place.kubeconfig}")
        return settings.place
    await _cluster("up", say)
    images = await _cluster("images", say)
    gateway = await _cluster("gateway", say)
    about = await run([sys.executable, "hack/cluster/cluster.py", "env"], _here())
    return embedded(about, images, gateway)


async def _cluster(command: str, say: Say) -> str:
    """Run a command of the embedded cluster, telling its progress; the last line of its answer."""
    words = [sys.executable, str(ROOT / "hack/cluster/cluster.py"), command]
    process = await asyncio.create_subprocess_exec(
        *words, env=_here(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    answer = asyncio.create_task(process.stdout.read())
    last = ""
    async for line in process.stderr:
        last = ELAPSED.sub("", line.decode(errors="replace").strip())
        say(last)
    if await process.wait():
        raise CommandError(last or f"cluster.py {command} failed")
    return ((await answer).decode().strip().splitlines() or [""])[-1]


def _here() -> dict[str, str]:
    """The environment without KUBECONFIG: the embedded cluster has its own."""
    return {k: v for k, v in environment().items() if k != "KUBECONFIG"}


async def install(kubectl: Kubectl, images: Images) -> None:
    """`helm upgrade --install`, with the images of this place; CommandError with helm's words."""
    repository, _, tag = images.linnet.rpartition(":")
    values = {
        "image.repository": repository,
        "image.tag": tag,
        "runtimes.mlserver.image": images.mlserver,
    }
    chart = str(ROOT / "charts" / "linnet")
    command = ["helm", "upgrade", "--install", RELEASE, chart, "-n", SYSTEM, "--create-namespace"]
    for name, value in values.items():
        command += ["--set-string", f"{name}={value}"]
    await run([*command, "--wait", "--timeout", "3m"], kubectl.environment)


async def empty_namespace(kubectl: Kubectl, examples: Examples, place: Place) -> None:
    """The demo's namespace as new, with the store's keys and the clients' script in it."""
    with contextlib.suppress(CommandError):  # nothing of an earlier run is worth a graceful end
        await kubectl("delete", "mld,rp,mdl,jobs,pods", "--all", "--wait=false", "--grace-period=1")
    await kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=true", "--timeout=3m")
    await kubectl.apply(examples("namespace"))
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "models", "namespace": NAMESPACE},
        "stringData": place.store.secret(),
    }
    script = (ROOT / "demo" / "client" / "traffic.py").read_text()
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "traffic", "namespace": NAMESPACE},
        "data": {"traffic.py": script},
    }
    await kubectl.apply(json.dumps({"apiVersion": "v1", "kind": "List", "items": [secret, config]}))
    if place.front is not None:
        await kubectl.apply(json.dumps(place.front.manifest))
