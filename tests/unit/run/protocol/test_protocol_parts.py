# SPDX-License-Identifier: Apache-2.0
"""Second readings, clinical scores, optimism, the order of papers, and the controls."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hepacast.core.errors import NotEstimableError, StudyError, TableError
from hepacast.core.events import Noticed
from hepacast.core.folds import Cohort, Fold
from hepacast.core.outcome import Binary, Survival
from hepacast.core.provenance import generator
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.models import MODELS
from hepacast.run.gather import gather
from hepacast.run.parts.reread import Rereading, RereadParams
from hepacast.run.protocol.apparent import final_fit
from hepacast.run.protocol.chain import Recipe, fit_score, fit_study
from hepacast.run.protocol.comparators import comparator_name, comparator_table
from hepacast.run.protocol.discrimination import discrimination
from hepacast.run.protocol.optimism import correct, hold_out, spread_over_seeds
from hepacast.run.protocol.published import Order, as_published, choose_first
from hepacast.run.protocol.recipe import with_algorithms
from hepacast.run.protocol.resample import assess, plan
from hepacast.run.protocol.second_reading import without_copies
from hepacast.run.settings.split import SplitParams
from hepacast.run.settings.study import ModelsParams, ScoreParams
from hepacast.run.work.execute import Executor
from hepacast.select import STEPS

if TYPE_CHECKING:
    from hepacast.core.events import Event
    from tests.unit.run.conftest import Small

SPLIT = SplitParams(seed=7, outer=4, repeats=1, inner=2)
COLUMNS = tuple(FeatureName("A", "tumour", "original", "glcm", f"x{at:03d}") for at in range(300))


def noise(patients: int = 80, seed: int = 3, columns: int = 300) -> Cohort:
    rng = np.random.default_rng(seed)
    cases = tuple(f"p{at:03d}" for at in range(patients))
    values = rng.normal(size=(patients, columns))
    return Cohort(
        FeatureTable(values, cases, COLUMNS[:columns]), Binary(rng.random(patients) < 0.5)
    )


def recipe(columns: int = 300, best: int = 15, **more: Any) -> Recipe:
    steps = (STEPS.parse({"univariate": {"best": best}}), STEPS.parse("zscore"))
    score = ScoreParams(from_=("rad",), steps=steps, model=MODELS.parse("ridge"))
    models = ModelsParams(sets={"rad": ("rad",)}, **more)
    return Recipe({"rad": score}, models, {"rad": COLUMNS[:columns]}, SPLIT.inner, SPLIT.seed)


def readings(cohort: Cohort, bad: int, cases: slice = slice(None)) -> FeatureTable:
    """Read again; the first ``bad`` columns come out as something else."""
    rng = np.random.default_rng(9)
    values = cohort.table.values + 0.05 * rng.normal(size=cohort.table.values.shape)
    values[:, :bad] = rng.normal(size=(len(cohort), bad))
    names = cohort.table.cases
    return FeatureTable(values, names, cohort.table.columns).rows(names[cases])


def rereading(cohort: Cohort, bad: int, patients: int | None = None) -> Rereading:
    params = RereadParams(icc_min=0.8, patients=patients)
    return Rereading((readings(cohort, bad),), params, 7)


def test_columns_that_readers_do_not_agree_on_are_dropped_first() -> None:
    cohort = noise(columns=20)
    chain = replace(recipe(20, best=20), rereading=rereading(cohort, 5))
    fold = hold_out(cohort, 0.25, generator(7), "one")
    fitted = fit_score(fold.train(cohort), "rad", chain, "k")
    assert fitted.funnel()[:2] == (20, 15)
    assert set(fitted.steps[0].outputs) == set(COLUMNS[5:20])
    assert "60 training cases, 2 readings" in fitted.steps[0].notes[0]


def test_only_training_patients_choose_columns() -> None:
    cohort = noise(columns=20)
    fold = hold_out(cohort, 0.5, generator(7), "one")
    rows = [patient in fold.score for patient in cohort.table.patients]
    second = readings(cohort, 0)
    values = second.values.copy()
    values[np.flatnonzero(rows)] = 1e3
    lying = Rereading((second.with_values(values),), RereadParams(icc_min=0.8), 7)
    honest = Rereading((second,), RereadParams(icc_min=0.8), 7)
    train = fold.train(cohort)
    one, other = honest.choose(train), lying.choose(train)
    assert one is not None
    assert other is not None
    assert one.outputs == other.outputs == COLUMNS[:20]
    np.testing.assert_array_equal(one.evidence, other.evidence)


def test_no_more_patients_choose_than_asked_for() -> None:
    cohort = noise(columns=20)
    train = Fold(frozenset(cohort.table.patients), frozenset()).train(cohort)
    found = rereading(cohort, 2, patients=12).choose(train)
    assert found is not None
    assert found.notes == ("12 training cases, 2 readings",)


def test_two_patients_read_twice_are_too_few() -> None:
    cohort = noise(columns=20)
    few = Rereading((readings(cohort, 0, slice(2)),), RereadParams(), 7)
    train = Fold(frozenset(cohort.table.patients), frozenset()).train(cohort)
    with pytest.raises(NotEstimableError, match="three training cases"):
        few.choose(train)


def test_readings_that_were_copied_are_left_out_and_named() -> None:
    cohort = noise(columns=20)
    heard: list[Event] = []
    values = readings(cohort, 20).values.copy()
    values[[1, 4]] = cohort.table.values[[1, 4]]
    copied = [cohort.table.cases[at] for at in (1, 4)]
    second = without_copies(cohort.table.with_values(values), cohort.table, on_event=heard.append)
    assert set(cohort.table.cases) - set(second.cases) == set(copied)
    assert f"2 second readings are copies of the first and were left out ({', '.join(copied)})" in (
        str(heard)
    )
    few = cohort.table.select(cohort.table.columns[:9])
    assert without_copies(few, few).cases == few.cases


def test_columns_read_once_stay() -> None:
    cohort = noise(columns=20)
    part = readings(cohort, 20).select(COLUMNS[:5])
    found = Rereading((part,), RereadParams(), 7).choose(
        Fold(frozenset(cohort.table.patients), frozenset()).train(cohort)
    )
    assert found is not None
    assert set(found.outputs) == set(COLUMNS[5:20])


def test_the_order_of_papers_finds_what_is_not_there_and_the_strict_one_does_not() -> None:
    cohort = noise()
    tasks = plan(cohort, recipe(), SPLIT, None, repeats=1)
    strict = discrimination(cohort.outcome, assess(tasks, Executor()).models["rad"])
    order = Order(recipe(), SPLIT, None, ("rad",))
    loose = as_published(cohort, cohort, (), order, Executor())
    assert abs(strict - 0.5) < 0.15
    assert discrimination(cohort.outcome, loose.models["rad"]) > strict + 0.2
    assert loose.seen == set(cohort.table.patients)
    assert loose.winner is not None
    assert loose.winner.among == SPLIT.outer
    assert loose.winner.value >= discrimination(cohort.outcome, loose.models["rad"])


def test_choosing_first_keeps_rows_and_names_columns_by_score() -> None:
    cohort = noise()
    chosen, columns = choose_first(cohort, recipe())
    assert chosen.table.cases == cohort.table.cases
    assert len(columns["rad"]) == 15
    assert all(name.phase == "rad A" for name in columns["rad"])


def test_the_bootstrap_takes_the_optimism_away() -> None:
    cohort = noise(columns=60)
    chain = recipe(60)
    apparent = {
        name: discrimination(cohort.outcome, one)
        for name, one in final_fit(cohort, chain, None).models.items()
    }
    found = correct(cohort, chain, apparent, None, 12, Executor())["rad"]
    assert apparent["rad"] > 0.75
    assert found.harrell < apparent["rad"] - 0.15
    assert abs(found.out_of_bag - 0.5) < 0.12
    assert found.out_of_bag - 1e-9 <= found.point632plus < apparent["rad"]
    assert found.resamples == 12


def test_single_divisions_differ_and_are_the_same_again() -> None:
    cohort = noise(columns=30)
    one, again = (
        spread_over_seeds(cohort, recipe(30), 0.25, None, 6, Executor())["rad"] for _ in range(2)
    )
    np.testing.assert_array_equal(one, again)
    assert len(set(one.tolist())) > 1


def test_a_hold_out_keeps_the_classes_in_proportion() -> None:
    cohort = noise()
    fold = hold_out(cohort, 0.25, generator(1), "one")
    events = int(cohort.of_patients(fold.score).outcome.event.sum())
    assert events == round(0.25 * int(cohort.outcome.event.sum()))
    assert not fold.learn & fold.score


def test_every_set_meets_every_algorithm() -> None:
    chain = with_algorithms(recipe(algorithms=(MODELS.parse("regression"), MODELS.parse("icare"))))
    assert list(chain.models.sets) == ["rad regression", "rad icare"]
    cohort = noise(columns=300)
    fold = hold_out(cohort, 0.25, generator(1), "one")
    fitted = fit_study(fold.train(cohort), chain, "k")
    assert set(fitted.combined) == {"rad regression", "rad icare"}


def test_algorithms_that_cannot_learn_an_outcome_are_left_out_and_named() -> None:
    several = tuple(map(MODELS.parse, ("svm", "regression", "knn", "xgboost")))
    heard: list[Any] = []
    late, event = np.array([300.0, 900.0, 100.0]), np.array([True, False, True])
    timed = Survival(late, event)
    chain = with_algorithms(recipe(algorithms=several), timed, on_event=heard.append)
    assert list(chain.models.sets) == ["rad regression", "rad xgboost"]
    assert set(chain.tops) == {"rad regression", "rad xgboost"}
    assert isinstance(heard[0], Noticed)
    assert [one.text for one in heard] == ["cannot learn from Survival and are left out: svm, knn"]
    assert len(with_algorithms(recipe(algorithms=several), Binary(event)).tops) == 4
    with pytest.raises(StudyError, match="needs one that learns from Survival; got svm"):
        with_algorithms(recipe(algorithms=several[:1]), timed)
    # With weights for early censoring, classifiers that can weigh their cases learn it.
    weighed = Survival(late, event, "er", 730.0)
    assert len(with_algorithms(recipe(algorithms=several), weighed).tops) == 3


def test_a_clinical_score_is_computed_in_its_units_and_points_to_the_worse(small: Small) -> None:
    small.set_cells("albumin", "40", "30")
    small.set_cells("bilirubin", "10", "50")
    small.fields["albumin"] = {"kind": "number", "unit": "g/L", "timing": "baseline"}
    small.fields["bilirubin"] = {"kind": "number", "unit": "umol/L", "timing": "baseline"}
    small.study["models"]["comparators"] = ["albi"]
    materials = gather(small.save())
    table = comparator_table(materials, ("001", "002"))
    assert table is not None
    assert table.columns == (comparator_name(materials.study.models.comparators[0]),)
    # ALBI = 0.66 log10 bilirubin - 0.085 albumin.
    expected = [0.66 - 0.085 * 40, 0.66 * np.log10(50) - 0.085 * 30]
    np.testing.assert_allclose(table.values[:, 0], expected)
    small.fields["albumin"]["unit"] = "stone"
    with pytest.raises(StudyError, match="needs the unit"):
        comparator_table(gather(small.save()), ("001",))
    small.fields["albumin"]["unit"] = "g/dL"
    with pytest.raises(TableError, match="albumin lies between"):
        comparator_table(gather(small.save()), ("001",))
    small.fields["albumin"]["timing"] = "follow-up"
    with pytest.raises(StudyError, match="known at baseline"):
        comparator_table(gather(small.save()), ("001",))


def test_a_score_whose_column_is_missing_says_how_to_name_it(small: Small) -> None:
    small.study["models"]["comparators"] = ["nlr"]
    with pytest.raises(StudyError, match="'neutrophils'"):
        comparator_table(gather(small.save()), ("001",))
