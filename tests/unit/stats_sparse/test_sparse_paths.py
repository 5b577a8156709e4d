# SPDX-License-Identifier: Apache-2.0
"""The penalised paths against their optimality conditions and against scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from hepacast.core.errors import NotEstimableError, TableError
from hepacast.stats.dealing import deal_folds
from hepacast.stats.sparse import (
    PathSettings,
    cox_deviance,
    cv_lasso_cox,
    cv_lasso_logistic,
    lasso_path_cox,
    lasso_path_logistic,
)

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

EXACT = PathSettings(tolerance=1e-16)


def cohort(
    n: int, p: int, seed: int = 0
) -> tuple[
    Float[np.ndarray, "case feature"], Float[np.ndarray, " case"], Bool[np.ndarray, " case"]
]:
    """Draw correlated columns on unlike scales, times with ties, and events."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(n, 1))
    values = (rng.normal(size=(n, p)) + 0.7 * common) * np.geomspace(0.01, 100, p) + 3.0
    risk = (values[:, 0] - 3) / 0.01 - (values[:, 1] - 3) / np.geomspace(0.01, 100, p)[1]
    time = np.ceil(10 * rng.exponential(np.exp(-0.5 * risk)))
    return values, time, rng.random(n) < 0.6


def standardise(values: Float[np.ndarray, "case feature"]) -> Float[np.ndarray, "case feature"]:
    scaled: Float[np.ndarray, "case feature"] = (values - values.mean(0)) / values.std(0)
    return scaled


def breslow_gradient(
    x: Float[np.ndarray, "case feature"],
    beta: Float[np.ndarray, " feature"],
    time: Float[np.ndarray, " case"],
    event: Bool[np.ndarray, " case"],
) -> Float[np.ndarray, " feature"]:
    """Differentiate the log partial likelihood, risk set by risk set."""
    hazard = np.exp(x @ beta)
    gradient = np.zeros(x.shape[1])
    for i in np.flatnonzero(event):
        at_risk = time >= time[i]
        gradient += x[i] - hazard[at_risk] @ x[at_risk] / hazard[at_risk].sum()
    return gradient


def check_optimal(
    gradient: Float[np.ndarray, " feature"],
    beta: Float[np.ndarray, " feature"],
    penalty: float,
    mix: float,
) -> None:
    pull = gradient - (1 - mix) * penalty * beta
    inside = beta == 0
    np.testing.assert_allclose(pull[~inside], mix * penalty * np.sign(beta[~inside]), atol=2e-8)
    assert (np.abs(pull[inside]) <= mix * penalty + 2e-8).all()


@pytest.mark.parametrize("mix", [1.0, 0.5])
@pytest.mark.parametrize(("n", "p"), [(90, 12), (60, 200)])
def test_every_logistic_solution_meets_the_optimality_conditions(
    mix: float, n: int, p: int
) -> None:
    values, _, event = cohort(n, p)
    path = lasso_path_logistic(values, event, PathSettings(l1_ratio=mix, tolerance=1e-16))
    eta = path.linear_predictor(values)
    assert len(path.penalties) > 20
    for at in range(0, len(path.penalties), 7):
        residual = event - 1 / (1 + np.exp(-eta[:, at]))
        assert abs(residual.mean()) < 1e-8
        beta = path.coefficients(at) * values.std(0)
        check_optimal(standardise(values).T @ residual / n, beta, path.penalties[at], mix)


@pytest.mark.parametrize("mix", [1.0, 0.5])
@pytest.mark.parametrize(("n", "p"), [(90, 12), (60, 200)])
def test_every_cox_solution_meets_the_optimality_conditions(mix: float, n: int, p: int) -> None:
    values, time, event = cohort(n, p)
    path = lasso_path_cox(values, time, event, PathSettings(l1_ratio=mix, tolerance=1e-16))
    assert len(np.unique(time)) < n
    assert len(path.penalties) > 20
    for at in range(0, len(path.penalties), 7):
        beta = path.coefficients(at) * values.std(0)
        gradient = breslow_gradient(standardise(values), beta, time, event) / n
        check_optimal(gradient, beta, path.penalties[at], mix)


def test_logistic_path_agrees_with_scikit_learn() -> None:
    values, _, event = cohort(120, 15)
    x = standardise(values)
    path = lasso_path_logistic(x, event, EXACT)
    penalty = path.penalties[20]
    oracle = LogisticRegression(
        l1_ratio=1, C=1 / (120 * penalty), solver="saga", tol=1e-10, max_iter=100_000
    ).fit(x, event)
    np.testing.assert_allclose(path.coefficients(20), oracle.coef_[0], atol=1e-6)
    np.testing.assert_allclose(path.intercepts[20], oracle.intercept_[0], atol=1e-6)


def test_the_first_penalty_is_the_smallest_that_keeps_all_columns_out() -> None:
    values, time, event = cohort(70, 30)
    for path in (lasso_path_logistic(values, event), lasso_path_cox(values, time, event)):
        assert not path.coefficients(0).any()
        assert path.coefficients(1).any()


def test_units_and_signs_of_columns_change_only_their_coefficients() -> None:
    values, time, event = cohort(70, 8)
    factor = np.array([1.0, -1.0, 1e3, 1e-3, -5.0, 1.0, 2.0, 7.0])
    other = values * factor + 11.0
    for plain, moved in (
        (lasso_path_logistic(values, event, EXACT), lasso_path_logistic(other, event, EXACT)),
        (lasso_path_cox(values, time, event, EXACT), lasso_path_cox(other, time, event, EXACT)),
    ):
        at = len(plain.penalties) // 2
        np.testing.assert_allclose(
            moved.coefficients(at) * factor, plain.coefficients(at), rtol=1e-5, atol=1e-9
        )


def test_cox_knows_only_the_order_of_times() -> None:
    values, time, event = cohort(70, 8)
    plain, stretched = (lasso_path_cox(values, t, event) for t in (time, np.sqrt(time)))
    np.testing.assert_array_equal(plain.weights, stretched.weights)


def test_constant_columns_stay_at_zero_and_harm_nothing() -> None:
    values, time, event = cohort(70, 6)
    wider = np.column_stack([np.full(70, 0.1), values])
    for plain, wide in (
        (lasso_path_logistic(values, event), lasso_path_logistic(wider, event)),
        (lasso_path_cox(values, time, event), lasso_path_cox(wider, time, event)),
    ):
        assert 0 not in wide.columns
        np.testing.assert_allclose(plain.weights, wide.weights, rtol=1e-10)


def test_no_columns_at_all_give_the_null_model() -> None:
    _, time, event = cohort(70, 2)
    path = lasso_path_logistic(np.empty((70, 0)), event)
    np.testing.assert_allclose(path.intercepts[0], np.log(event.mean() / (1 - event.mean())))
    assert lasso_path_cox(np.empty((70, 0)), time, event).weights.shape == (1, 0)


def test_cox_deviance_of_a_hand_count() -> None:
    # Risk sets {2, 1, 1} and {1, 1}; the second time has two events (Breslow).
    risk = np.log(np.array([2.0, 1.0, 1.0]))
    deviance = cox_deviance(risk, np.array([1.0, 3.0, 3.0]), np.array([True, True, True]))
    loglik = np.log(2 / 4) + 2 * np.log(1 / 2)
    np.testing.assert_allclose(deviance, 2 * (-2 * np.log(2) - loglik))


def test_cross_validated_logistic_deviance_is_that_of_refits() -> None:
    values, _, event = cohort(80, 10)
    fold = np.arange(80) % 4
    found = cv_lasso_logistic(values, event, fold, EXACT)
    at, per_fold = found.at_min, []
    for k in range(4):
        out = fold == k
        part = lasso_path_logistic(values[~out], event[~out], EXACT, found.path.penalties)
        p = 1 / (1 + np.exp(-part.linear_predictor(values[out])[:, at]))
        per_fold.append(-2 * np.log(np.where(event[out], p, 1 - p)).mean())
    np.testing.assert_allclose(found.deviance[at], np.mean(per_fold))
    np.testing.assert_allclose(found.standard_error[at], np.std(per_fold) / np.sqrt(3))


def test_the_one_standard_error_rule_is_never_less_sparse() -> None:
    values, time, event = cohort(90, 40)
    fold = np.arange(90) % 5
    for found in (cv_lasso_logistic(values, event, fold), cv_lasso_cox(values, time, event, fold)):
        assert found.at_1se <= found.at_min
        limit = found.deviance[found.at_min] + found.standard_error[found.at_min]
        assert found.deviance[found.at_1se] <= limit
        assert (found.deviance[: found.at_1se] > limit).all()


def test_missing_values_and_single_classes_are_refused() -> None:
    values, time, event = cohort(30, 3)
    with pytest.raises(NotEstimableError, match="non-events"):
        lasso_path_logistic(values, np.ones(30, dtype=bool))
    with pytest.raises(NotEstimableError):
        lasso_path_cox(values, time, np.zeros(30, dtype=bool))
    values[0, 0] = np.nan
    with pytest.raises(TableError, match="complete"):
        lasso_path_cox(values, time, event)


def test_the_fit_leaves_its_input_alone() -> None:
    values, time, event = cohort(40, 5)
    before = values.copy()
    lasso_path_logistic(values, event)
    lasso_path_cox(values, time, event)
    np.testing.assert_array_equal(values, before)


def test_folds_keep_patients_whole_and_do_not_know_the_row_order() -> None:
    rng = np.random.default_rng(2)
    patients = [f"p{i // 2}" for i in range(40)]
    strata = np.repeat(rng.integers(0, 2, 20), 2)
    fold = deal_folds(patients, strata, 5, np.random.default_rng(9))
    assert (fold[::2] == fold[1::2]).all()
    order = rng.permutation(40)
    again = deal_folds([patients[i] for i in order], strata[order], 5, np.random.default_rng(9))
    np.testing.assert_array_equal(again, fold[order])
    counts = np.bincount(fold[::2], weights=strata[::2])
    assert counts.max() - counts.min() <= 1


def test_more_folds_than_patients_are_refused() -> None:
    with pytest.raises(NotEstimableError, match="folds"):
        deal_folds(["a", "a", "b"], np.zeros(3, dtype=int), 3, np.random.default_rng(0))
