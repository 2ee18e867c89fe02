"""Durations and sizes, as people write and read them."""

import pytest

from linnet.fetcher.command.units import human, human_seconds, seconds, size


@pytest.mark.parametrize(("text", "value"), [("1h30m", 5400.0), ("90s", 90.0), ("250ms", 0.25), ("1.5s", 1.5)])
def test_durations(text: str, value: float) -> None:
    """Durations are Go's."""
    assert seconds(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "5", "5x", "-5s", "0s", "5 s", "m5", "٣s", "9" * 400 + "h"])
def test_no_durations(text: str) -> None:
    """What is no positive duration is refused with an example."""
    with pytest.raises(ValueError, match="such as"):
        seconds(text)


def test_sizes() -> None:
    """Sizes are Kubernetes quantities."""
    assert [size(t) for t in ("20Gi", "500M", "1.5Ki", "7")] == [20 * 2**30, 500_000_000, 1536, 7]
    for text in ("20GB", "9" * 400 + "Gi", "٣Gi"):
        with pytest.raises(ValueError, match="such as"):
            size(text)


def test_human() -> None:
    """Numbers in messages are read by people."""
    assert [human(5 * 2**30), human(17), human_seconds(5400), human_seconds(0.5)] == [
        "5.0 GiB",
        "17 B",
        "1h30m",
        "0.5s",
    ]
