"""How people get the command line: by krew, and as the package's wheel."""

import hashlib
import os
import re
import stat
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from control_plane import REPO

pytestmark = pytest.mark.packages
RELEASES = "https://releases.example/linnet/"


@pytest.fixture(scope="module", name="built")
def built_by_make(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("build")
    target = str(folder / "kubectl-linnet.pyz")
    command = [sys.executable, str(REPO / "hack/zipapp.py"), target, "--releases", RELEASES]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture(name="plugin")
def the_manifest(built: Path) -> Any:
    return yaml.safe_load((built / "krew/linnet.yaml").read_text())


def test_the_manifest_is_as_krew_wants_it(plugin: Any) -> None:
    """The rules of krew's own validation: names, a semantic version, a selector of os and arch, a checksum."""
    assert plugin["apiVersion"] == "krew.googlecontainertools.github.com/v1alpha2"
    assert (plugin["kind"], plugin["metadata"]["name"]) == ("Plugin", "linnet")
    spec = plugin["spec"]
    assert re.fullmatch(r"v\d+\.\d+\.\d+", spec["version"])
    assert spec["shortDescription"].count("\n") == 0
    assert len(spec["shortDescription"]) <= 80
    [platform] = spec["platforms"]
    assert set(platform) == {"selector", "uri", "sha256", "bin", "files"}
    assert {e["key"] for e in platform["selector"]["matchExpressions"]} <= {"os", "arch"}
    assert all(f["from"] and f["to"] for f in platform["files"])
    assert "$" not in yaml.safe_dump(plugin)


def test_the_manifest_names_the_archive(plugin: Any, built: Path) -> None:
    """Its checksum, its files, and its address below the one given."""
    archive = built / "kubectl-linnet.tar.gz"
    [platform] = plugin["spec"]["platforms"]
    assert platform["sha256"] == hashlib.sha256(archive.read_bytes()).hexdigest()
    assert platform["uri"] == f"{RELEASES}{plugin['spec']['version']}/kubectl-linnet.tar.gz"
    with tarfile.open(archive) as tar:
        assert sorted(tar.getnames()) == sorted(f["from"] for f in platform["files"])


def test_what_krew_unpacks_runs(plugin: Any, built: Path, tmp_path: Path) -> None:
    """By the name that the manifest says, with any Python."""
    with tarfile.open(built / "kubectl-linnet.tar.gz") as tar:
        tar.extractall(tmp_path, filter="data")
    program = tmp_path / plugin["spec"]["platforms"][0]["bin"]
    assert program.stat().st_mode & stat.S_IXUSR
    command = [sys.executable, "-I", "-S", str(program), "--version"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said == f"linnet {plugin['spec']['version'][1:]}\n"


@pytest.fixture(scope="module", name="site")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as pip installs it, without what it depends on: that is beside it already. No network is asked."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-deps", "--no-index"]
    subprocess.run([*pip, "wheel", *offline, "--no-build-isolation", "-w", folder, REPO], check=True)
    [wheel] = folder.glob("linnet-*.whl")
    subprocess.run([*pip, "install", *offline, "--target", folder / "site", wheel], check=True)
    return folder / "site"


def run(site: Path, program: str, *words: str) -> str:
    """A program of the wheel, with the wheel's modules before those of this checkout."""
    own = {**os.environ, "PYTHONPATH": str(site)}
    done = subprocess.run([site / "bin" / program, *words], env=own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_brings_the_commands(site: Path) -> None:
    """kubectl finds its plugin, and what completes it."""
    assert run(site, "kubectl-linnet", "--version").startswith("linnet 0.")
    assert "promote" in run(site, "kubectl_complete-linnet", "pro").split()
    where = [sys.executable, "-c", "import linnet.cli.main as m; print(m.__file__)"]
    said = subprocess.run(
        where, env={**os.environ, "PYTHONPATH": str(site)}, capture_output=True, text=True, check=True
    )
    assert said.stdout.startswith(str(site))


def test_the_wheel_has_the_files_that_commands_read(site: Path) -> None:
    """Runtimes for `lint`, and the report's style."""
    assert "none would be refused" in run(site, "kubectl-linnet", "lint", str(REPO / "docs/examples/quickstart.yaml"))
    assert (site / "linnet/cli/report/report.css").is_file()
    assert list((site / "linnet/runtimes").glob("*.yaml"))
