# SPDX-License-Identifier: Apache-2.0
"""Multiple imputation: pooled coefficients, and predictions for patients with gaps."""

from __future__ import annotations

import numpy as np
import pytest

from hepacast.core.folds import Cohort, Fold, Train
from hepacast.core.outcome import Binary, Outcome, Survival
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.models import MODELS, FittedModel
from hepacast.models.imputed import PooledSum
from hepacast.stats.regression import fit_logistic

CASES = 150


def train_on(values: np.ndarray, outcome: Outcome) -> Train:
    cases = tuple(f"c{at:04d}" for at in range(len(values)))
    columns = tuple(FeatureName.clinical(f"x{at}") for at in range(values.shape[1]))
    cohort = Cohort(FeatureTable(np.array(values, dtype=float), cases, columns), outcome)
    return Fold(frozenset(cases), frozenset()).train(cohort)


def fit(train: Train, **settings: object) -> PooledSum:
    params = MODELS.parse({"imputed": {"imputations": 6, "rounds": 4, **settings}})
    found = MODELS[params](train, params, np.random.default_rng(0))
    assert isinstance(found, PooledSum)
    return found


def fresh(train: Train, values: np.ndarray) -> FeatureTable:
    cases = tuple(f"new-{row:03d}" for row in range(len(values)))
    return FeatureTable(values, cases, train.table.columns)


def draw(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw two correlated columns; the first is missing more often where the second is high."""
    rng = np.random.default_rng(seed)
    b = rng.normal(size=CASES)
    a = 0.7 * b + rng.normal(size=CASES) * 0.7
    event = rng.random(CASES) < 1 / (1 + np.exp(-(a + 0.5 * b)))
    whole = np.column_stack([a, b])
    gappy = whole.copy()
    gappy[rng.random(CASES) < 0.13 * (1 + np.tanh(2 * b)), 0] = np.nan
    return whole, gappy, event


def test_without_gaps_it_is_the_model_itself() -> None:
    whole, _, event = draw(1)
    train = train_on(whole, Binary(event))
    params = MODELS.parse("regression")
    plain = MODELS[params](train, params, np.random.default_rng(0))
    found = fit(train)
    assert isinstance(plain, FittedModel)
    assert found.pooled is None
    assert list(found.coefficients.values()) == pytest.approx(list(plain.coefficients.values()))
    new = fresh(train, whole[:20] + 0.1)
    np.testing.assert_allclose(found.apply(new).values, plain.apply(new).values, atol=1e-9)
    np.testing.assert_allclose(found.probability(new), plain.probability(new), rtol=1e-7)


def test_pooled_coefficients_are_less_biased_and_their_errors_wider() -> None:
    errors, wider = [], []
    for seed in range(8):
        whole, gappy, event = draw(seed)
        found = fit(train_on(gappy, Binary(event)))
        truth = fit_logistic(whole, event)
        errors.append(np.array(list(found.coefficients.values())) - truth.beta)
        assert found.pooled is not None
        wider.append(found.pooled.se[0] / truth.coefficients.se[1])
        assert found.pooled.missing_information[0] > found.pooled.missing_information[1] * 0.5
        assert list(found.coefficients.values()) == pytest.approx(found.pooled.estimate)
    assert np.abs(np.mean(errors, axis=0)).max() < 0.15
    assert np.mean(wider) > 1.02


def test_new_patients_with_gaps_are_scored_one_by_one() -> None:
    _, gappy, event = draw(3)
    train = train_on(gappy, Binary(event))
    found = fit(train)
    values = np.array([[np.nan, 1.0], [0.5, np.nan], [np.nan, np.nan], [0.2, -0.3]])
    together = found.probability(fresh(train, values))
    assert ((together > 0) & (together < 1)).all()
    alone = [found.probability(fresh(train, values[[row]]))[0] for row in range(4)]
    np.testing.assert_array_equal(together, alone)
    # What is missing is read off the other column: a high one raises the risk.
    pair = fresh(train, np.array([[np.nan, 2.0], [np.nan, -2.0]]))
    assert np.diff(found.probability(pair))[0] < -0.3


def test_a_time_to_event_and_other_models_go_through_it_too() -> None:
    _, gappy, event = draw(5)
    rng = np.random.default_rng(5)
    time = rng.exponential(np.exp(-np.nan_to_num(gappy[:, 0]))) * 100
    train = train_on(gappy, Survival(time, event))
    found = fit(train, model="ridge")
    assert found.pooled is None
    assert next(iter(found.coefficients.values())) > 0
    assert fit(train).pooled is not None
    assert found.probability(fresh(train, gappy[:9]), 50.0).shape == (9,)


def test_columns_with_many_gaps_are_dropped_with_a_note() -> None:
    _, gappy, event = draw(6)
    gappy[: CASES // 2, 1] = np.nan
    found = fit(train_on(gappy, Binary(event)), drop_missing_over=0.3)
    assert len(found.uses) == 1
    assert "dropped" in found.notes[0]
    assert "completed tables" in found.notes[-1]
