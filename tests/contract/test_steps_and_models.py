# SPDX-License-Identifier: Apache-2.0
"""What every registered step and model promises."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hepacast.core.errors import HepacastError, LeakError, NotEstimableError, StudyError, TableError
from hepacast.core.folds import Cohort, Fold, Train
from hepacast.core.outcome import Binary, CompetingRisks, Outcome, Survival
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.models import MODELS, FittedModel, WeightedSum
from hepacast.select import STEPS
from hepacast.select.step import KeepColumns

if TYPE_CHECKING:
    from hepacast.core.folds import Fitted
    from hepacast.core.params import Params
    from hepacast.core.registry import Registry

CASES, PATIENTS, FEATURES = 90, 75, 12
OUTCOMES = ("binary", "survival", "competing")
KEEPS_GAPS = {"impute", "chained", "variance", "zscore", "robust", "quantile", "columns", "imputed"}
"""Steps that accept missing values; all others raise a TableError."""
DRAWS_COLUMNS = {"boruta", "forest", "mlp", "lightgbm", "xgboost"}
"""Parts with random numbers of their own, drawn for columns in the order given."""
SETTINGS: dict[str, dict[str, object]] = {
    "rfe": {"keep": 4},
    "mrmr": {"count": 4},
    "boruta": {"rounds": 8, "trees": 20},
    "stability": {"pairs": 8, "columns_per_half": 3},
    "svm": {"folds": 3, "cost": (1.0,)},
    "knn": {"folds": 3, "neighbours": (5, 11)},
    "forest": {"folds": 3, "trees": 12, "min_leaf": (5,)},
    "mlp": {"folds": 3, "hidden": 4, "decay": (1.0,), "steps": 40},
    "lightgbm": {"folds": 3, "trees": 20, "leaves": (4,)},
    "imputed": {"imputations": 2, "rounds": 2},
    "xgboost": {"folds": 3, "trees": 20, "depth": (2,)},
}
"""Where the defaults would keep everything here, or take long."""


def draw(kind: str, *, seed: int = 3) -> Cohort:
    """Draw cases of which some share a patient; column 0 carries the effect, the last are 0/1."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(CASES, FEATURES)) * np.geomspace(0.1, 50, FEATURES) + 2.0
    values[:, -2:] = values[:, -2:] > 2.0
    cases = tuple(f"c{at:03d}" for at in range(CASES))
    patients = tuple(f"p{at % PATIENTS:03d}" for at in range(CASES))
    values[:, -1] = np.arange(CASES) % 2
    names = [*(f"x{at}" for at in range(FEATURES - 1)), "site"]
    columns = tuple(map(FeatureName.clinical, names))
    risk = 1.5 * (values[:, 0] - 2.0) / 0.1
    outcome: Outcome
    if kind == "binary":
        outcome = Binary(risk + rng.logistic(size=CASES) > 0)
    else:
        time = np.ceil(400 * rng.exponential(np.exp(-0.5 * risk)))
        cause = rng.choice([0, 1, 2], size=CASES, p=[0.3, 0.5, 0.2])
        outcome = Survival(time, cause == 1) if kind == "survival" else CompetingRisks(time, cause)
    sites = tuple("AB"[at % 2] for at in range(CASES))
    return Cohort(FeatureTable(values, cases, columns, patients), outcome, sites)


def fold_of(cohort: Cohort) -> Fold:
    names = sorted(set(cohort.table.patients))
    return Fold(frozenset(names[:50]), frozenset(names[50:]))


def shuffled(cohort: Cohort) -> Cohort:
    order = np.random.default_rng(8).permutation(len(cohort))
    return Cohort(
        cohort.table.rows(cohort.table.cases[at] for at in order),
        cohort.outcome.take(order),
        tuple(cohort.sites[at] for at in order),
    )


def fit(registry: Registry[Any], params: Params, train: Train, seed: int = 1) -> Fitted:
    fitted: Fitted = registry[params](train, params, np.random.default_rng(seed))
    return fitted


def parts() -> list[Any]:
    """List every registered part with the outcomes that it takes."""
    found = [
        pytest.param(
            STEPS, STEPS.parse({kind: SETTINGS.get(kind, {})}), outcome, id=f"step-{kind}-{outcome}"
        )
        for kind in sorted(STEPS)
        for outcome in OUTCOMES
        if _takes(STEPS.settings(kind), outcome)
    ]
    return found + [
        pytest.param(
            MODELS,
            MODELS.parse({kind: SETTINGS.get(kind, {})}),
            outcome,
            id=f"model-{kind}-{outcome}",
        )
        for kind in sorted(MODELS)
        for outcome in OUTCOMES
        if _takes(MODELS.settings(kind), outcome)
    ]


def _takes(settings: type[Params], outcome: str) -> bool:
    kinds = {"binary": Binary, "survival": Survival, "competing": CompetingRisks}
    return kinds[outcome] in getattr(settings, "outcomes", set(kinds.values()))


every = pytest.mark.parametrize(("registry", "params", "outcome"), parts())
models = pytest.mark.parametrize(
    ("params", "outcome"),
    [pytest.param(*p.values[1:], id=p.id) for p in parts() if p.values[0] is MODELS],
)


@every
def test_it_remembers_its_patients_and_refuses_them(
    registry: Registry[Any], params: Params, outcome: str
) -> None:
    cohort = draw(outcome)
    fold = fold_of(cohort)
    fitted = fit(registry, params, fold.train(cohort))
    assert fitted.seen == fold.learn
    assert len(fitted.apply(fold.test(cohort))) == len(fold.test(cohort))
    with pytest.raises(LeakError):
        fitted.apply(cohort.table)
    if isinstance(fitted, FittedModel):
        with pytest.raises(LeakError):
            fitted.probability(cohort.table, None if outcome == "binary" else 100.0)


@every
def test_row_order_changes_nothing(registry: Registry[Any], params: Params, outcome: str) -> None:
    cohort = draw(outcome)
    fold = fold_of(cohort)
    one = fit(registry, params, fold.train(cohort)).apply(fold.test(cohort))
    two = fit(registry, params, fold.train(shuffled(cohort))).apply(fold.test(shuffled(cohort)))
    assert one.columns == two.columns
    np.testing.assert_allclose(two.rows(one.cases).values, one.values, rtol=1e-12, atol=1e-12)


@every
def test_the_same_seed_gives_the_same_numbers(
    registry: Registry[Any], params: Params, outcome: str
) -> None:
    cohort = draw(outcome)
    fold = fold_of(cohort)
    one, two = (
        fit(registry, params, fold.train(cohort)).apply(fold.test(cohort)) for _ in range(2)
    )
    assert one.columns == two.columns
    np.testing.assert_array_equal(one.values, two.values)


@every
def test_a_copy_of_the_settings_and_a_copy_of_the_fit_do_the_same(
    registry: Registry[Any], params: Params, outcome: str
) -> None:
    cohort = draw(outcome)
    fold = fold_of(cohort)
    before = params.model_dump_json()
    one = fit(registry, params, fold.train(cohort))
    assert params.model_dump_json() == before
    twin = registry.parse(params.model_dump())
    assert twin == params
    two = fit(registry, twin, fold.train(cohort))
    travelled: Fitted = pickle.loads(pickle.dumps(one))  # noqa: S301 - made one line above
    assert travelled.seen == one.seen
    expected = one.apply(fold.test(cohort))
    for other in (two, travelled, one):  # scoring leaves no trace in what scores
        np.testing.assert_array_equal(other.apply(fold.test(cohort)).values, expected.values)


@every
def test_the_order_of_columns_changes_nothing(
    registry: Registry[Any], params: Params, outcome: str
) -> None:
    if params.model_dump()["kind"] in DRAWS_COLUMNS:
        pytest.skip("draws columns by their place")
    cohort = draw(outcome)
    fold = fold_of(cohort)
    turned = cohort.with_table(cohort.table.select(cohort.table.columns[::-1]))
    one, two = (fit(registry, params, fold.train(c)).apply(fold.test(c)) for c in (cohort, turned))
    assert set(one.columns) == set(two.columns)
    np.testing.assert_allclose(two.select(one.columns).values, one.values, rtol=1e-4, atol=1e-5)


@every
def test_choosing_or_filling_twice_is_choosing_or_filling_once(
    registry: Registry[Any], params: Params, outcome: str
) -> None:
    cohort = draw(outcome)
    fold = fold_of(cohort)
    fitted = fit(registry, params, fold.train(cohort))
    once = fitted.apply(fold.test(cohort))
    fills = params.model_dump()["kind"] in {"impute", "chained"}
    if isinstance(fitted, KeepColumns) or fills:
        np.testing.assert_array_equal(fitted.apply(once).values, once.values)


@every
def test_the_input_stays_as_it_was(registry: Registry[Any], params: Params, outcome: str) -> None:
    cohort = draw(outcome)
    fold = fold_of(cohort)
    train, test = fold.train(cohort), fold.test(cohort)
    before = train.table.values.copy(), test.values.copy()
    fit(registry, params, train).apply(test)
    np.testing.assert_array_equal(train.table.values, before[0])
    np.testing.assert_array_equal(test.values, before[1])


@every
def test_the_outcome_of_the_test_cases_cannot_matter(
    registry: Registry[Any], params: Params, outcome: str
) -> None:
    cohort = draw(outcome)
    fold = fold_of(cohort)
    left_out = np.flatnonzero([one in fold.score for one in cohort.table.patients])
    order = np.arange(len(cohort))
    order[left_out] = np.random.default_rng(4).permutation(left_out)
    other = cohort.with_outcome(cohort.outcome.take(order))
    one, two = (fit(registry, params, fold.train(c)).apply(fold.test(c)) for c in (cohort, other))
    assert one.columns == two.columns
    np.testing.assert_array_equal(one.values, two.values)


@every
def test_extra_columns_are_ignored_and_missing_ones_refused(
    registry: Registry[Any], params: Params, outcome: str
) -> None:
    cohort = draw(outcome)
    fold = fold_of(cohort)
    fitted = fit(registry, params, fold.train(cohort))
    test = fold.test(cohort)
    more = FeatureTable(np.ones((len(test), 1)), test.cases, (FeatureName.clinical("new"),))
    backwards = test.beside(more).select([*test.columns[::-1], *more.columns])
    np.testing.assert_array_equal(fitted.apply(backwards).values, fitted.apply(test).values)
    none = test.select([])
    needed = fitted.uses if isinstance(fitted, FittedModel) else fitted.apply(test).columns
    if needed:
        with pytest.raises(TableError, match="must be in the table"):
            fitted.apply(none)


@every
def test_missing_training_values_are_handled_or_refused_by_name(
    registry: Registry[Any], params: Params, outcome: str
) -> None:
    cohort = draw(outcome)
    values = cohort.table.values.copy()
    values[4, 2] = np.nan
    gappy = cohort.with_table(cohort.table.with_values(values))
    train = fold_of(gappy).train(gappy)
    kind = params.model_dump()["kind"]
    if kind in KEEPS_GAPS or kind == "average":
        fit(registry, params, train)
        return
    with pytest.raises(TableError, match="x2") as caught:
        fit(registry, params, train)
    assert caught.value.where["case"] == "c004"


@every
def test_no_columns_and_no_information_end_in_a_result_or_a_typed_error(
    registry: Registry[Any], params: Params, outcome: str
) -> None:
    cohort = draw(outcome)
    bare = cohort.with_table(cohort.table.select([]))
    fold = fold_of(bare)
    if params.model_dump()["kind"] == "combat":
        with pytest.raises(TableError, match="site"):
            fit(registry, params, fold.train(bare))
        return
    fitted = fit(registry, params, fold.train(bare))
    out = fitted.apply(fold.test(bare))
    if isinstance(fitted, FittedModel):
        np.testing.assert_array_equal(out.values, 0.0)
    else:
        assert out.columns == ()


@every
def test_a_constant_column_is_harmless(
    registry: Registry[Any], params: Params, outcome: str
) -> None:
    cohort = draw(outcome)
    values = cohort.table.values.copy()
    values[:, 5] = 0.1
    flat = cohort.with_table(cohort.table.with_values(values))
    fold = fold_of(flat)
    out = fit(registry, params, fold.train(flat)).apply(fold.test(flat))
    assert np.isfinite(out.values).all()


@models
def test_scores_are_one_column_centred_for_weighted_sums(params: Params, outcome: str) -> None:
    cohort = draw(outcome)
    fold = fold_of(cohort)
    train = fold.train(cohort)
    fitted = fit(MODELS, params, train)
    out = fitted.apply(fold.test(cohort))
    assert out.columns == (FeatureName.score("risk"),)
    apparent = fitted.apparent(train).table.values[:, 0]
    if not isinstance(fitted, WeightedSum):
        return
    assert abs(apparent.mean()) < 1e-9 * (1 + np.abs(apparent).max())


@models
def test_probabilities_follow_the_risk(params: Params, outcome: str) -> None:
    cohort = draw(outcome)
    fold = fold_of(cohort)
    fitted = fit(MODELS, params, fold.train(cohort))
    assert isinstance(fitted, FittedModel)
    test = fold.test(cohort)
    risk = fitted.apply(test).values[:, 0]
    days = None if outcome == "binary" else 300.0
    chance = fitted.probability(test, days)
    assert ((chance >= 0) & (chance <= 1)).all()
    assert (np.diff(chance[np.argsort(risk)]) >= -1e-12).all()
    if outcome != "binary":
        assert (fitted.probability(test, 600.0) >= chance).all()
        with pytest.raises(NotEstimableError):
            fitted.probability(test, 1e9)


@models
def test_an_outcome_it_cannot_take_is_refused(params: Params, outcome: str) -> None:
    for kind in OUTCOMES:
        cohort = draw(kind)
        if type(cohort.outcome) not in type(params).outcomes:  # type: ignore[attr-defined]
            with pytest.raises(StudyError):
                fit(MODELS, params, fold_of(cohort).train(cohort))


@models
def test_no_events_are_refused(params: Params, outcome: str) -> None:
    cohort = draw(outcome)
    nothing = np.zeros(CASES, dtype=bool)
    without: Outcome
    if isinstance(cohort.outcome, Binary):
        without = Binary(nothing)
    elif isinstance(cohort.outcome, Survival):
        without = replace(cohort.outcome, event=nothing)
    else:
        without = replace(cohort.outcome, cause=np.zeros(CASES, dtype=np.int64))
    train = fold_of(cohort).train(cohort.with_outcome(without))
    if params.model_dump()["kind"] == "average" and outcome != "binary":
        fit(MODELS, params, train)  # a hazard of zero is an estimate
        return
    with pytest.raises(HepacastError):
        fit(MODELS, params, train)
