"""The evidence lies in a ConfigMap, where tenants can write: it counts only if the status has the hash of it.

The hash is written first. Until the ConfigMap follows it holds what it held before, so that both are valid meanwhile.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

KEYS: Final = "keys"
"""The entry that names all others: what somebody adds to the ConfigMap is no part of the evidence."""
MOST: Final = 4
"""The number of hashes that a status keeps: of the newest evidence, and of what the ConfigMap may hold instead."""


@dataclass(frozen=True)
class ReadBack:
    """What a ConfigMap gives back: the evidence, or nothing, and why if somebody must have changed it."""

    data: Mapping[str, str] | None = None
    tampered: str = ""


def keyed(data: Mapping[str, str]) -> dict[str, str]:
    """The evidence with the names of its entries."""
    return {**data, KEYS: " ".join(sorted(k for k in data if k != KEYS))}


def seal(data: Mapping[str, str]) -> str:
    """The hash of the evidence, in 64 hex digits."""
    return hashlib.sha256(json.dumps(own(data), sort_keys=True).encode()).hexdigest()


def own(data: Mapping[str, str]) -> dict[str, str]:
    """The entries that the evidence itself names."""
    return {k: data[k] for k in (*data.get(KEYS, "").split(" "), KEYS) if k in data}


def read_back(rollout: Mapping[str, Any], data: Mapping[str, str] | None) -> ReadBack:
    """What counts of a ConfigMap's `data` for this `status.rollout`; None: there is no such ConfigMap.

    Before the first evidence was written there may be none yet, or that of the rollout before.
    """
    seals = rollout.get("evidence") or ()
    if data is not None and seal(data) in seals:
        return ReadBack(own(data))
    if data is not None and seals and data.get("rollout") == rollout.get("id"):
        return ReadBack(tampered="its ConfigMap holds what Linnet did not write")
    return ReadBack(tampered="its ConfigMap is gone" if len(seals) > 1 else "")


def seals(newest: Mapping[str, str], held: Sequence[str]) -> list[str]:
    """The hashes for the status: of what is written next, and of what the ConfigMap may hold until then."""
    return list(dict.fromkeys((seal(newest), *held)))[:MOST]
