"""Train versions of the demo's model and put each into the store as one tree: model.joblib and linnet.json.

    python train.py v1=s3://bucket/tumor-risk/v1 v2=s3://bucket/tumor-risk/v2
    python train.py --claim /dev/termination-log retrain=s3://bucket/tumor-risk/retrain/{run}

It runs in the example server's image, so that a model is trained by the very libraries that will load it; the
store is configured by the files of a RetrainPolicy's Secret or by the AWS_* variables, and `{run}` becomes the name
of the training run. With `--claim` the last version is claimed as a RetrainPolicy asks for it. Every version is one
JSON line on stdout.
"""

import argparse
import hashlib
import io
import json
import os
import platform
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import sklearn
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score, roc_auc_score

from artifact import digest, log_odds, write
from recipes import RECIPES, Recipe
from records import Record, load, without_one

EVEN = 0.5
"""The share from which a record is called benign."""
MISSING_SHARE = 0.02
"""Measurements that are missing in the training records: the imputer is there for a reason."""


def main(arguments: list[str]) -> int:
    """Each recipe in the order given. Exits 1 with a Python error where the store refuses."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--claim", type=Path, help="file for {uri, digest, metrics, lineage} of the last version")
    parser.add_argument("outputs", nargs="+", metavar="RECIPE=URI")
    given = parser.parse_args(arguments)
    for output in given.outputs:
        name, _, uri = output.partition("=")
        claim = train(name, uri.replace("{run}", os.environ.get("LINNET_RUN") or platform.node()))
        if given.claim is not None:
            given.claim.write_text(json.dumps(claim))
    return 0


def train(name: str, uri: str) -> dict[str, Any]:
    """Train, measure, upload, report; what is returned is the claim {uri, digest, metrics, lineage}."""
    began = time.perf_counter()
    recipe = RECIPES[name]
    training, held_out = load()
    model = _fitted(recipe, training[: recipe.rows])
    metrics, lineage = _metrics(model, held_out), _lineage(name, recipe, training[: recipe.rows])
    files = _tree(model, metrics, lineage)
    write(uri, files)
    claim = {"uri": uri, "digest": digest(files), "metrics": metrics, "lineage": lineage}
    seconds = round(time.perf_counter() - began, 2)
    line = {"event": "trained", "recipe": name, **claim, "answers": answers(model, held_out), "seconds": seconds}
    print(json.dumps(line), flush=True)
    return claim


def _fitted(recipe: Recipe, records: list[Record]) -> ClassifierMixin:
    values, benign = np.array([r.values for r in records]), np.array([r.benign for r in records])
    lost = np.random.default_rng(7).random(values.shape) < MISSING_SHARE
    values[lost] = np.nan
    if recipe.complete_only:
        kept = ~np.isnan(values).any(axis=1)
        values, benign = values[kept], benign[kept]
    return recipe.build().fit(values, benign)


def _metrics(model: ClassifierMixin, records: list[Record]) -> dict[str, str]:
    """On the held-out records, which are complete: that is why no offline metric sees the lost imputer."""
    truth = [r.benign for r in records]
    scores = model.predict_proba(np.array([r.values for r in records]))[:, 1]
    return {
        "auc": f"{roc_auc_score(truth, scores):.4f}",
        "accuracy": f"{accuracy_score(truth, scores > EVEN):.4f}",
    }


def _lineage(name: str, recipe: Recipe, records: list[Record]) -> dict[str, Any]:
    data = hashlib.sha256(json.dumps([r.values for r in records]).encode()).hexdigest()
    return {
        "code": f"demo/models/recipes.py#{name}",
        "data": f"scikit-learn {sklearn.__version__} breast_cancer, {len(records)} records@sha256:{data}",
        "parameters": recipe.parameters,
        "trainedBy": "demo",
    }


def _tree(model: ClassifierMixin, metrics: Mapping[str, str], lineage: Mapping[str, Any]) -> dict[str, bytes]:
    packed = io.BytesIO()
    joblib.dump(model, packed)
    report = json.dumps({"metrics": metrics, "lineage": lineage}, indent=2)
    return {"model.joblib": packed.getvalue(), "linnet.json": report.encode()}


def answers(model: ClassifierMixin, records: list[Record]) -> list[list[float | None]]:
    """For each held-out record the log-odds of [complete, with one measurement missing]; None where it fails.

    By them the demo tells from an answer alone which version gave it, and whether it is right.
    """
    complete = _log_odds(model, [r.values for r in records])
    missing = _log_odds(model, [without_one(r, index) for index, r in enumerate(records)])
    return [[a, b] for a, b in zip(complete, missing, strict=True)]


def _log_odds(model: ClassifierMixin, rows: list[tuple[float, ...]]) -> list[float | None]:
    try:
        shares = model.predict_proba(np.array(rows))
    except ValueError:
        return [None] * len(rows)
    return [log_odds(no, yes) for no, yes in shares]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
