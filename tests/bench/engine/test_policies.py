"""What the admission policies cost is told as ratios of rounds, with what they were measured on."""

from bench.engine.api import Json
from bench.engine.burst import percentile
from bench.engine.policies import MEASURED, ratios, table


def rounds(*values: float) -> list[Json]:
    return [{**dict.fromkeys(MEASURED, value), "objects": 7} for value in values]


def test_a_round_is_compared_with_its_own_partner() -> None:
    """Whatever slowed the machine in one round slowed both of its halves."""
    assert ratios(rounds(2, 30), rounds(1, 10), "p99_seconds") == [2, 3]


def test_the_table_says_what_it_was_measured_on() -> None:
    """A ratio means little without the number of rounds and objects, and what else the machine did."""
    said = table({"load": 1.25, "proofs": 11.0, "without": rounds(1, 1, 1), "with": rounds(1, 2, 4)})
    assert said.startswith("3 rounds of 7 Deployments")
    assert "load average at the start 1.2" in said
    assert said.count("2.00  1.00-4.00") == len(MEASURED)


def test_a_percentile_is_a_value_that_was_measured() -> None:
    """The 99th of a hundred values is the second largest."""
    values = [float(n) for n in range(1, 101)]
    assert percentile(values, 99) == 99
    assert percentile(values, 50) == 50
