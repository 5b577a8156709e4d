# SPDX-License-Identifier: Apache-2.0
"""The same folds through scikit-learn's own pipeline, on real feature tables."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hepacast.core.folds import Cohort, Fold
from hepacast.core.outcome import Binary
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.models import MODELS
from hepacast.select import STEPS
from hepacast.stats.dealing import deal_folds
from hepacast.stats.roc import auc

if TYPE_CHECKING:
    from pathlib import Path


def read(path: Path) -> Cohort:
    """Read one of the tables; the last two columns are ID and Target."""
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        rows = [line.rstrip("\n").split(",") for line in stream]
    body = np.array([row[:-2] for row in rows[1:]], dtype=float)
    cases = tuple(row[-2] for row in rows[1:])
    event = np.array([row[-1] == "1" for row in rows[1:]])
    columns = tuple(map(FeatureName.from_column, rows[0][:-2]))
    return Cohort(FeatureTable(body, cases, columns), Binary(event))


@pytest.mark.parametrize("name", ["WORC-Liver", "Zhang2023"])
def test_out_of_fold_scores_are_those_of_scikit_learn(shared: Path, name: str) -> None:
    cohort = read(shared / "radiomics_tables" / f"{name}.csv.gz")
    # Constant columns have no F statistic; SumAverage is twice JointAverage, an exact tie.
    varies = np.ptp(cohort.table.values, axis=0) > 0
    kept = [cohort.table.columns[at] for at in np.flatnonzero(varies)]
    kept = [column for column in kept if column.feature != "SumAverage"]
    cohort = cohort.with_table(cohort.table.select(kept))
    x, event, cases = cohort.table.values, cohort.outcome.event, np.array(cohort.table.cases)
    fold = deal_folds(cases.tolist(), event.astype(int), 5, np.random.default_rng(7))
    ours, theirs = np.empty(len(x)), np.empty(len(x))
    for label in range(5):
        out = fold == label
        division = Fold(frozenset(cases[~out].tolist()), frozenset(cases[out].tolist()))
        train, test = division.train(cohort), division.test(cohort)
        for block in ("zscore", {"univariate": {"best": 5}}):
            params = STEPS.parse(block)
            step = STEPS[params](train, params, np.random.default_rng(0))
            train, test = step.apparent(train), step.apply(test)
        model = MODELS[MODELS.parse("regression")](
            train, MODELS.parse("regression"), np.random.default_rng(0)
        )
        ours[out] = model.probability(test.rows(cases[out].tolist()))
        oracle = make_pipeline(
            StandardScaler(),
            SelectKBest(f_classif, k=5),
            LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-13, max_iter=500),
        )
        theirs[out] = oracle.fit(x[~out], event[~out]).predict_proba(x[out])[:, 1]
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)
    assert auc(ours, event).estimate == auc(theirs, event).estimate
