# SPDX-License-Identifier: Apache-2.0
"""What the patients to be scored may not do: move any number that was learned."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hepacast.core.errors import LeakError
from hepacast.core.folds import Cohort, Fold
from hepacast.core.outcome import Binary, Outcome, Survival
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.models import MODELS
from hepacast.run.parts.reread import Rereading, RereadParams
from hepacast.run.protocol.chain import FittedStudy, Recipe, divide, fit_score, fit_study
from hepacast.run.protocol.resample import Resample, resample
from hepacast.run.settings.study import ModelsParams, ScoreParams
from hepacast.select import STEPS
from hepacast.stats.roc import auc

if TYPE_CHECKING:
    from collections.abc import Callable

COLUMNS = tuple(map(FeatureName.clinical, ("a", "b", "c", "canary")))
PATIENTS = 80
HORIZON = {"binary": None, "survival": 200.0, "weighed": 200.0}
MODEL = {"binary": "lasso", "survival": "lasso", "weighed": "svm"}


def draw(kind: str = "binary", seed: int = 1, signal: float = 1.2) -> Cohort:
    """Draw patients of whom every fourth has a second lesion; the canary is noise."""
    rng = np.random.default_rng(seed)
    owners = [f"p{at:02d}" for at in range(PATIENTS)] + [f"p{at:02d}" for at in range(0, 80, 4)]
    cases = tuple(f"{owner}/{at}" for at, owner in enumerate(owners))
    values = rng.normal(size=(len(cases), 4))
    values[rng.random(len(cases)) < 0.1, 1] = np.nan
    risk = signal * values[:, 0]
    outcome: Outcome = Binary(risk + rng.logistic(size=len(cases)) > 0)
    if kind == "survival":
        time = 200 * rng.exponential(np.exp(-0.5 * risk)) + 1
        outcome = Survival(np.minimum(time, 400.0), time < 400)
    if kind == "weighed":
        time, end = 200 * rng.exponential(np.exp(-0.5 * risk)) + 1, rng.uniform(20, 500, len(cases))
        last = np.minimum(np.minimum(time, end), 200.1)
        outcome = Survival(last, (time <= end) & (time <= 200), "er", 200.0)
    return Cohort(FeatureTable(values, cases, COLUMNS, tuple(owners)), outcome)


def recipe(model: str = "lasso") -> Recipe:
    steps = ("impute", "zscore", {"correlation": {"limit": 0.95}}, {"univariate": {"p_below": 0.9}})
    chain = tuple(map(STEPS.parse, steps))
    return Recipe(
        scores={
            "one": ScoreParams(from_=("all",), steps=chain, model=MODELS.parse(model)),
            "two": ScoreParams(from_=("two",), steps=chain[:1], model=MODELS.parse("regression")),
        },
        models=ModelsParams(sets={"one": ("one",), "both": ("one", "two")}),
        columns={"all": COLUMNS, "two": COLUMNS[1:3]},
        inner=3,
        seed=7,
    )


def fold_of(cohort: Cohort) -> Fold:
    names = sorted(set(cohort.table.patients))
    return Fold(frozenset(names[::2]), frozenset(names[1::2]))


def learned(fitted: FittedStudy) -> list[float]:
    """Return every number that a fit keeps."""
    kept = list(fitted.cuts.values())
    for model in [*fitted.combined.values(), *(score.model for score in fitted.scores.values())]:
        kept += [number for _, number in sorted(model.coefficients.items())]
    probe = FeatureTable(np.eye(4), tuple("wxyz"), COLUMNS)
    for score in fitted.scores.values():
        kept += score.apply(probe).values.ravel().tolist()
    return kept


def _other_outcomes(cohort: Cohort, rows: np.ndarray) -> Cohort:
    order = np.arange(len(cohort))
    order[rows] = np.random.default_rng(4).permutation(rows)
    return cohort.with_outcome(cohort.outcome.take(order))


def _canary(cohort: Cohort, rows: np.ndarray) -> Cohort:
    values = cohort.table.values.copy()
    values[rows, 3] = 5.0 * cohort.outcome.event[rows]
    return cohort.with_table(cohort.table.with_values(values))


def _other_values(cohort: Cohort, rows: np.ndarray) -> Cohort:
    values = cohort.table.values.copy()
    values[rows] = np.nan
    values[rows[0]] = 1e6
    return cohort.with_table(cohort.table.with_values(values))


def _nobody(cohort: Cohort, rows: np.ndarray) -> Cohort:
    keep = np.setdiff1d(np.arange(len(cohort)), rows)
    return cohort.of_patients({cohort.table.patients[row] for row in keep})


@pytest.mark.parametrize("change", [_other_outcomes, _canary, _other_values, _nobody])
@pytest.mark.parametrize("kind", sorted(HORIZON))
def test_nothing_about_the_scored_patients_moves_what_is_learned(
    change: Callable[[Cohort, np.ndarray], Cohort], kind: str
) -> None:
    cohort = draw(kind)
    fold = fold_of(cohort)
    rows = np.flatnonzero([patient in fold.score for patient in cohort.table.patients])
    changed = change(cohort, rows)
    before = fit_study(fold.train(cohort), recipe(MODEL[kind]), "k")
    after = fit_study(fold.train(changed), recipe(MODEL[kind]), "k")
    assert learned(before) == learned(after)


@pytest.mark.parametrize("kind", sorted(HORIZON))
def test_the_outcomes_of_the_scored_patients_move_no_prediction(kind: str) -> None:
    cohort = draw(kind)
    fold = fold_of(cohort)
    rows = np.flatnonzero([patient in fold.score for patient in cohort.table.patients])
    task = Resample(cohort, recipe(MODEL[kind]), fold, 0, HORIZON[kind])
    one = resample(task)
    other = resample(replace(task, cohort=_other_outcomes(cohort, rows)))
    for name, found in one.predictions.items():
        np.testing.assert_array_equal(other.predictions[name].score, found.score)
        np.testing.assert_array_equal(other.predictions[name].probability, found.probability)
        np.testing.assert_array_equal(other.predictions[name].high, found.high)


@pytest.mark.parametrize("whose", ["scored", "learned from"])
def test_second_readings_of_the_scored_patients_choose_no_column(whose: str) -> None:
    cohort = draw()
    filled = np.nan_to_num(cohort.table.values)
    cohort = cohort.with_table(cohort.table.with_values(filled))
    fold = fold_of(cohort)
    again = filled + 0.1 * np.random.default_rng(5).normal(size=filled.shape)
    side = fold.score if whose == "scored" else fold.learn
    rows = np.flatnonzero([patient in side for patient in cohort.table.patients])
    other = again.copy()
    other[rows, 0] = other[rows, 2] = 100.0 * np.arange(len(rows))
    before, after = (
        fit_study(
            fold.train(cohort),
            replace(recipe(), rereading=Rereading((_read(cohort, values),), RereadParams(), 7)),
            "k",
        )
        for values in (again, other)
    )
    assert (learned(before) == learned(after)) == (whose == "scored")


def _read(cohort: Cohort, values: np.ndarray) -> FeatureTable:
    return cohort.table.with_values(values)


def test_the_outcomes_of_the_training_patients_do_move_it() -> None:
    """The test above can fail: what is learned hangs on the outcomes learned from."""
    cohort = draw()
    fold = fold_of(cohort)
    rows = np.flatnonzero([patient in fold.learn for patient in cohort.table.patients])
    one, other = (
        fit_study(fold.train(c), recipe(), "k") for c in (cohort, _other_outcomes(cohort, rows))
    )
    assert learned(one) != learned(other)


@pytest.mark.parametrize("model", ["lasso", "regression"])
def test_a_canary_that_knows_only_the_scored_patients_never_helps(model: str) -> None:
    """A column equal to the outcome where patients are scored, and noise where they are not."""
    found = []
    for seed in range(30):
        cohort = draw(seed=seed, signal=0.0)
        fold = fold_of(cohort)
        rows = np.flatnonzero([patient in fold.score for patient in cohort.table.patients])
        fitted = fit_score(fold.train(_canary(cohort, rows)), "one", recipe(model), "k")
        test = fold.test(_canary(cohort, rows))
        event = cohort.of_patients(fold.score).outcome.event
        found.append(auc(fitted.apply(test).values[:, 0], event).estimate)
    error = float(np.std(found)) / len(found) ** 0.5
    assert abs(float(np.mean(found)) - 0.5) < max(3 * error, 0.02)
    # The canary is loud enough to be heard: a fit that may see the scored patients is perfect.
    cohort = _canary(draw(signal=0.0), np.arange(len(draw())))
    fold = fold_of(cohort)
    cheat = fit_score(fold.train(cohort), "one", recipe(model), "k").apply(fold.test(cohort))
    assert auc(cheat.values[:, 0], cohort.of_patients(fold.score).outcome.event).estimate > 0.99


def test_a_seen_patient_is_refused_at_every_level() -> None:
    cohort = draw()
    fold = fold_of(cohort)
    train = fold.train(cohort)
    step = STEPS[STEPS.parse("impute")](train, STEPS.parse("impute"), np.random.default_rng(1))
    filled = step.apparent(train)
    params = MODELS.parse("regression")
    model = MODELS[params](filled, params, np.random.default_rng(1))
    score = fit_score(train, "one", recipe(), "k")
    study = fit_study(train, recipe(), "k")
    for again in (train.table, train.table.rows(train.table.cases[:1])):
        with pytest.raises(LeakError, match="may not score patients it learned from"):
            step.apply(again)
        with pytest.raises(LeakError, match="may not score patients it learned from"):
            model.apply(filled.table)
        with pytest.raises(LeakError, match="may not score patients it learned from"):
            model.probability(filled.table)
        with pytest.raises(LeakError, match="may not score patients it learned from"):
            score.apply(again)
        with pytest.raises(LeakError, match="may not score patients it learned from"):
            study.predict(again, None)


def test_another_lesion_of_a_seen_patient_is_refused_too() -> None:
    cohort = draw()
    fold = fold_of(cohort)
    study = fit_study(fold.train(cohort), recipe(), "k")
    owner = min(fold.learn)
    new = FeatureTable(np.zeros((1, 4)), ("never seen",), COLUMNS, (owner,))
    with pytest.raises(LeakError, match=owner):
        study.predict(new, None)
    stranger = FeatureTable(np.zeros((1, 4)), ("never seen",), COLUMNS, ("stranger",))
    assert study.predict(stranger, None)["both"].cases == ("never seen",)


@pytest.mark.parametrize("folds", [2, 3, 5, 10])
def test_two_lesions_of_one_patient_never_part(folds: int) -> None:
    cohort = draw()
    scored: list[str] = []
    for fold in divide(cohort, folds, np.random.default_rng(3)):
        train, test = fold.train(cohort), fold.test(cohort)
        assert not set(train.table.patients) & set(test.patients)
        scored += test.cases
        for inner in divide(train, 2, np.random.default_rng(4)):
            assert not set(inner.train(train).table.patients) & set(inner.test(train).patients)
            assert not set(inner.test(train).patients) & set(test.patients)
    assert sorted(scored) == sorted(cohort.table.cases)
