# SPDX-License-Identifier: Apache-2.0
"""Honest validation: every patient is scored by models that never saw them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import HepacastError, LeakError
from hepacast.core.events import Advanced, Started, ignore
from hepacast.core.provenance import generator
from hepacast.run.protocol.chain import divide, fit_study
from hepacast.run.protocol.looks import look

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jaxtyping import Float, Int

    from hepacast.core.events import Listener
    from hepacast.core.folds import Cohort, Fold
    from hepacast.core.table import FeatureName
    from hepacast.run.protocol.chain import FittedStudy, Prediction, Recipe
    from hepacast.run.protocol.looks import Look
    from hepacast.run.settings.split import SplitParams
    from hepacast.run.work.execute import Executor


@dataclass(frozen=True, slots=True, eq=False)
class Resample:
    """One fold of one repeat, ready to be worked on anywhere."""

    cohort: Cohort
    recipe: Recipe
    fold: Fold
    repeat: int
    at_days: float | None
    maps: bool = False
    """Explain networks on the cases that are scored."""

    @property
    def key(self) -> str:
        """Name for random numbers, messages and the lock file."""
        return f"repeat {self.repeat + 1} {self.fold.label}"


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """What one resample gives back: predictions, and what was chosen by whom."""

    key: str
    repeat: int
    predictions: Mapping[str, Prediction]
    chosen: Mapping[str, tuple[FeatureName, ...]]
    funnels: Mapping[str, tuple[int, ...]]
    seen: frozenset[str]
    looks: Mapping[str, Mapping[str, Look]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFold:
    """Predictions of one model for every case, by folds that left the case out.

    Parameters
    ----------
    cases : tuple of str
        In the order of the cohort.
    score : (case,) float
        Mean over the repeats; higher is worse.
    probability : (case,) float
        Mean over the repeats.
    high : (case,) bool
        High risk in at least half of the repeats.
    by_repeat : (repeat, case) float
        Scores of the single repeats.
    folds : (repeat, case) int, optional
        Which fit of the repeat scored the case; None where one fit scored them all.
    """

    cases: tuple[str, ...]
    score: Float[np.ndarray, " case"]
    probability: Float[np.ndarray, " case"]
    high: np.ndarray
    by_repeat: Float[np.ndarray, "repeat case"]
    folds: Int[np.ndarray, "repeat case"] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Assessment:
    """All out-of-fold predictions of one outcome, and how they came about.

    Parameters
    ----------
    models : mapping of str to OutOfFold
        Predictions by model.
    chosen : mapping of str to Counter
        How many fits chose each column, by score.
    funnels : mapping of str to list
        Columns after every step of every fit, by score.
    certificate : tuple of (str, int, int)
        For every fit: its name, patients seen, patients scored; none is both.
    looks : mapping of str to mapping of str to Look
        By score and case, where a network looked that never saw the patient.
    """

    models: Mapping[str, OutOfFold]
    chosen: Mapping[str, Counter[FeatureName]]
    funnels: Mapping[str, list[tuple[int, ...]]]
    certificate: tuple[tuple[str, int, int], ...]
    looks: Mapping[str, Mapping[str, Look]] = field(default_factory=dict)


def resample(task: Resample) -> Scored:
    """Fit on one side of a fold and score the other.

    Parameters
    ----------
    task : Resample
        Cohort, recipe and fold.
    """
    try:
        fitted = fit_study(task.fold.train(task.cohort), task.recipe, task.key)
        unseen = task.fold.test(task.cohort)
        predictions = fitted.predict(unseen, task.at_days)
        looks = look(fitted, unseen) if task.maps else {}
    except HepacastError as error:
        raise error.at(outcome=task.cohort.outcome.name, fold=task.key) from None
    return Scored(
        key=task.key,
        repeat=task.repeat,
        predictions=predictions,
        chosen=_chosen(fitted),
        funnels={name: score.funnel() for name, score in fitted.scores.items()},
        seen=fitted.seen,
        looks=looks,
    )


def _chosen(fitted: FittedStudy) -> dict[str, tuple[FeatureName, ...]]:
    """List the columns with a weight, by score."""
    return {n: tuple(score.model.coefficients) for n, score in fitted.scores.items()}


def plan(
    cohort: Cohort, recipe: Recipe, split: SplitParams, at_days: float | None, *, repeats: int
) -> list[Resample]:
    """Lay out all folds of all repeats; the seed alone decides who is where.

    Parameters
    ----------
    cohort : Cohort
        The development cohort.
    recipe : Recipe
        What is fitted again in every fold.
    split : SplitParams
        Folds and seed.
    at_days : float or None
        Horizon of the probabilities.
    repeats : int
        How often everybody is divided anew.
    """
    return [
        Resample(cohort, recipe, fold, repeat, at_days)
        for repeat in range(repeats)
        for fold in divide(cohort, split.outer, generator(split.seed, "outer", repeat))
    ]


def assess(
    tasks: Sequence[Resample],
    executor: Executor,
    *,
    order: str = "validate",
    on_event: Listener = ignore,
) -> Assessment:
    """Work on all resamples and put their predictions together.

    Parameters
    ----------
    tasks : sequence of Resample
        All folds of all repeats of one outcome.
    executor : Executor
        Where the work is done.
    order : str
        What the stage is called while it runs.
    on_event : callable
        Told of progress.

    Raises
    ------
    HepacastError
        The error of the first resample that could not be fitted: leaving a fold
        out would leave its patients out of the estimate.
    """
    cohort = tasks[0].cohort
    stage = f"{order} {cohort.outcome.name}"
    on_event(Started(stage, len(tasks)))
    done: dict[int, Scored] = {}
    for at, result in executor.work(resample, tasks):
        if isinstance(result, HepacastError):
            raise result
        done[at] = result
        on_event(Advanced(stage, result.key))
    return assemble([done[at] for at in range(len(tasks))], cohort)


def assemble(scored: Sequence[Scored], cohort: Cohort) -> Assessment:
    """Put the predictions of all folds together, checking that nobody was seen and scored.

    Parameters
    ----------
    scored : sequence of Scored
        All folds of all repeats.
    cohort : Cohort
        Whom they divide.
    """
    patient_of = dict(zip(cohort.table.cases, cohort.table.patients, strict=True))
    certificate = []
    for one in scored:
        cases = next(iter(one.predictions.values())).cases
        patients = {patient_of[case] for case in cases}
        if both := patients & one.seen:
            raise LeakError(
                what="no patient may be scored by a fit that saw them",
                got=f"{len(both)} in {one.key}, the first is {min(both)!r}",
                fix="This is a defect of the resampling: please report it.",
            )
        certificate.append((one.key, len(one.seen), len(patients)))
    scores = scored[0].chosen
    return Assessment(
        models={name: _pool(scored, name, cohort) for name in scored[0].predictions},
        chosen={n: Counter(column for one in scored for column in one.chosen[n]) for n in scores},
        funnels={n: [one.funnels[n] for one in scored] for n in scores},
        certificate=tuple(certificate),
        looks={
            name: {case: one for part in scored for case, one in part.looks.get(name, {}).items()}
            for name in dict.fromkeys(name for part in scored for name in part.looks)
        },
    )


def _pool(scored: Sequence[Scored], name: str, cohort: Cohort) -> OutOfFold:
    """Bring the predictions of one model into the order of the cohort, repeat by repeat."""
    row_of = {case: row for row, case in enumerate(cohort.table.cases)}
    repeats = 1 + max(one.repeat for one in scored)
    pooled = np.full((3, repeats, len(cohort)), np.nan)
    folds = np.full((repeats, len(cohort)), -1)
    for number, one in enumerate(scored):
        found = one.predictions[name]
        rows = [row_of[case] for case in found.cases]
        pooled[:, one.repeat, rows] = found.score, found.probability, found.high
        folds[one.repeat, rows] = number
    score, probability, high = pooled.mean(axis=1)
    return OutOfFold(cohort.table.cases, score, probability, high >= 0.5, pooled[0], folds)
