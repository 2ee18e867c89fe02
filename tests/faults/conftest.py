"""A run of these tests ends with how many faults were tried."""

from typing import Any

from faults.runs import said


def pytest_terminal_summary(terminalreporter: Any) -> None:
    found = [report for name in ("passed", "failed") for report in terminalreporter.stats.get(name, ())]
    if sentence := said(found):
        terminalreporter.write_sep("=", sentence)
