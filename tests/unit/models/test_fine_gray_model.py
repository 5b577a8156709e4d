# SPDX-License-Identifier: Apache-2.0
"""Fine and Gray's regression as a model: cumulative incidences of patients never seen."""

from __future__ import annotations

import numpy as np
import pytest

from hepacast.core.errors import NotEstimableError, StudyError
from hepacast.core.folds import Cohort, Fold, Train
from hepacast.core.outcome import CompetingRisks, Outcome, Survival
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.models import MODELS, FittedModel
from hepacast.stats.competing import cumulative_incidence
from hepacast.stats.fine_gray import firth_fine_gray, fit_fine_gray
from hepacast.stats.firth_cox import firth_cox

CASES = 160


def draw() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(8)
    x = rng.normal(size=(CASES, 2))
    first = rng.exponential(800 * np.exp(-0.8 * x[:, 0]))
    second = rng.exponential(900 * np.exp(0.9 * x[:, 0]))
    end = rng.uniform(100, 1500, CASES)
    time = np.ceil(np.minimum(np.minimum(first, second), end))
    cause = np.where(end < np.minimum(first, second), 0, np.where(first < second, 1, 2))
    return x, time, cause


def train_on(values: np.ndarray, outcome: Outcome) -> Train:
    cases = tuple(f"c{at:04d}" for at in range(len(values)))
    columns = tuple(FeatureName.clinical(f"x{at}") for at in range(values.shape[1]))
    cohort = Cohort(FeatureTable(np.array(values, dtype=float), cases, columns), outcome)
    return Fold(frozenset(cases), frozenset()).train(cohort)


def fit(block: object, train: Train) -> FittedModel:
    params = MODELS.parse(block)
    return MODELS[params](train, params, np.random.default_rng(0))


def fresh(train: Train) -> FeatureTable:
    cases = tuple(f"new-{case}" for case in train.table.cases)
    return FeatureTable(train.table.values, cases, train.table.columns)


def test_weights_and_incidences_are_those_of_the_regression() -> None:
    x, time, cause = draw()
    train = train_on(x, CompetingRisks(time, cause))
    found, plain = fit("fine-gray", train), fit_fine_gray(x, time, cause)
    assert list(found.coefficients.values()) == pytest.approx(plain.beta)
    np.testing.assert_allclose(
        found.probability(fresh(train), 700.0), plain.risk_at(x, 700.0), rtol=1e-9
    )
    with pytest.raises(NotEstimableError, match="follow-up"):
        found.probability(fresh(train), 1e6)


def test_incidences_are_calibrated_where_a_marker_drives_both_events() -> None:
    x, time, cause = draw()
    train = train_on(x[:, :1], CompetingRisks(time, cause))
    observed = cumulative_incidence(time, cause).at(700.0)[0]
    direct = fit("fine-gray", train).probability(fresh(train), 700.0)
    assert direct.mean() == pytest.approx(observed, abs=0.02)
    # The hazard model takes competing events to come to all alike, and spreads risks less.
    other = fit("regression", train).probability(fresh(train), 700.0)
    top, bottom = x[:, 0] > np.quantile(x[:, 0], 0.8), x[:, 0] < np.quantile(x[:, 0], 0.2)
    seen = [cumulative_incidence(time[rows], cause[rows]).at(700.0)[0] for rows in (bottom, top)]
    miss = [abs(np.array([p[bottom].mean(), p[top].mean()]) - seen).max() for p in (direct, other)]
    assert miss[0] < miss[1]


def test_a_group_without_events_needs_firth_and_says_so() -> None:
    x, time, cause = draw()
    group = np.arange(CASES) < 12
    cause = np.where(group & (cause == 1), 2, cause)
    train = train_on(np.column_stack([x, group]), CompetingRisks(time, cause))
    found = fit("fine-gray", train)
    assert "Firth" in found.notes[-1]
    assert -8 < list(found.coefficients.values())[-1] < 0
    with pytest.raises(NotEstimableError, match="maximum"):
        fit({"fine-gray": {"separation": "error"}}, train)


def test_firths_penalty_is_that_of_cox_where_nothing_competes() -> None:
    x, time, cause = draw()
    event = cause == 1
    np.testing.assert_allclose(
        firth_fine_gray(x, time, event.astype(int)),
        firth_cox(x, time, event, ties="breslow"),
        rtol=1e-6,
    )


def test_an_outcome_without_competing_events_is_refused() -> None:
    x, time, cause = draw()
    with pytest.raises(StudyError, match="CompetingRisks"):
        fit("fine-gray", train_on(x, Survival(time, cause == 1)))
