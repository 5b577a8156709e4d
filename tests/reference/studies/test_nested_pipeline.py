# SPDX-License-Identifier: Apache-2.0
"""Nested cross-validation of a real study, once by hepacast and once by scikit-learn alone."""

from __future__ import annotations

import csv
import gzip
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.feature_selection import SelectKBest, VarianceThreshold, f_classif
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, PredefinedSplit, cross_val_predict
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from hepacast.core.folds import Cohort
from hepacast.core.outcome import Binary
from hepacast.core.provenance import generator
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.models import MODELS
from hepacast.run.protocol.chain import Recipe
from hepacast.run.protocol.discrimination import discriminate
from hepacast.run.protocol.resample import Resample, assess, plan, resample
from hepacast.run.settings.split import SplitParams
from hepacast.run.settings.study import ModelsParams, ScoreParams
from hepacast.run.work.execute import Executor
from hepacast.select import STEPS
from hepacast.stats.dealing import deal_folds

if TYPE_CHECKING:
    from pathlib import Path

    from jaxtyping import Float

BEST, TRIED, NEIGHBOURS = 15, (0.1, 1.0, 10.0), (5, 11, 21)
SPLIT = SplitParams(seed=11, outer=5, repeats=1, inner=2)
CHAIN: tuple[object, ...] = ("impute", "variance", {"univariate": {"best": BEST}}, "zscore")


@pytest.fixture(scope="module")
def liver(shared: Path) -> Cohort:
    """WORC-Liver: 186 tumours, 94 malignant, 1,015 features of MRI."""
    path = shared / "radiomics_tables" / "WORC-Liver.csv.gz"
    with gzip.open(path, "rt", encoding="utf-8", newline="") as stream:
        head, *rows = csv.reader(stream)
    at, label = head.index("ID"), head.index("Target")
    names = [column for column in range(len(head)) if column not in {at, label}]
    values = np.array([[float(row[column] or "nan") for column in names] for row in rows])
    columns = tuple(FeatureName.from_column(head[column]) for column in names)
    event = np.array([row[label] == "1" for row in rows])
    return Cohort(FeatureTable(values, tuple(row[at] for row in rows), columns), Binary(event))


def recipe_of(cohort: Cohort, kind: str) -> Recipe:
    steps = tuple(map(STEPS.parse, CHAIN))
    score = ScoreParams(from_=("rad",), steps=steps, model=MODELS.parse(kind))
    models = ModelsParams(sets={kind: (kind,)})
    return Recipe({kind: score}, models, {"rad": cohort.table.columns}, SPLIT.inner, SPLIT.seed)


def pipeline_of(kind: str, inner: np.ndarray) -> Any:
    """The same chain of scikit-learn's own parts, its setting chosen by its own search."""

    machine, grid = {
        "svm": (SVC(), {"svc__C": TRIED}),
        "knn": (KNeighborsClassifier(), {"kneighborsclassifier__n_neighbors": NEIGHBOURS}),
        "naive-bayes": (GaussianNB(), {}),
    }[kind]
    tuned = make_pipeline(StandardScaler(), machine)
    search = GridSearchCV(tuned, grid, scoring="roc_auc", cv=PredefinedSplit(inner))
    return make_pipeline(
        SimpleImputer(strategy="median"),
        VarianceThreshold(),
        SelectKBest(f_classif, k=BEST),
        StandardScaler(),
        search,
    )


def score_by_sklearn(cohort: Cohort, task: Resample, kind: str) -> Float[np.ndarray, " case"]:
    """Fit on the training side of the fold, score the other side, higher is worse."""
    train, test = task.fold.train(cohort), task.fold.test(cohort)
    # Rows in the order of their ids: a support vector machine hangs on it in the fourth digit.
    order = np.argsort(np.array(train.table.cases))
    patients = [train.table.patients[row] for row in order]
    event = train.outcome.event[order]
    rng = generator(SPLIT.seed, task.key, kind, "model")
    inner = deal_folds(patients, event.astype(np.int64), 5, rng)
    pipeline = pipeline_of(kind, inner).fit(train.table.values[order], event)
    if kind == "svm":
        score: Float[np.ndarray, " case"] = pipeline.decision_function(test.values)
        return score
    chance = pipeline.predict_proba(test.values)[:, 1]
    return np.asarray(chance, dtype=np.float64)


@pytest.mark.parametrize("kind", ["svm", "knn", "naive-bayes"])
def test_the_same_folds_give_the_same_auc_as_scikit_learn(kind: str, liver: Cohort) -> None:
    tasks = plan(liver, recipe_of(liver, kind), SPLIT, None, repeats=1)
    found = assess(tasks, Executor()).models[kind]
    ours = discriminate(liver.outcome, found)
    theirs = []
    for task in tasks:
        score = score_by_sklearn(liver, task, kind)
        part = liver.of_patients(task.fold.score)
        theirs.append((by_sklearn(part, score), pairs_of(part)))
        mine = dict(zip(found.cases, found.by_repeat[0], strict=True))
        own = np.array([mine[case] for case in part.table.cases])
        assert by_sklearn(part, own) == pytest.approx(by_sklearn(part, score), abs=1e-9)
    values, weights = map(np.array, zip(*theirs, strict=True))
    assert ours.estimate == pytest.approx(np.average(values, weights=weights), abs=1e-9)
    assert 0.5 < ours.estimate < 0.9


def by_sklearn(part: Cohort, score: Float[np.ndarray, " case"]) -> float:
    """AUC of one fold."""

    return float(roc_auc_score(part.outcome.event, score))


def pairs_of(part: Cohort) -> int:
    """Pairs of a case with and a case without the event: what one fold weighs."""
    event = part.outcome.event
    return int(event.sum()) * int((~event).sum())


def test_the_calibrated_scores_are_platts_of_scikit_learn(liver: Cohort) -> None:
    """Not only the order: the log odds of every patient, from the slope to the centre."""

    tasks = plan(liver, recipe_of(liver, "svm"), SPLIT, None, repeats=1)
    for task in tasks[:2]:
        found = resample(task).predictions["svm"]
        train, test = task.fold.train(liver), task.fold.test(liver)
        order = np.argsort(np.array(train.table.cases))
        event = train.outcome.event[order]
        patients = [train.table.patients[row] for row in order]
        rng = generator(SPLIT.seed, task.key, "svm", "model")
        inner = deal_folds(patients, event.astype(np.int64), 5, rng)
        pipeline = pipeline_of("svm", inner).fit(train.table.values[order], event)
        search = pipeline[-1]
        chosen = pipeline[:-1].transform(train.table.values[order])
        held_out = cross_val_predict(
            search.best_estimator_, chosen, event, cv=search.cv, method="decision_function"
        )
        platt = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-12, max_iter=1000)
        slope = float(platt.fit(held_out[:, None], event).coef_[0, 0])
        theirs = slope * (pipeline.decision_function(test.values) - held_out.mean())
        assert slope > 0
        assert found.cases == test.cases
        np.testing.assert_allclose(found.score, theirs, atol=1e-9)
