# SPDX-License-Identifier: Apache-2.0
"""Sample size, pooling, resampling and propensity: what has no R package in Debian."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from hepacast.core.errors import NotEstimableError, TableError
from hepacast.stats.agreement import icc
from hepacast.stats.bootstrap632 import point632plus
from hepacast.stats.competing import cumulative_incidence, gray_test
from hepacast.stats.cutpoints import xtile
from hepacast.stats.fine_gray import fit_fine_gray
from hepacast.stats.horizon import auc_at
from hepacast.stats.imputation import chained_imputations, pool
from hepacast.stats.kappa import cohen_kappa, fleiss_kappa
from hepacast.stats.matching import match_propensity, propensity, treatment_by_class
from hepacast.stats.precision import (
    cases_for_auc_width,
    cox_snell_from_auc,
    expected_auc_width,
    expected_proportion_width,
    riley_binary,
    riley_survival,
)
from hepacast.stats.reclassification import idi
from hepacast.stats.regression import fit_logistic
from hepacast.stats.resampling import (
    bootstrap,
    bootstrap_interval,
    bootstrap_rows,
    corrected_resampled_t,
    optimism,
    permutation_p,
)
from hepacast.stats.survival_contrasts import rmst


def test_binary_sample_size_is_that_of_the_published_example() -> None:
    """Riley 2020, BMJ 368:m441: 24 parameters, 17.4 % events, R squared 0.288."""
    size = riley_binary(24, 0.174, r2=0.288)
    assert size.cases == 662
    assert size.events == 116
    assert size.largest_r2 == pytest.approx(0.60, abs=0.01)
    assert size.risk == 221


def test_survival_sample_size_is_that_of_the_published_example() -> None:
    """Riley 2020, BMJ 368:m441: 30 parameters, rate 0.065, R squared 0.051, 2.07 years."""
    size = riley_survival(30, 0.065, 2.0, 2.07, r2=0.051)
    assert size.cases == 5143
    assert size.events == 692
    per_case = 0.065 * 2.07
    assert size.largest_r2 == pytest.approx(1 - np.exp(2 * per_case * (np.log(0.065) - 1)))


def test_r_squared_from_an_auc_is_that_of_simulated_patients() -> None:
    rng = np.random.default_rng(3)
    event = rng.uniform(size=60_000) < 0.35
    score = rng.normal(size=event.size) + event * np.sqrt(2) * stats.norm.ppf(0.78)
    fit = fit_logistic(score, event)
    simulated = -np.expm1(-2 * (fit.loglik - fit.loglik_null) / event.size)
    assert cox_snell_from_auc(0.78, 0.35) == pytest.approx(simulated, abs=0.006)
    by_auc = riley_binary(10, 0.35, auc=0.78)
    assert by_auc.cases == riley_binary(10, 0.35, r2=cox_snell_from_auc(0.78, 0.35)).cases
    assert riley_binary(10, 0.35).cases > by_auc.cases


def test_more_parameters_need_more_patients_and_wider_intervals_fewer() -> None:
    assert riley_binary(20, 0.3, r2=0.2).cases > riley_binary(10, 0.3, r2=0.2).cases
    n = cases_for_auc_width(0.8, 0.3, 0.1)
    assert expected_auc_width(0.8, n, 0.3) <= 0.1 < expected_auc_width(0.8, n - 1, 0.3)
    assert expected_proportion_width(0.5, 100) == pytest.approx(0.196, abs=1e-3)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: riley_binary(0, 0.3, r2=0.2),
        lambda: riley_binary(5, 1.3, r2=0.2),
        lambda: riley_binary(5, 0.3, r2=0.9),
        lambda: riley_survival(5, -0.1, 2, 2),
        lambda: cox_snell_from_auc(0.5, 0.3),
        lambda: expected_auc_width(0.8, 3, 0.1),
        lambda: expected_proportion_width(0.8, 0),
        lambda: pool([0.5], [0.1]),
        lambda: chained_imputations([[np.nan, 1.0], [np.nan, 2.0]], np.random.default_rng(1)),
        lambda: bootstrap_interval(0.5, [0.6, 0.7], kind="bca", influence=[0.1, -0.1]),
        lambda: corrected_resampled_t([0.1, 0.1], 0.25),
    ],
)
def test_what_cannot_be_planned_is_refused(ask: object) -> None:
    with pytest.raises(NotEstimableError):
        ask()  # type: ignore[operator]


def test_imputed_tables_keep_what_was_seen_and_follow_the_other_columns() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=120)
    X = np.column_stack([x, 2 * x + rng.normal(0, 0.3, 120)])
    holes = X.copy()
    holes[:30, 1] = np.nan
    tables = chained_imputations(holes, rng, imputations=5)
    assert np.all(tables[:, 30:] == X[30:])
    assert np.corrcoef(tables.mean(axis=0)[:30, 1], X[:30, 1])[0, 1] > 0.95
    assert np.all(chained_imputations(X, rng, imputations=2) == X)


@pytest.mark.parametrize("kind", ["percentile", "bca", "basic", "normal"])
def test_bootstrap_and_analytic_intervals_of_a_mean_agree(kind: str) -> None:
    rng = np.random.default_rng(7)
    values = rng.normal(size=800)
    result = bootstrap(lambda rows: float(values[rows].mean()), 800, rng, kind=kind)  # type: ignore[arg-type]
    reach = 1.96 * values.std(ddof=1) / np.sqrt(800)
    assert result.low == pytest.approx(values.mean() - reach, abs=0.01)
    assert result.high == pytest.approx(values.mean() + reach, abs=0.01)


def test_a_strategy_that_memorises_is_all_optimism() -> None:
    rng = np.random.default_rng(8)
    outcome = rng.integers(0, 2, 200)

    def fit(rows: np.ndarray) -> dict[int, int]:
        return {int(row): int(outcome[row]) for row in rows}

    def score(model: dict[int, int], rows: np.ndarray) -> float:
        # Unseen cases are called 0: right half of the time.
        return float(np.mean([model.get(int(row), 0) == outcome[row] for row in rows]))

    result = optimism(fit, score, bootstrap_rows(200, 60, rng))
    assert result.apparent == 1.0
    # A resample leaves out 36.8 %, and half of these are wrong.
    assert result.optimism == pytest.approx(0.368 * outcome.mean(), abs=0.03)


def test_632_plus_trusts_the_training_error_less_the_more_it_overfits() -> None:
    assert point632plus(0.2, 0.2, 0.5) == pytest.approx(0.2)
    assert point632plus(0.0, 0.5, 0.5) == pytest.approx(0.5)
    assert point632plus(0.1, 0.3, 0.5) > 0.368 * 0.1 + 0.632 * 0.3


def test_the_resampled_t_test_is_more_careful_than_the_naive_one() -> None:
    gaps = np.array([0.02, 0.05, 0.01, 0.04, 0.03])
    assert corrected_resampled_t(gaps, 0.25).p > stats.ttest_1samp(gaps, 0).pvalue
    assert corrected_resampled_t(gaps, 0.0).p == pytest.approx(stats.ttest_1samp(gaps, 0).pvalue)


def test_a_permutation_p_value_is_never_zero() -> None:
    assert permutation_p(0.9, np.linspace(0.3, 0.7, 99)).p == pytest.approx(0.01)


def test_propensities_add_up_to_the_treated() -> None:
    rng = np.random.default_rng(9)
    X, treated = rng.normal(size=(50, 3)), np.arange(50) % 3 == 0
    assert propensity(X, treated).sum() == pytest.approx(treated.sum())


@pytest.mark.parametrize(
    "ask",
    [
        lambda: gray_test([1, 2, 3], [1, 2, 0], ["a", "a", "a"]),
        lambda: cumulative_incidence([1, 2], [0, 2]),
        lambda: fit_fine_gray([0, 0, 0, 1, 1, 1], [1, 2, 3, 4, 5, 6], [1, 1, 1, 2, 0, 0]),
        lambda: fleiss_kappa([[3, 0], [2, 2], [0, 3]]),
        lambda: cohen_kappa([[9, 0], [0, 0]]),
        lambda: icc([[1.0, 2.0, 3.0]]),
        lambda: rmst([1, 2, 3], [1, 0, 0], 9.0),
        lambda: auc_at([1, 2, 3], [1, 2, 3], [1, 1, 1], 5.0),
        lambda: treatment_by_class([0, 1, 0, 1], ["a"] * 4, [1, 2, 3, 4], [1] * 4),
        lambda: xtile([1, 1, 1, 1], [1, 2, 3, 4], [1] * 4),
        lambda: idi([0.1, 0.2, 0.3], [0.2, 0.3, 0.4], [0, 0, 1]),
        lambda: match_propensity([1.0, 9, 2, 8, 3, 7.5], [0, 1, 0, 0, 1, 1], caliper=1e-9),
    ],
)
def test_what_the_later_groups_cannot_answer_is_refused(ask: object) -> None:
    with pytest.raises(NotEstimableError):
        ask()  # type: ignore[operator]


def test_a_cause_that_is_no_code_is_refused() -> None:
    with pytest.raises(TableError):
        cumulative_incidence([1, 2], [1, 0.5])
