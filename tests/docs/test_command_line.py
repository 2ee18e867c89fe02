"""docs/reference/command-line.md names every command and flag that there is, and no other."""

import argparse

from docs.pages import code, page
from linnet.cli import main

PAGE = page("docs/reference/command-line.md")


def commands() -> dict[str, argparse.ArgumentParser]:
    top = main.parser()
    found = next(a for a in top._actions if isinstance(a, argparse._SubParsersAction))
    return dict(found.choices)


def test_every_command_is_in_the_table() -> None:
    """With whether it needs a cluster."""
    rows = {code(row[0])[0]: row[2].replace("for a name with `--replay`", "yes") for row in PAGE.table("Commands")}
    needs = {
        name: "yes" if "--context" in parser._option_string_actions else "no" for name, parser in commands().items()
    }
    assert rows == needs


def test_every_flag_is_in_the_table() -> None:
    """Whatever command has it."""
    known = {flag for parser in commands().values() for flag in parser._option_string_actions} - {"-h", "--help"}
    assert sorted(flag for row in PAGE.table("Flags") for flag in code(row[0])) == sorted(known)


def test_every_exit_code_is_explained() -> None:
    """As `--help` names them."""
    listed = [row[0] for row in PAGE.table("Exit codes")]
    told = main.parser().epilog or ""
    assert listed == ["0", "1", "2", "130"]
    assert all(f"{number} " in told for number in listed)
