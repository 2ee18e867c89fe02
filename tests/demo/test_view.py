"""What stands in the terminal."""

import io

from demo.view import Row, Snapshot, tree

from linnet.cli.views.screen import Screen, clipped
from linnet.cli.views.tree import clock

NOW = Snapshot(
    seconds=75.4,
    rows=[
        Row(1, "stable", "0.987", ready=2, pods=2, share=0.66, answers=100),
        Row(2, "canary", "0.994", ready=1, pods=1, share=0.33, answers=50, failed=3),
    ],
    phase="v2 Stepping",
    weight="33 %",
    checks={"errors": "Fail"},
    routing="Service → all serving pods",
    rate=60,
    requests=1234,
    failed=3,
    planted=3,
)


def test_the_tree_names_versions_roles_pods_weights_and_verdicts() -> None:
    """All that a viewer asks for, without colors."""
    text = "\n".join(tree(NOW, colors=False))
    for part in ("1:15", "1,234 so far", "v1 stable", "2/2 pods", "66%", "v2 canary", "3 of 50 failed", "errors: Fail"):
        assert part in text
    assert "\x1b" not in text


def test_an_unexpected_failure_stands_out() -> None:
    """It must not look like the planted bug."""
    (first, *_) = tree(Snapshot(1, failed=4, planted=3), colors=False)
    assert "1 FAILED UNEXPECTEDLY" in first


def test_time_is_minutes_and_seconds() -> None:
    """As on a stopwatch."""
    assert [clock(s) for s in (0, 59.9, 61, 600)] == ["0:00", "0:59", "1:01", "10:00"]


def test_without_a_terminal_nothing_moves_the_cursor() -> None:
    """A log file gets plain lines, and the tree only where it is asked for."""
    out = io.StringIO()
    screen = Screen(out, live=False)
    screen.draw(["tree"])
    screen.say("told")
    screen.plain(["tree"])
    screen.close()
    assert "\x1b" not in out.getvalue()
    assert out.getvalue().count("tree") == 1


def test_a_terminal_redraws_in_place() -> None:
    """The second tree goes up over the lines of the first, and clears what is left of it."""
    out = io.StringIO()
    screen = Screen(out, live=True)
    screen.draw(["a", "b", "c"])
    before = len(out.getvalue())
    screen.draw(["d"])
    assert out.getvalue()[before:].startswith("\x1b[3F\x1b[J")


def test_a_line_that_would_wrap_is_cut_outside_of_its_colors() -> None:
    """A wrapped line could not be erased; an open color would stain what follows."""
    assert clipped("\x1b[31mabcdef\x1b[0m", 3) == "\x1b[31mabc\x1b[0m"
    assert clipped("abc", 0) == "abc"
