# SPDX-License-Identifier: Apache-2.0
"""The steps against scipy, lifelines and counts by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from lifelines.statistics import logrank_test
from scipy import stats

from hepacast.core.errors import NotEstimableError, StudyError, TableError
from hepacast.core.folds import Cohort, Fold, Train
from hepacast.core.outcome import Binary, Outcome, Survival
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.select import STEPS
from hepacast.select.correlation import correlation
from hepacast.select.impute import Fill
from hepacast.select.univariate import cox_score_z, p_values

if TYPE_CHECKING:
    from jaxtyping import Float

    from hepacast.select import FittedStep


def train_on(
    values: Float[np.ndarray, "case feature"],
    outcome: Outcome | None = None,
    names: tuple[str, ...] = (),
) -> Train:
    count = len(values)
    cases = tuple(f"c{at:04d}" for at in range(count))
    columns = tuple(map(FeatureName.clinical, names or [f"x{at}" for at in range(values.shape[1])]))
    cohort = Cohort(
        FeatureTable(np.array(values, dtype=float), cases, columns),
        outcome or Binary(np.arange(count) % 2 == 0),
    )
    return Fold(frozenset(cases), frozenset()).train(cohort)


def table_of(values: Float[np.ndarray, "case feature"]) -> FeatureTable:
    columns = tuple(FeatureName.clinical(f"x{at}") for at in range(np.shape(values)[1]))
    cases = tuple(f"new{at}" for at in range(len(values)))
    return FeatureTable(np.array(values, dtype=float), cases, columns)


def fit(block: object, train: Train, seed: int = 0) -> FittedStep:
    params = STEPS.parse(block)
    return STEPS[params](train, params, np.random.default_rng(seed))


def kept(step: FittedStep) -> list[str]:
    return [name.feature for name in step.outputs]


def test_impute_fills_with_training_numbers_and_says_what_it_dropped() -> None:
    nan = np.nan
    train = train_on(np.array([[1, 0, nan], [2, 1, nan], [nan, 1, nan], [10, nan, 4], [3, 1, nan]]))
    step = fit({"impute": {"drop_missing_over": 0.5}}, train)
    assert isinstance(step, Fill)
    out = step.apply(table_of(np.array([[nan, nan, nan], [7, 0, 1]])))
    assert out.values.tolist() == [[2.5, 1.0], [7.0, 0.0]]
    assert {name.feature: count for name, count in step.filled.items()} == {"x0": 1, "x1": 1}
    assert "x2" in step.notes[0]


def test_columns_without_any_value_are_dropped_whatever_the_limit() -> None:
    train = train_on(np.array([[np.nan, 1.0], [np.nan, 2.0]]))
    assert kept(fit({"impute": {"drop_missing_over": 1.0}}, train)) == ["x1"]


def test_variance_drops_constants_and_columns_with_one_value_nearly_alone() -> None:
    count = 100
    rare, common = np.zeros(count), np.zeros(count)
    rare[:4], common[:6] = 1, 1
    noise = np.random.default_rng(0).normal(size=count)
    constant = np.full(count, 0.1) + np.tile([0, 1e-17], count // 2)
    step = fit("variance", train_on(np.column_stack([constant, rare, common, noise])))
    assert kept(step) == ["x2", "x3"]


def test_variance_counts_present_values_only() -> None:
    gaps = np.full((100, 2), np.nan)
    gaps[:10, 0] = np.arange(10)
    gaps[:10, 1] = 3.0
    assert kept(fit("variance", train_on(gaps))) == ["x0"]


def test_z_scores_use_the_training_mean_and_the_population_deviation() -> None:
    train = train_on(np.array([[1.0, 5.0], [3.0, 5.0], [np.nan, 5.0]]))
    out = fit("zscore", train).apply(table_of(np.array([[4.0, 6.0]])))
    assert out.values.tolist() == [[2.0, 1.0]]


def test_a_z_score_without_values_is_refused() -> None:
    with pytest.raises(TableError, match="x1"):
        fit("zscore", train_on(np.array([[1.0, np.nan], [2.0, np.nan]])))


@pytest.mark.parametrize("test", ["welch", "mann-whitney"])
def test_group_tests_agree_with_scipy_column_by_column(test: str) -> None:
    rng = np.random.default_rng(1)
    values = np.round(rng.normal(size=(40, 30)), 1)
    event = rng.random(40) < 0.4
    found = p_values(values, Binary(event), test)  # type: ignore[arg-type]
    for at in range(30):
        yes, no = values[event, at], values[~event, at]
        oracle = (
            stats.ttest_ind(yes, no, equal_var=False)
            if test == "welch"
            else stats.mannwhitneyu(yes, no, method="asymptotic")
        )
        np.testing.assert_allclose(found[at], oracle.pvalue, rtol=1e-12)


def test_the_logistic_score_test_of_a_group_is_pearsons_chi_squared() -> None:
    rng = np.random.default_rng(2)
    event, group = rng.random(60) < 0.5, rng.random(60) < 0.3
    table = [
        [(event & group).sum(), (event & ~group).sum()],
        [(~event & group).sum(), (~event & ~group).sum()],
    ]
    oracle = stats.chi2_contingency(table, correction=False).pvalue
    found = p_values(group[:, None].astype(float), Binary(event))
    np.testing.assert_allclose(found, oracle, rtol=1e-12)


def test_the_cox_score_test_of_a_group_is_the_log_rank_test() -> None:
    rng = np.random.default_rng(3)
    time, event, group = rng.exponential(size=60), rng.random(60) < 0.6, rng.random(60) < 0.4
    oracle = logrank_test(time[group], time[~group], event[group], event[~group]).p_value
    found = p_values(group[:, None].astype(float), Survival(time, event))
    np.testing.assert_allclose(found, oracle, rtol=1e-10)


def test_the_cox_score_is_positive_where_higher_is_worse() -> None:
    time = np.array([5.0, 4.0, 3.0, 2.0, 1.0])
    z = cox_score_z(np.arange(5.0)[:, None], time, np.ones(5, dtype=bool))
    assert z[0] > 0


def test_best_keeps_that_many_and_breaks_ties_by_name() -> None:
    rng = np.random.default_rng(4)
    one = rng.normal(size=50)
    noise = rng.normal(size=50)
    event = one + rng.normal(size=50) > 0
    train = train_on(np.column_stack([noise, one, one]), Binary(event), ("n", "b", "a"))
    assert kept(fit({"univariate": {"best": 1}}, train)) == ["a"]
    assert kept(fit({"univariate": {"best": 2}}, train)) == ["b", "a"]


def test_nothing_below_the_limit_keeps_nothing() -> None:
    train = train_on(np.random.default_rng(5).normal(size=(30, 4)))
    step = fit({"univariate": {"p_below": 1e-9}}, train)
    assert kept(step) == []
    assert step.apply(table_of(np.zeros((2, 4)))).values.shape == (2, 0)


def test_about_one_in_twenty_noise_columns_passes() -> None:
    rng = np.random.default_rng(6)
    values, outcome = rng.normal(size=(100, 4000)), Binary(rng.random(100) < 0.5)
    share = (p_values(values, outcome) < 0.05).mean()
    assert 0.04 < share < 0.06


def test_two_rules_at_once_and_wrong_tests_are_refused() -> None:
    with pytest.raises(StudyError):
        STEPS.parse({"univariate": {"best": 3, "p_below": 0.1}})
    train = train_on(np.eye(4), Survival(np.arange(4.0), np.ones(4, dtype=bool)))
    with pytest.raises(StudyError, match="two groups"):
        fit({"univariate": {"test": "welch"}}, train)
    with pytest.raises(NotEstimableError):
        fit("univariate", train_on(np.eye(4), Binary(np.ones(4, dtype=bool))))


def test_correlation_keeps_the_column_nearer_to_the_outcome() -> None:
    rng = np.random.default_rng(7)
    truth = rng.normal(size=200)
    event = truth > 0
    values = np.column_stack([truth + 0.3 * rng.normal(size=200), truth, rng.normal(size=200)])
    train = train_on(values, Binary(event))
    assert kept(fit({"correlation": {"limit": 0.8}}, train)) == ["x1", "x2"]
    assert kept(fit({"correlation": {"limit": 0.8, "prefer": "name"}}, train)) == ["x0", "x2"]


@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_no_two_columns_that_stay_are_correlated_above_the_limit(method: str) -> None:
    rng = np.random.default_rng(8)
    values = rng.normal(size=(40, 5)) @ rng.normal(size=(5, 700)) + rng.normal(size=(40, 700))
    step = fit({"correlation": {"limit": 0.6, "method": method}}, train_on(values))
    stay = step.apply(table_of(values)).values
    data = stats.rankdata(stay, axis=0) if method == "spearman" else stay
    r = np.asarray(np.corrcoef(data, rowvar=False)) - np.eye(stay.shape[1])
    assert 1 < stay.shape[1] < 700
    assert np.abs(r).max() <= 0.6 + 1e-9


def test_every_column_dropped_is_correlated_with_one_that_stays() -> None:
    rng = np.random.default_rng(9)
    values = rng.normal(size=(40, 4)) @ rng.normal(size=(4, 600)) + rng.normal(size=(40, 600))
    train = train_on(values)
    step = fit({"correlation": {"limit": 0.6}}, train)
    stays = np.array([name in set(step.outputs) for name in train.table.columns])
    r = np.abs(np.corrcoef(values, rowvar=False))
    assert (r[~stays][:, stays].max(axis=1) > 0.6).all()


def test_column_order_does_not_matter_to_correlation() -> None:
    rng = np.random.default_rng(10)
    values = rng.normal(size=(40, 4)) @ rng.normal(size=(4, 60)) + rng.normal(size=(40, 60))
    train = train_on(values)
    order = rng.permutation(60)
    turned = Train(train.with_table(train.table.select([train.table.columns[at] for at in order])))
    params: Any = STEPS.parse("correlation")
    one, two = (correlation(t, params, rng).outputs for t in (train, turned))
    assert set(one) == set(two)


def test_lasso_finds_the_planted_columns() -> None:
    rng = np.random.default_rng(11)
    values = rng.normal(size=(150, 200))
    event = values[:, 3] - values[:, 7] + 0.5 * rng.normal(size=150) > 0
    train = train_on(values, Binary(event))
    assert {"x3", "x7"} <= set(kept(fit({"lasso": {"choose": "1se"}}, train)))
    assert len(kept(fit({"lasso": {"choose": "1se"}}, train))) < 20
    time = rng.exponential(np.exp(-values[:, 3]))
    train = train_on(values, Survival(time, np.ones(150, dtype=bool)))
    assert kept(fit({"lasso": {"choose": "1se"}}, train))[0] == "x3"
