"""The command line in one file."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.person import Person
from control_plane import REPO
from samples import deployment


@pytest.fixture(scope="module", name="archive")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("zipapp") / "kubectl-linnet"
    subprocess.run([sys.executable, REPO / "hack/zipapp.py", target], check=True, capture_output=True)
    return target


def bare(archive: Path, *words: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run by a Python that has nothing installed."""
    path = f"{Path(__file__).parent}:{os.environ['PATH']}"
    environment = {"PATH": path, "FAKE_KUBECTL": str(folder)}
    command = [sys.executable, "-I", "-S", str(archive), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.mark.packages
def test_it_needs_nothing_installed(archive: Path, person: Person) -> None:
    """A request by a bare Python, with its answer."""
    person.sees(deployment()).answered("Accepted", "going back")
    said = bare(archive, "rollback", "tumor-risk", "-o", "yaml", folder=person.folder)
    assert said.returncode == 0, said.stderr
    assert "message: going back" in said.stdout


@pytest.mark.slow
def test_it_knows_its_version(archive: Path) -> None:
    """The package's."""
    assert bare(archive, "--version").stdout.startswith("linnet 0.")


def test_the_same_sources_make_the_same_file(archive: Path, tmp_path: Path) -> None:
    """So that a checksum means something."""
    again = tmp_path / "again"
    subprocess.run([sys.executable, REPO / "hack/zipapp.py", again], check=True, capture_output=True)
    assert again.read_bytes() == archive.read_bytes()


@pytest.mark.packages
def test_without_pydantic_and_cel_it_says_which_command_needs_them(archive: Path, tmp_path: Path) -> None:
    """And how to get them; the others go on working."""
    (tmp_path / "empty.yaml").write_text("")
    said = bare(archive, "lint", str(tmp_path / "empty.yaml"))
    assert said.returncode == 1
    assert "pipx install 'linnet[lint]'" in said.stderr
    assert "pip install pydantic cel-expr-python`" in said.stderr
    assert bare(archive, "simulate", "--rate", "10/s", "--runs", "1").returncode == 0
