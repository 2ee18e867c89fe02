"""The commands of the embedded cluster; answers go to stdout, progress to stderr."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from hack.cluster.commands import control_plane, gateway, images, lifecycle, report, volume
from hack.cluster.images.catalog import IMAGES
from hack.cluster.machine import cleanup
from hack.cluster.programs import parts
from hack.cluster.steps import ClusterError

Given = argparse.Namespace


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="cluster.py", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)

    def command(name: str, run: Callable[[Given], object], about: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=about, description=about)
        added.set_defaults(run=run)
        return added

    up = command("up", bring_up, "start the cluster; does nothing if it is up")
    up.add_argument("--images", action="store_true", help="with the images, built beside the programs; names as JSON")
    command("down", lambda _: lifecycle.down(), "stop it and leave nothing")
    front = command("gateway", start_gateway, "a gateway in the running cluster; its class and addresses as JSON")
    front.add_argument(
        "--definitions",
        nargs="?",
        const=gateway.STANDARD,
        choices=gateway.CHANNELS,
        help="only print the folder of the Gateway API's CRDs, of this channel",
    )
    front.add_argument("--gently", action="store_true", help="build it with what the machine has to spare")
    command("status", lambda _: print(report.status()), "its processes and their logs")
    command("verify-clean", verify_clean, "list what is left of a cluster; fails unless nothing is")
    env = command("env", show_environment, "how to reach the running cluster")
    env.add_argument("--format", choices=["json", "shell"], default="json")
    build = command("images", build_images, "build the images and import them; their names as JSON")
    build.add_argument("--only", choices=sorted(IMAGES))
    command("build", lambda _: parts.build(), "build the binaries that are missing")
    claim_options(command("volume", make_volume, "a bound volume claim; prints the folder behind it"))
    plane = command("control-plane", start_control_plane, "etcd, API server and controllers alone, on loopback")
    plane.add_argument("action", choices=["up", "down"])
    plane.add_argument("--dir", type=Path, required=True, help="private folder of this control plane")
    plane.add_argument("--port", type=int, help="port of the API server (default: a free one)")
    return top


def claim_options(claim: argparse.ArgumentParser) -> None:
    claim.add_argument("--namespace", required=True)
    claim.add_argument("--claim", required=True)
    claim.add_argument("--size", default="1Gi")
    claim.add_argument("--from", dest="source", type=Path, help="folder whose files it starts with")


def main(arguments: list[str]) -> int:
    given = parser().parse_args(arguments)
    try:
        return int(given.run(given) or 0)
    except (ClusterError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; the next `up` or `down` cleans up", file=sys.stderr)
        return 130


def verify_clean(_: Given) -> int:
    found = cleanup.leftovers()
    print("\n".join(found) or "nothing is left")
    return 1 if found else 0


def bring_up(given: Given) -> None:
    lifecycle.up(images.build if given.images else lambda: None)
    if given.images:
        print(json.dumps(images.ensure(None)))


def start_gateway(given: Given) -> None:
    print(gateway.definitions(given.definitions) if given.definitions else json.dumps(gateway.up(gently=given.gently)))


def show_environment(given: Given) -> None:
    about = report.environment()
    print(json.dumps(about) if given.format == "json" else report.shell(about))


def build_images(given: Given) -> None:
    print(json.dumps(images.ensure(given.only)))


def make_volume(given: Given) -> None:
    print(volume.make(given.namespace, given.claim, given.size, given.source))


def start_control_plane(given: Given) -> None:
    folder = given.dir.absolute()
    if given.action == "up":
        print(json.dumps(control_plane.up(folder, given.port)))
    else:
        control_plane.down(folder)
