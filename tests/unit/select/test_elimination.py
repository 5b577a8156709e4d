# SPDX-License-Identifier: Apache-2.0
"""Recursive elimination for a time to event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.tree import DecisionTreeRegressor

from hepacast.core.errors import StudyError
from hepacast.core.folds import Cohort, Fold, Train
from hepacast.core.outcome import CompetingRisks, Outcome, Survival
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.select import STEPS
from hepacast.select.eliminate import relative_risk

if TYPE_CHECKING:
    from jaxtyping import Float


def train_on(values: Float[np.ndarray, "case feature"], outcome: Outcome) -> Train:
    cases = tuple(f"c{at:04d}" for at in range(len(values)))
    columns = tuple(FeatureName.clinical(f"x{at}") for at in range(values.shape[1]))
    table = FeatureTable(np.array(values, dtype=float), cases, columns)
    return Fold(frozenset(cases), frozenset()).train(Cohort(table, outcome))


def kept(settings: dict[str, Any], train: Train) -> list[str]:
    params = STEPS.parse({"rfe": settings})
    return [one.feature for one in STEPS[params](train, params, np.random.default_rng(0)).outputs]


@pytest.mark.parametrize("estimator", ["ridge", "tree", "forest"])
@pytest.mark.parametrize("competing", [False, True])
def test_elimination_for_a_time_keeps_planted_columns(estimator: str, *, competing: bool) -> None:
    rng = np.random.default_rng(7)
    values = rng.normal(size=(240, 15))
    first = rng.exponential(np.exp(-1.5 * values[:, 3]))
    # Column 5 shortens follow-up, and says nothing about the event.
    other = rng.exponential(4 * np.exp(-1.5 * values[:, 5]))
    time, event = np.minimum(first, other), first <= other
    outcome = CompetingRisks(time, np.where(event, 1, 2)) if competing else Survival(time, event)
    settings = {"estimator": estimator, "keep": 1, "trees": 30}
    assert kept(settings, train_on(values, outcome)) == ["x3"]


def test_elimination_by_two_classes_refuses_a_time() -> None:
    rng = np.random.default_rng(7)
    outcome = Survival(rng.exponential(size=40), np.ones(40, dtype=bool))
    with pytest.raises(StudyError, match="two classes"):
        kept({"estimator": "svm", "keep": 1}, train_on(rng.normal(size=(40, 5)), outcome))


def test_a_tree_of_a_time_makes_the_best_split_of_relative_risk() -> None:
    rng = np.random.default_rng(12)
    values = rng.normal(size=(60, 3)).round(1)
    time = rng.exponential(np.exp(-values[:, 1]))
    event = rng.random(60) < 0.7
    # Nelson-Aalen by counting; then every cut of every column by hand.
    expected = np.array(
        [sum(1 / (time >= t).sum() for t in time[event] if t <= mine) for mine in time]
    )

    def deviance(rows: np.ndarray) -> float:
        seen, due = event[rows].sum(), expected[rows].sum()
        return -2 * float(seen * np.log(seen / due)) if seen else np.inf

    gain = [
        max(
            -deviance(values[:, at] <= cut) - deviance(values[:, at] > cut)
            for cut in np.unique(values[:, at])[:-1]
        )
        for at in range(3)
    ]
    stump = DecisionTreeRegressor(criterion="poisson", max_depth=1, random_state=0)
    rate, weight = relative_risk(Survival(time, event))
    np.testing.assert_allclose(weight, expected)
    stump.fit(values, rate, sample_weight=weight)
    assert stump.tree_.feature[0] == np.argmax(gain)
