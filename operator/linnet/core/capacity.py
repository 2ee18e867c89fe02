"""How many pods a weight is, with traffic split by pods."""

from linnet.core.policy.defaults import MOST_WEIGHT


def canary_replicas(stable: int, weight: int) -> int:
    """Pods beside `stable` ones that make about `weight` percent; at least one, and at most as many as `stable`.

    4 stable at 10 % → max(1, round(4·10/90)) = 1; 4 at 50 % → 4; 9 at 25 % → 3. More than 50 % is a gateway's weight:
    if traffic is split by pods after all, since somebody took the gateway away in mid-rollout, 4 at 99 % are not 396.
    """
    if weight >= MOST_WEIGHT:
        return max(1, stable)
    return max(1, round(stable * weight / (100 - weight)))


def effective_weight(stable: int, weight: int) -> int:
    """What the pods make of a weight, in percent: 10 % is 20 % at 4 replicas."""
    if weight == 0:
        return 0
    canary = canary_replicas(stable, weight)
    return round(100 * canary / max(1, canary + stable))


def holdback_replicas(serving: int, percent: int) -> int:
    """Pods of the former version during the bake; none at 0 percent, at least one otherwise.

    4 serving at 5 % → max(1, round(4·5/95)) = 1.
    """
    return 0 if percent == 0 or serving == 0 else max(1, round(serving * percent / (100 - percent)))
