"""What a shell and kubectl offer after a tab."""

import subprocess

import pytest

from cli.typing_at import Person
from samples import deployment, model_version


def offered(person: Person, *words: str) -> list[str]:
    return person.types("__complete", *words).out.splitlines()


def test_commands_flags_and_names_are_offered(person: Person) -> None:
    """Names are those of the kind that the command is about."""
    person.sees(deployment(), deployment("other"), model_version(3))
    assert offered(person, "pro") == ["promote", ":4"]
    assert offered(person, "promote", "--f") == ["--full", ":4"]
    assert offered(person, "promote", "-n", "ml", "") == ["other", "tumor-risk", ":4"]
    assert offered(person, "quarantine", "tum") == ["tumor-risk-v3", ":4"]
    assert offered(person, "abort", "x", "-o", "") == ["json", "yaml", ":4"]
    assert offered(person, "completion", "f") == ["fish", ":4"]
    assert offered(person, "nonsense", "x") == [":0"]


def test_a_cluster_that_does_not_answer_offers_nothing(person: Person) -> None:
    """No error appears on the line that is being typed."""
    said = person.types("__complete", "promote", "")
    assert (said.code, said.out, said.err) == (0, ":0\n", "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script(person: Person, shell: str) -> None:
    """It asks the program itself."""
    said = person.types("completion", shell)
    assert said.code == 0
    assert "kubectl-linnet __complete" in said.out


def test_the_script_of_bash_parses(person: Person) -> None:
    """As bash reads it."""
    script = person.types("completion", "bash").out
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
