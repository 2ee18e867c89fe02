"""Eight ways to train the same model: three good ones, a real bug, twice, a real slowness, a slip, and the retraining.

Only stock parts of scikit-learn, so that any server which loads scikit-learn models can load them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from sklearn.base import ClassifierMixin
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

SEARCHES = 600


@dataclass(frozen=True)
class Recipe:
    """How one version is made. `rows`: how many records were known then. `complete_only`: the bug's other half."""

    title: str
    rows: int
    build: Callable[[], ClassifierMixin]
    parameters: dict[str, str] = field(default_factory=dict)
    complete_only: bool = False


def _first() -> Pipeline:
    return make_pipeline(SimpleImputer(), StandardScaler(), SelectKBest(k=2), LogisticRegression(C=0.1))


def _better(penalty: float = 0.5) -> Pipeline:
    return make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression(C=penalty, max_iter=500))


def _lost_imputer(penalty: float = 1) -> Pipeline:
    """A clean-up dropped the imputer. On complete records, such as the test set's, nothing is wrong with it."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=penalty, max_iter=500))


def _slow() -> VotingClassifier:
    """Right, and loaded in a second; but each answer asks 600 searches for neighbors, one after the other."""
    searches = BaggingClassifier(
        KNeighborsClassifier(algorithm="kd_tree"), n_estimators=SEARCHES, max_samples=0.1, random_state=4
    )
    neighbors = make_pipeline(SimpleImputer(), StandardScaler(), searches)
    return VotingClassifier([("linear", _better()), ("neighbors", neighbors)], voting="soft", weights=(5, 1))


RECIPES = {
    "v1": Recipe("two features, the first 80 records", 80, _first, {"C": "0.1", "k": "2"}),
    "v2": Recipe("all 30 features, 300 records", 300, _better, {"C": "0.5"}),
    "v3": Recipe("retuned, and the imputer got lost", 455, _lost_imputer, {"C": "1"}, complete_only=True),
    "v4": Recipe(
        f"v2's recipe, and {SEARCHES} searches for neighbors vote", 455, _slow, {"n_estimators": str(SEARCHES)}
    ),
    "v6": Recipe("v2's recipe, a weaker penalty", 455, partial(_better, 2), {"C": "2"}),
    "v7": Recipe("v3's bug again, in another artifact", 455, partial(_lost_imputer, 2), {"C": "2"}, complete_only=True),
    "v8": Recipe("v6's recipe, and a decimal point slipped: C=0.0002", 455, partial(_better, 0.0002), {"C": "0.0002"}),
    "retrain": Recipe("v2's recipe on all records known by now", 455, _better, {"C": "0.5"}),
}
