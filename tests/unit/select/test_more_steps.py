# SPDX-License-Identifier: Apache-2.0
"""The further steps against pingouin, scikit-learn and planted truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pingouin
import pytest
from scipy import stats
from sklearn.feature_selection import RFE
from sklearn.linear_model import LogisticRegression

from hepacast.core.errors import NotEstimableError, StudyError, TableError
from hepacast.core.folds import Cohort, Fold, Train
from hepacast.core.outcome import Binary, Outcome, Survival
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.select import STEPS
from hepacast.select.chained import FillFromOthers
from hepacast.select.combat import Harmonise
from hepacast.select.dichotomise import Cut
from hepacast.select.mrmr import f_statistic
from hepacast.select.reliability import ReliabilityParams, icc, reliable

if TYPE_CHECKING:
    from jaxtyping import Float

    from hepacast.select import FittedStep


def table_of(
    values: Float[np.ndarray, "case feature"], prefix: str = "c", names: list[str] | None = None
) -> FeatureTable:
    cases = tuple(f"{prefix}{at:04d}" for at in range(len(values)))
    heads = names or [f"x{at}" for at in range(np.shape(values)[1])]
    columns = tuple(map(FeatureName.clinical, heads))
    return FeatureTable(np.array(values, dtype=float), cases, columns)


def train_on(
    values: Float[np.ndarray, "case feature"],
    outcome: Outcome | None = None,
    names: list[str] | None = None,
) -> Train:
    table = table_of(values, names=names)
    cohort = Cohort(table, outcome or Binary(np.arange(len(values)) % 2 == 0))
    return Fold(frozenset(table.cases), frozenset()).train(cohort)


def fit(block: object, train: Train, seed: int = 0) -> FittedStep:
    params = STEPS.parse(block)
    return STEPS[params](train, params, np.random.default_rng(seed))


def kept(step: FittedStep) -> list[str]:
    return [name.feature for name in step.outputs]


@pytest.fixture
def readings() -> Float[np.ndarray, "case reading feature"]:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(25, 1, 6)) * np.array([0.3, 0.6, 1, 2, 5, 20])
    cube: Float[np.ndarray, "case reading feature"] = truth + rng.normal(size=(25, 3, 6))
    shifted: Float[np.ndarray, "case reading feature"] = cube + np.array([0, 0.3, -0.2])[:, None]
    return shifted


@pytest.mark.parametrize(("form", "row"), [("agreement", 1), ("consistency", 2)])
def test_icc_and_its_limits_agree_with_pingouin(
    readings: Float[np.ndarray, "case reading feature"], form: str, row: int
) -> None:
    found = icc(readings, form)  # type: ignore[arg-type]
    for at in range(readings.shape[2]):
        frame = pd.DataFrame(
            {
                "case": np.repeat(np.arange(25), 3),
                "reader": np.tile(np.arange(3), 25),
                "value": readings[:, :, at].ravel(),
            }
        )
        oracle = pingouin.intraclass_corr(frame, "case", "reader", "value").iloc[row]
        interval = oracle[next(name for name in oracle.index if name.startswith("CI95"))]
        np.testing.assert_allclose(found.estimate[at], oracle["ICC"], rtol=1e-9)
        np.testing.assert_allclose([found.low[at], found.high[at]], interval, atol=0.0051)


def test_only_training_cases_decide_which_columns_are_reliable(
    readings: Float[np.ndarray, "case reading feature"],
) -> None:
    train = train_on(readings[:20, 0])
    second = table_of(readings[:, 1])
    spoiled = second.values.copy()
    spoiled[20:] += 1000.0
    params = ReliabilityParams(icc_min=0.8)
    one = reliable(train, [second], params)
    two = reliable(train, [second.with_values(spoiled)], params)
    assert one.outputs == two.outputs
    assert one.notes == ("20 training cases, 2 readings",)
    assert 0 < len(one.outputs) < 6
    loose = reliable(train, [second], ReliabilityParams(icc_min=0.8, bound="estimate"))
    assert set(one.outputs) <= set(loose.outputs)


def test_reliability_drops_gaps_and_flat_columns_and_needs_three_cases() -> None:
    rng = np.random.default_rng(1)
    first = np.column_stack([rng.normal(size=10), np.full(10, 0.1), rng.normal(size=10)])
    second = first.copy()
    second[3, 2] = np.nan
    train = train_on(first)
    assert [
        n.feature for n in reliable(train, [table_of(second)], ReliabilityParams()).outputs
    ] == ["x0"]
    with pytest.raises(NotEstimableError, match="three"):
        reliable(train, [table_of(second[:2])], ReliabilityParams())


def test_f_statistics_agree_with_scipy() -> None:
    rng = np.random.default_rng(2)
    values, event = rng.normal(size=(40, 9)), rng.random(40) < 0.4
    oracle = stats.f_oneway(values[event], values[~event]).statistic
    np.testing.assert_allclose(f_statistic(values, event), oracle, rtol=1e-10)


def levels(column: Float[np.ndarray, " case"]) -> list[int]:
    """Give the three levels of a column, for counting by hand."""
    z = (column - column.mean()) / column.std()
    return [0 if one < -1 else 2 if one > 1 else 1 for one in z]


def information(a: list[int], b: list[int]) -> float:
    """Count the mutual information of two lists."""
    total, count = 0.0, len(a)
    for pair in set(zip(a, b, strict=True)):
        both = sum(one == pair for one in zip(a, b, strict=True)) / count
        total += both * np.log(both / (a.count(pair[0]) * b.count(pair[1]) / count**2))
    return float(total)


@pytest.mark.parametrize("scheme", ["FCQ", "MID", "MIQ"])
def test_mrmr_is_the_greedy_search_written_out(scheme: str) -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(size=(60, 4)) @ rng.normal(size=(4, 15)) + rng.normal(size=(60, 15))
    event = values[:, 0] + rng.normal(size=60) > 0

    def relevance(at: int) -> float:
        if scheme == "FCQ":
            return float(stats.f_oneway(values[event, at], values[~event, at]).statistic)
        return information(levels(values[:, at]), event.astype(int).tolist())

    def redundancy(at: int, other: int) -> float:
        if scheme == "FCQ":
            return float(abs(np.corrcoef(values[:, at], values[:, other])[0, 1]))
        return information(levels(values[:, at]), levels(values[:, other]))

    picked = [max(range(15), key=relevance)]
    while len(picked) < 5:
        merit = {}
        for at in set(range(15)) - set(picked):
            mean = np.mean([redundancy(at, other) for other in picked])
            merit[at] = relevance(at) - mean if scheme == "MID" else relevance(at) / mean
        picked.append(max(merit, key=lambda at: merit[at]))
    step = fit({"mrmr": {"scheme": scheme, "count": 5}}, train_on(values, Binary(event)))
    assert set(kept(step)) == {f"x{at}" for at in picked}


def test_mrmr_takes_a_time_to_event_and_skips_the_copy() -> None:
    rng = np.random.default_rng(4)
    one, two, noise = rng.normal(size=(3, 150))
    time = rng.exponential(np.exp(-one - 0.7 * two))
    values = np.column_stack([one, one + 0.01 * rng.normal(size=150), two, noise])
    train = train_on(values, Survival(time, np.ones(150, dtype=bool)))
    names = kept(fit({"mrmr": {"count": 2}}, train))
    assert len({"x0", "x1"} & set(names)) == 1
    assert "x2" in names
    with pytest.raises(StudyError, match="mutual information"):
        fit({"mrmr": {"scheme": "MIQ"}}, train)


def test_ridge_elimination_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(5)
    values = rng.normal(size=(100, 12))
    event = values[:, 1] - values[:, 4] + 0.5 * values[:, 7] + rng.normal(size=100) > 0
    z = (values - values.mean(0)) / values.std(0)
    estimator = LogisticRegression(C=1 / (100 * 0.1), tol=1e-10, max_iter=10_000)
    oracle = RFE(estimator, n_features_to_select=4, step=1).fit(z, event)
    step = fit({"rfe": {"keep": 4, "drop": 0.01}}, train_on(values, Binary(event)))
    assert kept(step) == [f"x{at}" for at in np.flatnonzero(oracle.support_)]


@pytest.mark.parametrize("estimator", ["ridge", "tree", "forest", "svm"])
def test_elimination_keeps_planted_columns(estimator: str) -> None:
    rng = np.random.default_rng(6)
    values = rng.normal(size=(150, 30))
    event = 3 * values[:, 2] - 3 * values[:, 9] + rng.normal(size=150) > 0
    step = fit(
        {"rfe": {"estimator": estimator, "keep": 5, "drop": 0.5, "trees": 50}},
        train_on(values, Binary(event)),
    )
    assert {"x2", "x9"} <= set(kept(step))
    assert len(kept(step)) == 5


@pytest.mark.parametrize("kind", ["stability", "boruta"])
def test_stable_choices_find_signal_and_little_else(kind: str) -> None:
    rng = np.random.default_rng(8)
    values = rng.normal(size=(120, 40))
    event = 2 * values[:, 5] - 2 * values[:, 6] + rng.normal(size=120) > 0
    names = kept(fit(kind, train_on(values, Binary(event))))
    assert {"x5", "x6"} <= set(names)
    assert len(names) <= 4
    time = rng.exponential(np.exp(-1.5 * values[:, 5]))
    survival = Survival(time, rng.random(120) < 0.8)
    names = kept(fit(kind, train_on(values, survival)))
    assert "x5" in names
    assert len(names) <= 4


def test_stability_on_noise_keeps_at_most_the_bound() -> None:
    rng = np.random.default_rng(9)
    step = fit("stability", train_on(rng.normal(size=(80, 400)), Binary(rng.random(80) < 0.5)))
    assert len(kept(step)) <= 3
    assert "expected" in step.notes[0]


def test_robust_scaling_uses_median_and_quartiles() -> None:
    train = train_on(np.array([[1.0, 7], [2, 7], [3, 7], [4, 7], [1000, 9]]))
    out = fit("robust", train).apply(table_of(np.array([[5.0, 8.0]]), "new"))
    assert out.values.tolist() == [[1.0, 1.0]]


def test_quantiles_are_midranks_and_new_values_fall_between() -> None:
    train = train_on(np.array([[1.0], [2.0], [2.0], [4.0]]))
    out = fit({"quantile": {"to": "uniform"}}, train).apply(
        table_of(np.array([[0.0], [1.0], [2.0], [3.0], [9.0], [np.nan]]), "new")
    )
    np.testing.assert_allclose(out.values[:5, 0], [0.125, 0.125, 0.5, 0.6875, 0.875])
    assert np.isnan(out.values[5, 0])
    normal = fit("quantile", train).apply(table_of(np.array([[2.0]]), "new"))
    np.testing.assert_allclose(normal.values, 0.0, atol=1e-12)


def with_site(
    values: Float[np.ndarray, "case feature"], site: np.ndarray
) -> tuple[np.ndarray, list[str]]:
    names = [*(f"x{at}" for at in range(values.shape[1])), "site"]
    return np.column_stack([values, site]), names


def test_combat_takes_shift_and_scale_of_centres_out() -> None:
    rng = np.random.default_rng(10)
    site = np.repeat([0, 1], 100)
    clean = rng.normal(size=(200, 30)) * np.geomspace(0.1, 10, 30)
    spoiled = np.where(site[:, None] == 1, 3 * clean + 5 * np.geomspace(0.1, 10, 30), clean)
    values, names = with_site(spoiled, site)
    train = train_on(values, names=names)
    step = fit("combat", train)
    assert isinstance(step, Harmonise)
    assert "site" not in kept(step)
    out = step.apparent(train).table.values
    gap = (out[site == 1].mean(0) - out[site == 0].mean(0)) / out.std(0)
    assert np.abs(gap).max() < 0.3
    assert np.abs(spoiled[site == 1].mean(0) - spoiled[site == 0].mean(0)).min() > 0.3
    ratio = out[site == 1].std(0) / out[site == 0].std(0)
    assert ratio.min() > 0.85
    assert ratio.max() < 1.15


def test_combat_shrinks_a_centre_effect_that_one_column_alone_seems_to_have() -> None:
    rng = np.random.default_rng(11)
    site = np.tile([0, 1], 10)
    values = rng.normal(size=(20, 200))
    step = fit("combat", train_on(*with_site(values, site)[:1], names=with_site(values, site)[1]))
    assert isinstance(step, Harmonise)
    raw = (values[site == 1].mean(0) - values.mean(0)) / values.std(0)
    assert step.shifts[1.0].location.std() < 0.5 * raw.std()


def test_combat_refuses_unseen_and_tiny_batches() -> None:
    rng = np.random.default_rng(12)
    values, names = with_site(rng.normal(size=(10, 3)), np.tile([0, 1], 5))
    step = fit("combat", train_on(values, names=names))
    stranger = table_of(np.array([[0.0, 0.0, 0.0, 2.0]]), "new", names)
    with pytest.raises(TableError, match="batch 2") as caught:
        step.apply(stranger)
    assert caught.value.where["case"] == "new0000"
    values[:, -1] = [0] * 9 + [1]
    with pytest.raises(NotEstimableError, match="two training cases"):
        fit("combat", train_on(values, names=names))


def test_chained_imputation_uses_the_other_columns() -> None:
    rng = np.random.default_rng(13)
    one = rng.normal(size=300)
    values = np.column_stack(
        [one, 10 * one + 100 + 0.5 * rng.normal(size=300), rng.normal(size=300)]
    )
    truth = values.copy()
    gaps = rng.random(300) < 0.15
    values[gaps, 1] = np.nan
    train = train_on(values)
    step = fit({"chained": {"ridge": 1e-3}}, train)
    assert isinstance(step, FillFromOthers)
    filled = step.apparent(train).table.values
    assert np.abs(filled[gaps, 1] - truth[gaps, 1]).mean() < 1.0
    np.testing.assert_array_equal(filled[~gaps], values[~gaps])
    new = step.apply(table_of(np.array([[0.5, np.nan, 0.0], [np.nan] * 3]), "new")).values
    np.testing.assert_allclose(new[0, 1], 105.0, atol=1.0)
    np.testing.assert_allclose(new[1], np.nanmean(values, axis=0), rtol=0.05, atol=0.1)


def test_chained_imputation_stays_inside_the_training_range() -> None:
    one = np.linspace(0, 1, 50)
    train = train_on(np.column_stack([one, one]))
    step = fit({"chained": {"ridge": 1e-6}}, train)
    assert step.apply(table_of(np.array([[50.0, np.nan]]), "new")).values[0, 1] == 1.0


def test_cuts_are_youden_points_in_either_direction() -> None:
    event = np.array([0, 0, 0, 1, 1, 1], dtype=bool)
    values = np.column_stack([[1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1], [0, 1, 0, 1, 0, 1]])
    step = fit("dichotomise", train_on(values, Binary(event)))
    assert isinstance(step, Cut)
    np.testing.assert_array_equal(step.cuts, [3.5, 3.5, np.nan])
    out = step.apply(table_of(np.array([[3.4, 3.6, 0.0]]), "new"))
    assert out.values.tolist() == [[0.0, 1.0, 0.0]]
    survival = Survival(np.arange(6.0), event)
    with pytest.raises(StudyError, match="binary"):
        fit("dichotomise", train_on(values, survival))


def test_columns_are_kept_by_their_tokens() -> None:
    names = [
        "portal/tumour/original/shape/MeshVolume",
        "portal/ring/original/shape/MeshVolume",
        "portal/tumour/original/glcm/Contrast",
        "-/-/-/clinical/AFP",
    ]
    table = FeatureTable(np.ones((4, 4)), tuple("abcd"), tuple(map(FeatureName.parse, names)))
    cohort = Cohort(table, Binary(np.arange(4) % 2 == 0))
    train = Fold(frozenset("abcd"), frozenset()).train(cohort)
    both = fit({"columns": {"only": "volume"}}, train).outputs
    assert [name.region for name in both] == ["tumour", "ring"]
    one = fit({"columns": {"only": "volume", "region": ["tumour"]}}, train).outputs
    assert [str(name) for name in one] == names[:1]
    assert [str(n) for n in fit({"columns": {"only": "clinical"}}, train).outputs] == names[3:]


def test_a_filter_by_concordance_takes_both_directions() -> None:
    rng = np.random.default_rng(14)
    values = rng.normal(size=(200, 3))
    time = rng.exponential(np.exp(-values[:, 0] + values[:, 1]))
    train = train_on(values, Survival(time, np.ones(200, dtype=bool)))
    assert kept(fit({"univariate": {"c_above": 0.58}}, train)) == ["x0", "x1"]


@pytest.mark.parametrize("test", ["score", "wald", "likelihood-ratio"])
def test_regression_tests_agree_in_large_samples(test: str) -> None:
    rng = np.random.default_rng(15)
    values = rng.normal(size=(3000, 4))
    event = 0.1 * values[:, 0] + rng.logistic(size=3000) > 0
    block = {"univariate": {"test": test, "p_below": 1.0}}
    for outcome in (Binary(event), Survival(rng.exponential(np.exp(-0.1 * values[:, 0])), event)):
        found = fit(block, train_on(values, outcome))
        base = fit({"univariate": {"p_below": 1.0}}, train_on(values, outcome))
        assert found.evidence is not None  # type: ignore[attr-defined]
        np.testing.assert_allclose(found.evidence, base.evidence, rtol=0.05, atol=2e-3)  # type: ignore[attr-defined]
