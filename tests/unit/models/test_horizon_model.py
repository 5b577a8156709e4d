# SPDX-License-Identifier: Apache-2.0
"""Regression at a horizon: nobody is left out for having been followed too briefly."""

from __future__ import annotations

import numpy as np
import pytest

from hepacast.core.errors import NotEstimableError, StudyError
from hepacast.core.folds import Cohort, Fold, Train
from hepacast.core.outcome import DAYS_PER_MONTH, Binary, CompetingRisks, Outcome, Survival
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.models import MODELS, FittedModel
from hepacast.stats.competing import cumulative_incidence
from hepacast.stats.horizon_regression import fit_horizon

CASES = 240
MONTHS = 12.0
DAYS = MONTHS * DAYS_PER_MONTH


def draw() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(21)
    x = rng.normal(size=(CASES, 2))
    first, second = rng.exponential(700 * np.exp(-0.8 * x[:, 0])), rng.exponential(1500, CASES)
    end = rng.uniform(60, 1200, CASES)
    time = np.minimum(np.minimum(first, second), end)
    return x, time, np.where(end <= time, 0, np.where(first <= time, 1, 2))


def train_on(values: np.ndarray, outcome: Outcome) -> Train:
    cases = tuple(f"c{at:04d}" for at in range(len(values)))
    columns = tuple(FeatureName.clinical(f"x{at}") for at in range(values.shape[1]))
    cohort = Cohort(FeatureTable(np.array(values, dtype=float), cases, columns), outcome)
    return Fold(frozenset(cases), frozenset()).train(cohort)


def fit(train: Train, **settings: float) -> FittedModel:
    params = MODELS.parse({"horizon": {"months": MONTHS, **settings}})
    return MODELS[params](train, params, np.random.default_rng(0))


@pytest.mark.parametrize("competing", [True, False])
def test_weights_are_those_of_the_weighted_regression_and_risks_right_in_the_mean(
    competing: bool,  # noqa: FBT001
) -> None:
    x, time, cause = draw()
    codes = cause if competing else (cause == 1).astype(int)
    outcome = CompetingRisks(time, cause) if competing else Survival(time, cause == 1)
    train = train_on(x, outcome)
    found, plain = fit(train, penalty=0.0), fit_horizon(x, time, codes, DAYS)
    assert list(found.coefficients.values()) == pytest.approx(plain.beta)
    for day in (100.0, DAYS, 700.0):
        observed = cumulative_incidence(time, codes).at(day)[0]
        assert found.apparent_probability(train, day).mean() == pytest.approx(observed, abs=1e-9)
    assert found.apparent_probability(train, 0.0).max() == 0
    # At its own horizon the intercept hardly differs from the regression's own.
    risk = found.apparent(train).table.values[:, 0]
    odds = np.log(found.apparent_probability(train, DAYS) ** -1 - 1) * -1
    assert np.ptp(odds - risk) < 1e-9
    assert (odds - plain.intercept - x @ plain.beta).mean() == pytest.approx(0, abs=0.1)


def test_the_penalty_shrinks_and_follow_up_is_needed() -> None:
    x, time, cause = draw()
    train = train_on(x, Survival(time, cause == 1))
    loose, tight = (np.abs(list(fit(train, penalty=p).coefficients.values())) for p in (0.0, 1.0))
    assert (tight < loose).all()
    assert "censored before" in fit(train).notes[-1]
    with pytest.raises(NotEstimableError, match="horizon"):
        fit(train, months=600.0)


def test_a_plain_yes_or_no_has_no_horizon() -> None:
    x, _, cause = draw()
    with pytest.raises(StudyError):
        fit(train_on(x, Binary(cause == 1)))
