"""The spellings of before, which somebody's manifests may still have, with what is written today."""

import re
from typing import Final

_NEW: Final = (
    (r"\.strategy\.type$", "write strategy.canary, strategy.blueGreen or strategy.allAtOnce instead"),
    (r"\.strategy\.steps$", "write strategy.canary.steps instead"),
    (r"\.strategy\.autoPromote$", "write strategy.blueGreen.autoPromote instead"),
    (r"\.steps\[\d+\]\.analyse$", "write analyze instead"),
    (r"\.autoscaling\.min$", "write minReplicas instead"),
    (r"\.autoscaling\.max$", "write maxReplicas instead"),
    (r"\.metrics\.latency\.(histogram|also)$", "write histograms: [{name: …}] instead"),
    (r"\.training\.job\.pod\.env$", "write training.job.env instead"),
    (r"\.training\.job\.pod\.topologySpread$", "leave it out: a Job has one pod"),
    (r"\.imagePullSecrets\[\d+\]$", "write {name: …} instead"),
)


def written_today(path: str) -> str:
    """What a sentence on a wrong field goes on with: empty where the field never had that spelling."""
    return next((f"; {words}" for pattern, words in _NEW if re.search(pattern, path)), "")
