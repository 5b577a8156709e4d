# SPDX-License-Identifier: Apache-2.0
"""The linear models against statsmodels and lifelines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import statsmodels.api as sm
from lifelines import AalenJohansenFitter, CoxPHFitter, NelsonAalenFitter
from lifelines.datasets import load_rossi

from hepacast.core.errors import NotEstimableError
from hepacast.core.folds import Cohort, Fold, Train
from hepacast.core.outcome import Binary, CompetingRisks, Outcome, Survival
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.models import MODELS, FittedModel
from hepacast.stats.firth_cox import firth_cox

if TYPE_CHECKING:
    import pandas as pd
    from jaxtyping import Float


def train_on(values: Float[np.ndarray, "case feature"], outcome: Outcome) -> Train:
    cases = tuple(f"c{at:04d}" for at in range(len(values)))
    columns = tuple(FeatureName.clinical(f"x{at}") for at in range(values.shape[1]))
    cohort = Cohort(FeatureTable(np.array(values, dtype=float), cases, columns), outcome)
    return Fold(frozenset(cases), frozenset()).train(cohort)


def as_new(train: Train) -> FeatureTable:
    """Return the training rows under other names."""
    cases = tuple(f"new-{case}" for case in train.table.cases)
    return FeatureTable(train.table.values, cases, train.table.columns)


def fit(block: object, train: Train) -> FittedModel:
    params = MODELS.parse(block)
    return MODELS[params](train, params, np.random.default_rng(0))


def weights(model: FittedModel) -> list[float]:
    return list(model.coefficients.values())


@pytest.fixture(scope="module")
def rossi() -> pd.DataFrame:
    frame: pd.DataFrame = load_rossi()
    return frame


def survival_of(frame: pd.DataFrame) -> Train:
    columns = ["fin", "age", "race", "wexp", "mar", "paro", "prio"]
    return train_on(
        frame[columns].to_numpy(dtype=float),
        Survival(frame["week"].to_numpy(dtype=float), frame["arrest"].to_numpy() == 1),
    )


def test_logistic_regression_agrees_with_statsmodels() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(80, 3)) * [1, 50, 0.01] + [0, 100, 3]
    event = values[:, 0] + rng.logistic(size=80) > 0
    train = train_on(values, Binary(event))
    model = fit("regression", train)
    oracle = sm.Logit(event, sm.add_constant(values)).fit(disp=0, tol=1e-12)
    np.testing.assert_allclose(weights(model), oracle.params[1:], rtol=1e-6)
    np.testing.assert_allclose(model.probability(as_new(train)), oracle.predict(), rtol=1e-7)
    assert model.notes == ()


def test_cox_regression_agrees_with_lifelines(rossi: pd.DataFrame) -> None:
    model = fit("regression", survival_of(rossi))
    oracle = CoxPHFitter().fit(rossi, "week", "arrest")
    np.testing.assert_allclose(weights(model), oracle.params_.to_numpy(), atol=1e-6)


def test_cox_probabilities_agree_with_lifelines_without_ties(rossi: pd.DataFrame) -> None:
    rossi = rossi.assign(week=rossi["week"] + np.linspace(0, 0.4, len(rossi)))
    train = survival_of(rossi)
    when = float(np.sort(rossi["week"][rossi["arrest"] == 1])[60])
    found = fit("regression", train).probability(as_new(train), when)
    oracle = CoxPHFitter().fit(rossi, "week", "arrest")
    expected = 1 - oracle.predict_survival_function(rossi, times=[when]).to_numpy()[0]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_the_null_model_gives_the_nelson_aalen_risk(rossi: pd.DataFrame) -> None:
    train = survival_of(rossi)
    model = fit("average", train)
    assert model.coefficients == {}
    hazard = NelsonAalenFitter(nelson_aalen_smoothing=True).fit(rossi["week"], rossi["arrest"])
    expected = 1 - np.exp(-float(hazard.cumulative_hazard_at_times([40]).iloc[0]))
    np.testing.assert_allclose(model.probability(as_new(train), 40.0), expected, rtol=1e-10)


def test_competing_risks_come_near_aalen_and_johansen() -> None:
    rng = np.random.default_rng(1)
    time = rng.permutation(np.arange(1.0, 301))
    cause = rng.choice([0, 1, 2], size=300)
    train = train_on(rng.normal(size=(300, 1)), CompetingRisks(time, cause))
    found = fit("average", train).probability(as_new(train), 200.0)[0]
    oracle = AalenJohansenFitter(calculate_variance=False).fit(time, cause, event_of_interest=1)
    expected = float(oracle.predict(200.0))
    assert abs(found - expected) < 2e-3
    naive = fit("average", train_on(np.empty((300, 0)), Survival(time, cause == 1)))
    assert naive.probability(as_new(train).select([]), 200.0)[0] > found + 0.03


def test_the_mean_logistic_probability_is_the_observed_share() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(size=(90, 40))
    train = train_on(values, Binary(values[:, 0] + rng.normal(size=90) > 0.5))
    for kind in ("lasso", "regression", "average"):
        mean = fit(kind, train).apparent_probability(train).mean()
        np.testing.assert_allclose(mean, train.outcome.event.mean(), rtol=1e-9)


def test_separated_classes_need_firth_and_say_so() -> None:
    values = np.linspace(-1, 1, 20)[:, None]
    train = train_on(values, Binary(values[:, 0] > 0))
    model = fit("regression", train)
    assert "Firth" in model.notes[0]
    assert 0 < weights(model)[0] < 50
    with pytest.raises(NotEstimableError, match="separation"):
        fit({"regression": {"separation": "error"}}, train)


def test_a_group_without_events_needs_firth_and_says_so() -> None:
    rng = np.random.default_rng(3)
    group = np.arange(60) % 2 == 0
    train = train_on(
        np.column_stack([group, rng.normal(size=60)]),
        Survival(rng.exponential(size=60), ~group & (rng.random(60) < 0.7)),
    )
    model = fit("regression", train)
    assert "Firth" in model.notes[0]
    assert -10 < weights(model)[0] < -1
    with pytest.raises(NotEstimableError):
        fit({"regression": {"separation": "error"}}, train)


def test_firth_cox_is_the_maximum_of_the_penalised_likelihood() -> None:
    # One 0/1 column without ties: likelihood and information in closed form.
    group = np.array([1, 0, 1, 1, 0, 0, 1, 0], dtype=float)
    event = np.array([1, 1, 1, 0, 1, 0, 1, 0], dtype=bool)
    time = np.arange(1.0, 9)

    def penalised(beta: float) -> float:
        loglik = information = 0.0
        for i in np.flatnonzero(event):
            hazard = np.exp(beta * group[i:])
            share = hazard[group[i:] == 1].sum() / hazard.sum()
            loglik += np.log(np.exp(beta * group[i]) / hazard.sum())
            information += share * (1 - share)
        return float(loglik + 0.5 * np.log(information))

    found = float(firth_cox(group[:, None], time, event)[0])
    grid = found + np.linspace(-0.05, 0.05, 11)
    assert np.argmax([penalised(beta) for beta in grid]) == 5


def test_constant_columns_get_no_weight_and_a_note() -> None:
    rng = np.random.default_rng(4)
    values = np.column_stack([rng.normal(size=50), np.full(50, 0.1)])
    model = fit("regression", train_on(values, Binary(rng.random(50) < 0.5)))
    assert len(model.coefficients) == 1
    assert "constant" in model.notes[0]


def test_collinear_columns_are_dropped_with_a_note_or_refused() -> None:
    rng = np.random.default_rng(5)
    one, two = rng.normal(size=(2, 50))
    event = rng.random(50) < 0.5
    train = train_on(np.column_stack([one, two, 2 * one - 3 * two + 7]), Binary(event))
    model = fit("regression", train)
    assert [column.feature for column in model.coefficients] == ["x0", "x1"]
    assert "x2" in model.notes[0]
    plain = fit("regression", train_on(np.column_stack([one, two]), Binary(event)))
    np.testing.assert_allclose(weights(model), weights(plain), rtol=1e-10)
    with pytest.raises(NotEstimableError, match="linear combinations"):
        fit({"regression": {"collinear": "error"}}, train)


def test_as_many_columns_as_cases_are_refused() -> None:
    rng = np.random.default_rng(6)
    train = train_on(rng.normal(size=(20, 25)), Binary(rng.random(20) < 0.5))
    with pytest.raises(NotEstimableError, match="more cases than covariates"):
        fit("regression", train)


def test_lasso_scores_are_the_weighted_sum_of_the_printed_coefficients() -> None:
    rng = np.random.default_rng(6)
    values = rng.normal(size=(100, 30)) * 7 + 3
    train = train_on(values, Survival(rng.exponential(np.exp(-values[:, 0] / 7)), values[:, 1] > 0))
    model = fit("lasso", train)
    score = model.apply(as_new(train)).values[:, 0]
    used = train.table.select(list(model.coefficients)).values
    np.testing.assert_allclose(score, (used - used.mean(axis=0)) @ weights(model), atol=1e-12)
    assert weights(model)[0] > 0
