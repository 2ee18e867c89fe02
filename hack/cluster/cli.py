"""The commands of the embedded cluster; answers go to stdout, progress to stderr."""

import argparse
import json
import sys
from pathlib import Path

from hack.cluster import cleanup, controlplane, images, lifecycle, parts, report
from hack.cluster.steps import ClusterError


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="cluster.py", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="start the cluster; does nothing if it is up")
    commands.add_parser("down", help="stop it and leave nothing")
    commands.add_parser("status", help="its processes and their logs")
    commands.add_parser("verify-clean", help="list what is left of a cluster; fails unless nothing is")
    env = commands.add_parser("env", help="how to reach the running cluster")
    env.add_argument("--format", choices=["json", "shell"], default="json")
    pictures = commands.add_parser("images", help="build the images and import them; names on stdout")
    pictures.add_argument("--only", choices=sorted(images.IMAGES))
    commands.add_parser("build", help="build the binaries that are missing")
    plane = commands.add_parser("control-plane", help="etcd, API server and controllers alone, on loopback")
    plane.add_argument("action", choices=["up", "down"])
    plane.add_argument("--dir", type=Path, required=True, help="private folder of this control plane")
    plane.add_argument("--port", type=int, help="port of the API server (default: a free one)")
    return top


def main(arguments: list[str]) -> int:
    given = parser().parse_args(arguments)
    try:
        return dispatch(given)
    except ClusterError as error:
        print(error, file=sys.stderr)
        return 1


def dispatch(given: argparse.Namespace) -> int:
    match given.command:
        case "up":
            lifecycle.up()
        case "down":
            lifecycle.down()
        case "status":
            print(report.status())
        case "verify-clean":
            return verify_clean()
        case "env":
            about = report.environment()
            print(json.dumps(about) if given.format == "json" else report.shell(about))
        case "images":
            print(json.dumps(images.ensure(given.only)))
        case "build":
            parts.build()
        case "control-plane" if given.action == "up":
            print(json.dumps(controlplane.up(given.dir.absolute(), given.port)))
        case "control-plane":
            controlplane.down(given.dir.absolute())
    return 0


def verify_clean() -> int:
    found = cleanup.leftovers()
    print("\n".join(found) or "nothing is left")
    return 1 if found else 0
