"""The evidence lies in a ConfigMap, where tenants can write: it counts only if the status has the hash of it.

The hash is written first. Until the ConfigMap follows it holds what it held before, so that both are valid meanwhile.
Where the API server does not take it whole it is written with less in it: each variant has its hash in the status.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from linnet.core.plan import Emit

KEYS: Final = "keys"
"""The entry that names all others: what somebody adds to the ConfigMap is no part of the evidence."""
LEFT: Final = "left"
"""The entry with the names of what was left out."""
MOST: Final = 6
"""The number of hashes that a status keeps: of the newest evidence, and of what the ConfigMap may hold instead."""
_ALONE: Final = frozenset({"rollout", "saved"})
_COUNTS: Final = "evidence.counts"
_COUNTED: Final = _ALONE | {"restarts", "missed", "evidence.format", _COUNTS}
"""What the counts of requests, without which nothing is judged, need beside them."""


@dataclass(frozen=True)
class ReadBack:
    """What a ConfigMap gives back: the evidence, or nothing; `held` is its hash, if it is believed.

    `loss` tells why it is not all that there should be.
    """

    data: Mapping[str, str] | None = None
    held: str = ""
    loss: Emit | None = None


def keyed(data: Mapping[str, str]) -> dict[str, str]:
    """The evidence with the names of its entries."""
    return {**data, KEYS: " ".join(sorted(k for k in data if k != KEYS))}


def variants(data: Mapping[str, str]) -> tuple[dict[str, str], ...]:
    """The evidence whole, then its counts alone, then no more than whose it is and since when.

    >>> [v["keys"] for v in variants(keyed({"rollout": "v2", "evidence.counts": "{}", "decided": "{}"}))]
    ['decided evidence.counts rollout', 'evidence.counts left rollout', 'left rollout']
    """
    return dict(data), _only(data, _COUNTED), _only(data, _ALONE)


def _only(data: Mapping[str, str], kept: Collection[str]) -> dict[str, str]:
    left = sorted(k for k in data if k not in kept and k != KEYS)
    return keyed({**{k: v for k, v in data.items() if k in kept}, LEFT: " ".join(left)})


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
    if data is not None and (found := seal(data)) in seals:
        return _believed(own(data), found)
    if data is not None and seals and data.get("rollout") == rollout.get("id"):
        return ReadBack(loss=_tampered("its ConfigMap holds what Linnet did not write"))
    if data is None and len(seals) > len(variants({})):
        return ReadBack(loss=_tampered("its ConfigMap is gone"))
    began = not seals or rollout.get("phase") == "Starting"
    return ReadBack(loss=None if began else lost("is not there"))


def _believed(data: Mapping[str, str], found: str) -> ReadBack:
    if LEFT not in data:
        return ReadBack(data, found)
    if _COUNTS in data:
        return ReadBack(data, found, lost("was not taken whole by the API server", "All but the counts of requests"))
    return ReadBack(None, found, lost("was not taken by the API server"))


def lost(why: str, what: str = "It") -> Emit:
    """The Event where nobody but the cluster is to blame."""
    return Emit("Warning", "EvidenceLost", f"The rollout's evidence {why}. {what} is counted anew")


def _tampered(why: str) -> Emit:
    return Emit("Warning", "EvidenceTampered", f"The rollout's evidence is not believed: {why}. It is counted anew")


def seals(newest: Mapping[str, str], held: Sequence[str]) -> list[str]:
    """The hashes for the status: of what is written next, and of what the ConfigMap may hold until then."""
    return list(dict.fromkeys((*map(seal, variants(newest)), *held)))[:MOST]
