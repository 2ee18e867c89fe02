"""Durations and sizes as Kubernetes and Go write them; a copy of the few rules that this package needs."""

import re

SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
FACTORS = {
    "": 1,
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "P": 10**15,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
    "Pi": 2**50,
}
_NUMBER = r"([0-9]{1,15}(?:\.[0-9]{1,15})?)"
_PART = re.compile(_NUMBER + "(ns|us|µs|ms|s|m|h)")
_SIZE = re.compile(_NUMBER + "([kMGTP]?|[KMGTP]i)")


def seconds(text: str) -> float:
    """Seconds of a Go duration: `1h30m` is 5400.0. Raises ValueError if it is none, or not positive."""
    parts = _PART.findall(text)
    total = sum(float(number) * SECONDS[unit] for number, unit in parts)
    if "".join(number + unit for number, unit in parts) != text or total <= 0:
        raise ValueError(f"{text!r} is no duration such as 90s, 10m or 1h30m")
    return total


def size(text: str) -> int:
    """Bytes of a Kubernetes quantity: `20Gi` is 21474836480. Raises ValueError if it is none."""
    match = _SIZE.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is no size such as 500Mi or 20Gi")
    return int(float(match[1]) * FACTORS[match[2]])


def human(count: float) -> str:
    """A number of bytes as people read it: 5368709120 is `5.0 GiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:  # noqa: PLR2004 - the definition of the unit
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def human_seconds(count: float) -> str:
    """A number of seconds as people read it: 5400 is `1h30m`, 0.5 is `0.5s`."""
    if count < 1:
        return f"{count:g}s"
    hours, rest = divmod(round(count), 3600)
    minutes, rest = divmod(rest, 60)
    return "".join(f"{n}{unit}" for n, unit in ((hours, "h"), (minutes, "m"), (rest, "s")) if n)
