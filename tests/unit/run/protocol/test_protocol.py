# SPDX-License-Identifier: Apache-2.0
"""Honest validation: who is scored by whom, how often, and always with the same numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest

from hepacast.core.errors import HepacastError, LeakError
from hepacast.core.events import Event, Noticed
from hepacast.core.folds import Cohort
from hepacast.core.outcome import Binary, CompetingRisks, Outcome, Survival
from hepacast.core.provenance import generator
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.models import MODELS
from hepacast.run.protocol.chain import Recipe, divide
from hepacast.run.protocol.controls import permuted_labels
from hepacast.run.protocol.discrimination import compare, discrimination
from hepacast.run.protocol.evaluate import evaluate, event_by
from hepacast.run.protocol.resample import Assessment, assemble, assess, plan, resample
from hepacast.run.settings.control import ControlsParams
from hepacast.run.settings.split import SplitParams
from hepacast.run.settings.study import EvaluateParams, ModelsParams, ScoreParams
from hepacast.run.work.execute import Executor, executor
from hepacast.select import STEPS

if TYPE_CHECKING:
    from hepacast.run.settings.study import Study

SPLIT = SplitParams(seed=7, outer=4, repeats=2, inner=3)
COLUMNS = tuple(map(FeatureName.clinical, ("signal", "noise", "age", "gap")))
KINDS = ("binary", "survival", "competing")
HORIZON = {"binary": None, "survival": 300.0, "competing": 300.0}


def draw(kind: str = "binary", patients: int = 60, seed: int = 2) -> Cohort:
    """Draw cases whose outcome hangs on the first column; every tenth patient has two lesions."""
    rng = np.random.default_rng(seed)
    owners = [f"p{at:02d}" for at in range(patients)] + [f"p{at:02d}" for at in range(0, 60, 10)]
    cases = tuple(f"{owner}-{at}" for at, owner in enumerate(owners))
    values = rng.normal(size=(len(cases), 4))
    values[rng.random(len(cases)) < 0.1, 3] = np.nan
    risk = 1.5 * values[:, 0]
    time = np.ceil(300 * rng.exponential(np.exp(-0.7 * risk)) + 1)
    cause = rng.choice([0, 1, 2], size=len(cases), p=[0.25, 0.6, 0.15])
    outcome: Outcome
    if kind == "binary":
        outcome = Binary(risk + rng.logistic(size=len(cases)) > 0, "er")
    elif kind == "survival":
        outcome = Survival(time, cause == 1, "os")
    else:
        outcome = CompetingRisks(time, cause, "er")
    return Cohort(FeatureTable(values, cases, COLUMNS, tuple(owners)), outcome)


def recipe() -> Recipe:
    regression, lasso = MODELS.parse("regression"), MODELS.parse("lasso")
    steps = (STEPS.parse("impute"), STEPS.parse("zscore"))
    return Recipe(
        scores={
            "image": ScoreParams(from_=("image",), steps=steps, model=lasso),
            "clinical": ScoreParams(from_=("clinical",), steps=steps, model=regression),
        },
        models=ModelsParams(
            sets={"image": ("image",), "clinical": ("clinical",), "both": ("image", "clinical")}
        ),
        columns={"image": COLUMNS[:2], "clinical": COLUMNS[2:]},
        inner=SPLIT.inner,
        seed=SPLIT.seed,
    )


def reordered(cohort: Cohort, seed: int = 9) -> Cohort:
    order = np.random.default_rng(seed).permutation(len(cohort))
    table = cohort.table.rows([cohort.table.cases[at] for at in order])
    return Cohort(table, cohort.outcome.take(order))


def validate(cohort: Cohort, kind: str, pool: Executor | None = None) -> Assessment:
    tasks = plan(cohort, recipe(), SPLIT, HORIZON[kind], repeats=SPLIT.repeats)
    return assess(tasks, pool or Executor())


def settings(shuffles: int) -> Study:
    wanted = SimpleNamespace(split=SPLIT, controls=ControlsParams(permuted_labels=shuffles))
    return cast("Study", wanted)


@pytest.fixture(scope="module")
def found() -> dict[str, tuple[Cohort, Assessment]]:
    """Validate one cohort of every kind of outcome."""
    return {kind: (draw(kind), validate(draw(kind), kind)) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_every_case_is_scored_once_per_repeat(
    kind: str, found: dict[str, tuple[Cohort, Assessment]]
) -> None:
    cohort, _ = found[kind]
    tasks = plan(cohort, recipe(), SPLIT, HORIZON[kind], repeats=3)
    scored = Counter((task.repeat, case) for task in tasks for case in task.fold.test(cohort).cases)
    assert scored == Counter({(r, case): 1 for r in range(3) for case in cohort.table.cases})


@pytest.mark.parametrize("kind", KINDS)
def test_no_prediction_is_missing(kind: str, found: dict[str, tuple[Cohort, Assessment]]) -> None:
    cohort, assessment = found[kind]
    for model in assessment.models.values():
        assert model.cases == cohort.table.cases
        assert model.by_repeat.shape == (SPLIT.repeats, len(cohort))
        assert np.isfinite(model.by_repeat).all()
        assert ((model.probability >= 0) & (model.probability <= 1)).all()
        np.testing.assert_allclose(model.score, model.by_repeat.mean(0))


@pytest.mark.parametrize("kind", KINDS)
def test_higher_scores_are_worse_and_the_signal_is_found(
    kind: str, found: dict[str, tuple[Cohort, Assessment]]
) -> None:
    cohort, assessment = found[kind]
    of = {n: discrimination(cohort.outcome, m) for n, m in assessment.models.items()}
    assert of["image"] > 0.65
    assert of["both"] > 0.65
    assert of["clinical"] < 0.65
    assert assessment.chosen["image"][COLUMNS[0]] == SPLIT.outer * SPLIT.repeats


def test_lesions_of_one_patient_never_part() -> None:
    cohort = draw()
    for fold in divide(cohort, 5, generator(7, "any")):
        train, test = fold.train(cohort).table, fold.test(cohort)
        assert not set(train.patients) & set(test.patients)
        assert sorted((*train.cases, *test.cases)) == sorted(cohort.table.cases)


def test_events_are_spread_over_the_folds() -> None:
    cohort = draw()
    events = [
        int(cohort.of_patients(fold.score).outcome.event.sum())
        for fold in divide(cohort, 4, generator(7, "any"))
    ]
    assert max(events) - min(events) <= 2


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_the_rows_changes_no_number(
    kind: str, found: dict[str, tuple[Cohort, Assessment]]
) -> None:
    cohort, one = found[kind]
    again = reordered(cohort)
    other = validate(again, kind)
    rows = [again.table.cases.index(case) for case in cohort.table.cases]
    for name, model in one.models.items():
        np.testing.assert_allclose(other.models[name].score[rows], model.score, rtol=1e-9)
        np.testing.assert_allclose(
            other.models[name].probability[rows], model.probability, rtol=1e-9
        )
        assert (other.models[name].high[rows] == model.high).all()
    assert one.chosen == other.chosen
    assert one.funnels == other.funnels


def test_the_same_study_gives_the_same_bits_whatever_the_workers(
    found: dict[str, tuple[Cohort, Assessment]],
) -> None:
    cohort, one = found["survival"]
    with executor(2) as pool:
        other = validate(cohort, "survival", pool)
    for name, model in one.models.items():
        np.testing.assert_array_equal(other.models[name].by_repeat, model.by_repeat)
    assert one.certificate == other.certificate


def test_another_seed_deals_other_folds() -> None:
    cohort = draw()
    one, other = (
        [t.fold.score for t in plan(cohort, recipe(), split, None, repeats=1)]
        for split in (SPLIT, SPLIT.model_copy(update={"seed": 8}))
    )
    assert one != other


def test_the_certificate_counts_patients_seen_and_scored(
    found: dict[str, tuple[Cohort, Assessment]],
) -> None:
    cohort, assessment = found["binary"]
    everybody = len(set(cohort.table.patients))
    assert [name for name, _, _ in assessment.certificate] == [
        f"repeat {repeat} fold {fold}" for repeat in (1, 2) for fold in (1, 2, 3, 4)
    ]
    assert all(seen + scored == everybody for _, seen, scored in assessment.certificate)


def test_a_resample_that_saw_whom_it_scored_is_refused() -> None:
    cohort = draw()
    one = resample(plan(cohort, recipe(), SPLIT, None, repeats=1)[0])
    leaky = replace(one, seen=one.seen | {next(iter(cohort.table.patients))})
    others = [resample(task) for task in plan(cohort, recipe(), SPLIT, None, repeats=1)[1:]]
    both = frozenset(cohort.table.patients)
    with pytest.raises(LeakError, match="no patient may be scored by a fit that saw them"):
        assemble([replace(leaky, seen=both), *others], cohort)


def test_a_fold_that_cannot_be_fitted_stops_the_estimate_and_is_named() -> None:
    cohort = draw("survival")
    tasks = plan(cohort, recipe(), SPLIT, 1e6, repeats=1)
    with pytest.raises(HepacastError, match=r"\[outcome os > fold repeat 1 fold 1\].*follow-up"):
        assess(tasks, Executor())


def test_shuffled_outcomes_come_out_near_chance() -> None:
    cohort = draw()
    found = permuted_labels(cohort, recipe(), settings(8), None, Executor())
    assert set(found) == {"image", "clinical", "both"}
    assert all(len(null) == 8 for null in found.values())
    assert abs(float(np.mean(found["both"])) - 0.5) < 0.1


def test_shuffles_do_not_hang_on_the_order_of_the_rows() -> None:
    cohort = draw()
    one, other = (
        permuted_labels(c, recipe(), settings(3), None, Executor())
        for c in (cohort, reordered(cohort))
    )
    np.testing.assert_allclose(one["both"], other["both"])


def test_a_shuffle_that_cannot_be_fitted_is_named_and_left_out() -> None:
    heard: list[Event] = []
    cohort = draw("survival")
    found = permuted_labels(cohort, recipe(), settings(2), 1e6, Executor(), on_event=heard.append)
    assert all(len(null) == 0 for null in found.values())
    said = [event.text for event in heard if isinstance(event, Noticed)]
    assert [text.partition(" could")[0] for text in said] == ["shuffle 1", "shuffle 2"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_evaluation_says_what_it_is_of(
    kind: str, found: dict[str, tuple[Cohort, Assessment]]
) -> None:
    cohort, assessment = found[kind]
    shown = evaluate(cohort.outcome, assessment.models["both"], HORIZON[kind], EvaluateParams())
    assert (shown.scope, shown.n) == ("out-of-fold", len(cohort))
    assert shown.events == int(cohort.outcome.event.sum())
    assert shown.discrimination is not None
    assert shown.discrimination.value == pytest.approx(
        discrimination(cohort.outcome, assessment.models["both"])
    )
    assert (shown.roc is not None) == (kind == "binary")
    assert (shown.risk_groups is not None) == (kind != "binary")
    assert shown.decision is not None
    assert [one.case for one in shown.cases] == list(cohort.table.cases)


def test_an_apparent_evaluation_is_stamped(
    found: dict[str, tuple[Cohort, Assessment]],
) -> None:
    cohort, assessment = found["binary"]
    model = assessment.models["both"]
    shown = evaluate(cohort.outcome, model, None, EvaluateParams(), apparent=True)
    assert shown.scope == "apparent"


def test_a_comparison_turns_around_with_its_models(
    found: dict[str, tuple[Cohort, Assessment]],
) -> None:
    for cohort, assessment in found.values():
        pairs = [(name, assessment.models[name]) for name in ("image", "clinical")]
        one = compare(cohort.outcome, pairs[0], pairs[1])
        other = compare(cohort.outcome, pairs[1], pairs[0])
        assert one.difference.value is not None
        assert other.difference.value == pytest.approx(-one.difference.value)
        assert other.p == pytest.approx(one.p)


def test_who_was_lost_before_the_horizon_counts_neither_way() -> None:
    outcome = CompetingRisks(np.array([5.0, 5.0, 5.0, 20.0, 20.0]), np.array([1, 0, 2, 1, 0]))
    assert event_by(outcome, 10.0) == [True, None, False, False, False]
    assert event_by(Binary(np.array([True, False])), None) == [True, False]
