"""How many pods a weight, a step or a holdback asks for: every formula, with its worked example."""

import math

from linnet.core.policy.defaults import MOST_WEIGHT
from linnet.core.rollout.traffic.split import Stage


def canary_replicas(stable: int, weight: int) -> int:
    """The number of pods beside `stable` ones that make about `weight` percent: at least one, at most `stable`.

    4 stable at 10 % → max(1, round(4·10/90)) = 1; 4 at 50 % → 4; 9 at 25 % → 3. More than 50 % is a gateway's weight:
    if traffic is split by pods after all, since somebody took the gateway away in mid-rollout, 4 at 99 % are not 396.
    """
    if weight >= MOST_WEIGHT:
        return max(1, stable)
    return max(1, round(stable * weight / (100 - weight)))


def effective_weight(stable: int, weight: int) -> int:
    """What becomes of a weight by whole pods, in percent: 10 % is 20 % at 4 replicas."""
    if weight == 0:
        return 0
    canary = canary_replicas(stable, weight)
    return round(100 * canary / max(1, canary + stable))


def holdback_replicas(serving: int, percent: int) -> int:
    """The number of the former version's pods during the bake: none at 0 percent, at least one otherwise.

    4 serving at 5 % → max(1, round(4·5/95)) = 1.
    """
    return 0 if percent == 0 or serving == 0 else max(1, round(serving * percent / (100 - percent)))


def canary_replicas_by_gateway(full: int, stage: Stage) -> int:
    """As many pods as the canary's share of the requests needs, rounded up; `setReplicas` says otherwise.

    4 pods at 5 % → 1; 4 at 50 % → 2; 10 at 25 % → 3.
    """
    share = max(stage.weight, stage.mirror or 0)
    return stage.replicas or max(1, math.ceil(full * share / 100))


def canary_replicas_in_place(full: int, stage: Stage) -> int:
    """The number of canary pods out of `full`; stable keeps at least one.

    4 at 25 % → 1; 4 at 50 % → 2; 2 at 10 % → 1.
    """
    share = max(stage.weight, stage.mirror or 0)
    return max(1, min(full - 1, stage.replicas or round(full * share / 100)))
