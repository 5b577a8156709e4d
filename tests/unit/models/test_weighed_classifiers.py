# SPDX-License-Identifier: Apache-2.0
"""Classifiers at a horizon: those censored early have weight 0, others stand for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from hepacast.core.errors import StudyError
from hepacast.core.folds import Cohort, Fold, Train
from hepacast.core.outcome import Binary, CompetingRisks, Outcome, Survival
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.models import MODELS, FittedModel
from hepacast.stats.competing import cumulative_incidence
from hepacast.stats.roc import auc
from hepacast.table.outcomes import until

if TYPE_CHECKING:
    from jaxtyping import Float

HORIZON = 730.0
WEIGH = ("svm", "forest", "naive-bayes", "lightgbm")


def table_of(values: Float[np.ndarray, "case feature"], prefix: str = "c") -> FeatureTable:
    cases = tuple(f"{prefix}{at:04d}" for at in range(len(values)))
    columns = tuple(FeatureName.clinical(f"x{at}") for at in range(values.shape[1]))
    return FeatureTable(values, cases, columns)


def train_on(values: Float[np.ndarray, "case feature"], outcome: Outcome) -> Train:
    table = table_of(values)
    return Fold(frozenset(table.cases), frozenset()).train(Cohort(table, outcome))


def fit(kind: str, train: Train) -> FittedModel:
    params = MODELS.parse({kind: {"folds": 3, **({"trees": 60} if kind == "forest" else {})}})
    return MODELS[params](train, params, np.random.default_rng(0))


def draw(
    n: int, seed: int, *, last: float
) -> tuple[Float[np.ndarray, "case feature"], Survival | CompetingRisks, np.ndarray]:
    """Draw follow-up that ends by chance between day 100 and ``last``, and the whole truth."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, 3))
    time = rng.exponential(1500 * np.exp(-1.2 * values[:, 0] + 0.6 * values[:, 1]))
    end = rng.uniform(100, last, n)
    cause = (time <= end).astype(np.int64)
    return values, until(HORIZON, np.minimum(time, end), cause, "er"), time <= HORIZON


@pytest.mark.parametrize("kind", WEIGH)
def test_a_classifier_learns_who_has_the_event_by_the_horizon(kind: str) -> None:
    values, outcome, _ = draw(300, 0, last=1500)
    assert 0.2 < (~outcome.event & (outcome.time_days < HORIZON)).mean() < 0.5
    model = fit(kind, train_on(values, outcome))
    new, _, event = draw(1500, 1, last=1e9)
    fresh = table_of(new, "new")
    assert auc(model.apply(fresh).values[:, 0], event).estimate > 0.75
    chance = model.probability(fresh, HORIZON)
    # Leaving out those censored early would make events look far more frequent.
    assert abs(chance.mean() - event.mean()) < 0.06
    known = outcome.event | (outcome.time_days > HORIZON)
    assert outcome.event[known].mean() - event.mean() > 0.03


@pytest.mark.parametrize("kind", sorted({*WEIGH} - {"forest"}))  # a forest draws by weight
def test_where_nobody_is_censored_early_it_is_the_plain_classifier(kind: str) -> None:
    values, outcome, event = draw(160, 2, last=1e9)
    assert not (~outcome.event & (outcome.time_days < HORIZON)).any()
    weighed, plain = (
        fit(kind, train_on(values, outcome)),
        fit(kind, train_on(values, Binary(event))),
    )
    fresh = table_of(draw(50, 3, last=1e9)[0], "new")
    one, other = (model.apply(fresh).values[:, 0] for model in (weighed, plain))
    np.testing.assert_allclose(one, other, atol=1e-6)
    found, known = weighed.probability(fresh, HORIZON), plain.probability(fresh)
    np.testing.assert_allclose(found, known, atol=1e-6)


def test_weights_come_from_the_cases_learned_from_and_competing_events_are_none() -> None:
    rng = np.random.default_rng(5)
    values = rng.normal(size=(240, 2))
    first = rng.exponential(900 * np.exp(-values[:, 0]))
    other, end = rng.exponential(1500, 240), rng.uniform(200, 1600, 240)
    last = np.minimum(np.minimum(first, other), end)
    cause = np.where(end <= last, 0, np.where(first <= last, 1, 2))
    outcome = until(HORIZON, last, cause, "er")
    assert isinstance(outcome, CompetingRisks)
    train = train_on(values, outcome)
    model = fit("svm", train)
    incidence = cumulative_incidence(outcome.time_days, outcome.cause).at(HORIZON)[0]
    assert model.apparent_probability(train, HORIZON).mean() == pytest.approx(incidence, abs=0.06)


@pytest.mark.parametrize("kind", ["knn", "mlp"])
def test_a_classifier_without_weights_says_so(kind: str) -> None:
    values, outcome, _ = draw(60, 4, last=1500)
    with pytest.raises(StudyError, match="weights for early censoring, which this model cannot"):
        fit(kind, train_on(values, outcome))


def test_a_plain_follow_up_stays_closed_to_classifiers() -> None:
    values, outcome, _ = draw(60, 4, last=1500)
    plain = Survival(outcome.time_days, outcome.event)
    with pytest.raises(StudyError, match="learns from Binary; got Survival\\."):
        fit("svm", train_on(values, plain))


def test_the_regression_at_a_horizon_follows_the_outcome() -> None:
    values, outcome, _ = draw(200, 6, last=1500)
    train = train_on(values, outcome)
    params = MODELS.parse("horizon")
    model = MODELS[params](train, params, np.random.default_rng(0))
    assert "by month 24;" in model.notes[-1]
    other = MODELS.parse({"horizon": {"months": 12}})
    with pytest.raises(StudyError, match="must be the one of the outcome; got months: 12"):
        MODELS[other](train, other, np.random.default_rng(0))
