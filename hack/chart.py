"""Checks the chart: `make chart` lints it, renders it for every values file in charts/linnet/ci, and validates that.

`hack/chart.py docs` writes the tables made from values.yaml; `hack/chart.py package DIR` makes the archive.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

from hack import chart_schemas, chart_values
from hack.cluster import layout
from hack.cluster.programs import parts
from hack.cluster.steps import ClusterError, run, say

CHART = layout.REPO / "charts" / "linnet"
FOREIGN = ("ServiceMonitor", "PrometheusRule")
"""Kinds of the Prometheus Operator: their schemas are not ours to ship, so that tests look at their fields."""


def main(arguments: list[str]) -> int:
    top = argparse.ArgumentParser(prog="hack/chart.py", description=__doc__)
    commands = top.add_subparsers(dest="command")
    commands.add_parser("check", help="lint, render, validate (the default)")
    commands.add_parser("docs", help="write the tables of values")
    package = commands.add_parser("package", help="make the archive; symbolic links are followed")
    package.add_argument("dir", type=Path)
    package.add_argument("--image", metavar="NAME@DIGEST", help="the image that this release of the chart installs")
    given = top.parse_args(arguments)
    try:
        return dispatch(given)
    except ClusterError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def dispatch(given: argparse.Namespace) -> int:
    match given.command:
        case "docs":
            for path, text in chart_values.files(CHART, layout.REPO).items():
                path.write_text(text)
        case "package":
            package(given.dir, given.image)
        case _:
            return check()
    return 0


def package(target: Path, image: str | None) -> None:
    """Make the archive; with an image, that one is what it installs, whatever a tag comes to mean."""
    parts.build(("kubernetes",))
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(CHART, Path(folder, CHART.name)))  # links are followed
        if image is not None:
            (copy / "values.yaml").write_text(with_image((copy / "values.yaml").read_text(), image))
        run([layout.tool("helm"), "package", copy, "--destination", target])


def with_image(values: str, image: str) -> str:
    r"""The text of values.yaml with this image by digest. ClusterError for one that is not by digest.

    >>> with_image('image:\n  repository: localhost/linnet\n  digest: ""\n', "registry/linnet@sha256:" + 64 * "0")[:47]
    'image:\n  repository: registry/linnet\n  digest: s'
    """
    name, _, digest = image.partition("@")
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise ClusterError(f"{image} is no image by digest: NAME@sha256:… is")
    for key, value in (("repository", name), ("digest", digest)):
        values, found = re.subn(rf"(?<=^  {key}: ).*$", value, values, count=1, flags=re.MULTILINE)
        if not found:
            raise ClusterError(f"values.yaml has no image.{key}")
    return values


def check() -> int:
    """0 if the chart is sound for every set of values."""
    parts.build(("kubernetes", "kubeconform"))
    schemas = chart_schemas.folder()
    stale = [path for path, text in chart_values.files(CHART, layout.REPO).items() if text != path.read_text()]
    for path in stale:
        sys.stderr.write(f"{path.relative_to(layout.REPO)} is stale: run `python3 hack/chart.py docs`\n")
    wrong = [name for name, values in value_sets().items() if not sound(name, values, schemas)]
    examples = sorted(filter(is_manifest, (layout.REPO / "docs" / "examples").rglob("*.yaml")))
    if examples and not validated(schemas, examples):
        wrong.append("docs/examples")
    return 1 if stale or wrong else 0


def is_manifest(path: Path) -> bool:
    """Whether the API server knows its kind: Kustomize's own files and tables of tests are for other programs."""
    return re.search(r"^kind: (?!Kustomization)", path.read_text(), re.MULTILINE) is not None


def value_sets() -> dict[str, list[str | Path]]:
    """Name → arguments for helm. The first is the chart as it comes."""
    files = sorted((CHART / "ci").glob("*-values.yaml"))
    return {"defaults": [], **{path.stem.removesuffix("-values"): ["--values", path] for path in files}}


def sound(name: str, values: Sequence[str | Path], schemas: Path) -> bool:
    say(f"values: {name}")
    run([layout.tool("helm"), "lint", "--strict", "--quiet", CHART, *values])
    return validated(schemas, ["-"], render(values))


def render(values: Sequence[str | Path]) -> str:
    """What `helm install` would send, for a release `linnet` in the namespace `linnet-system`."""
    return run([layout.tool("helm"), "template", "linnet", CHART, "--namespace", "linnet-system", *values])


def validated(schemas: Path, files: Sequence[str | Path], stdin: str | None = None) -> bool:
    """The verdict of kubeconform, which prints what is wrong."""
    location = f"{schemas}/{{{{.Group}}}}_{{{{.ResourceKind}}}}_{{{{.ResourceAPIVersion}}}}.json"
    options = ["-strict", "-summary", "-skip", ",".join(FOREIGN), "-schema-location", location]
    command = [str(word) for word in (layout.tool("kubeconform"), *options, *files)]
    return subprocess.run(command, input=stdin, text=True, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
