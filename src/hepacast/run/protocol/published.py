# SPDX-License-Identifier: Apache-2.0
"""The usual order of papers: selection on everybody first, and the winner chosen at the end.

What comes out is optimistic, is stamped so, and stands beside the strict result.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.events import ignore
from hepacast.core.folds import Fold
from hepacast.run.protocol.apparent import final_fit
from hepacast.run.protocol.chain import fit_score, fit_steps
from hepacast.run.protocol.discrimination import discrimination
from hepacast.run.protocol.held_out import score_held_out
from hepacast.run.protocol.resample import OutOfFold, assess, plan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hepacast.core.events import Listener
    from hepacast.core.folds import Cohort, Train
    from hepacast.core.table import FeatureName, FeatureTable
    from hepacast.run.protocol.chain import Recipe
    from hepacast.run.protocol.held_out import HeldOut
    from hepacast.run.settings.split import SplitParams
    from hepacast.run.work.execute import Executor


@dataclass(frozen=True, slots=True)
class Winner:
    """The best of all models, chosen where it is judged.

    Parameters
    ----------
    model : str
        Its name.
    where : str
        The fold or test cohort on which it is best.
    value : float
        What it reaches there.
    among : int
        Values that it was chosen from.
    """

    model: str
    where: str
    value: float
    among: int


@dataclass(frozen=True, slots=True, eq=False)
class AsPublished:
    """Results of the usual order of papers; all of them optimistic.

    Parameters
    ----------
    seen : frozenset of str
        Patients that selection learned from, those scored among them.
    models : mapping of str to OutOfFold
        Cross-validated on the development cohort, after selection.
    tests : tuple of HeldOut
        Test cohorts, scored after selection had seen them.
    winner : Winner or None
        Chosen among the candidates where they are judged.
    """

    seen: frozenset[str]
    models: Mapping[str, OutOfFold]
    tests: tuple[HeldOut, ...]
    winner: Winner | None


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """How the strict run was made; the other order uses the same folds.

    Parameters
    ----------
    recipe : Recipe
        What to fit.
    split : SplitParams
        Folds, repeats and seed.
    at_days : float or None
        Horizon of probabilities.
    candidates : sequence of str
        Models among which a winner is chosen; empty for none.
    """

    recipe: Recipe
    split: SplitParams
    at_days: float | None
    candidates: Sequence[str]


def as_published(
    whole: Cohort,
    develop: Cohort,
    tests: Sequence[HeldOut],
    order: Order,
    executor: Executor,
    *,
    on_event: Listener = ignore,
) -> AsPublished:
    """Run a study in the order of a paper.

    Second readings, imputation, scaling and selection learn from everybody, the
    patients to be scored included.  Only then are models cross-validated, fitted
    on the development cohort, and scored on the test cohorts.

    Parameters
    ----------
    whole : Cohort
        Who selection learns from: all cohorts, or the development cohort alone.
    develop : Cohort
        The development cohort.
    tests : sequence of HeldOut
        Test cohorts of the strict run; empty where they stay closed.
    order : Order
        Recipe, folds, horizon and candidates.
    executor : Executor
        Works on the folds.
    on_event : callable
        Told of progress.
    """
    recipe, split = order.recipe, order.split
    chosen, columns = choose_first(whole, recipe)
    scores = {
        name: spec.model_copy(update={"from_": (name,), "steps": ()})
        for name, spec in recipe.scores.items()
    }
    later = replace(recipe, scores=scores, columns=columns, rereading=None)
    known = _only(chosen, develop)
    folds = plan(known, later, split, order.at_days, repeats=split.repeats)
    found = assess(folds, executor, order="as published", on_event=on_event)
    scored: list[HeldOut] = []
    seen = frozenset(chosen.table.patients)
    inside = [one for one in tests if seen.issuperset(one.cohort.table.patients)]
    if inside:
        final = final_fit(known, later, order.at_days)
        scored = [
            score_held_out(one.name, one.scope, _only(chosen, one.cohort), final, order.at_days)
            for one in inside
        ]
    parts = [task.fold for task in folds]
    winner = _winner(known, found.models, scored, parts, order.candidates)
    return AsPublished(seen, found.models, tuple(scored), winner)


def choose_first(
    whole: Cohort, recipe: Recipe
) -> tuple[Cohort, dict[str, tuple[FeatureName, ...]]]:
    """Choose the columns of every score on all the patients at once: the leak, on purpose.

    Returns
    -------
    Cohort
        All cases, with the columns that every score chose, as its steps left them.
    dict of str to tuple of FeatureName
        Those columns, by score; the phase token starts with the name of the score.
    """
    everybody = Fold(frozenset(whole.table.patients), frozenset(), label="everybody at once")
    train = everybody.train(whole)
    columns: dict[str, tuple[FeatureName, ...]] = {}
    values = []
    for name in recipe.scores:
        weighed = _weighed(train, name, recipe)
        columns[name] = tuple(
            replace(column, phase=f"{name} {column.phase}") for column in weighed.columns
        )
        values.append(weighed.rows(whole.table.cases).values)
    names = tuple(column for some in columns.values() for column in some)
    table = whole.table.with_values(np.hstack(values), names)
    return whole.with_table(table), columns


def _weighed(train: Train, name: str, recipe: Recipe) -> FeatureTable:
    """Return the columns that the model of a score weighs; a network need not learn for that."""
    if name in recipe.pictures:
        return fit_steps(train, name, recipe, "as published")[1].table
    return fit_score(train, name, recipe, "as published").weighed(train)


def _only(whole: Cohort, part: Cohort) -> Cohort:
    """Take the cases of one cohort, with the columns of another table."""
    return part.with_table(whole.table.rows(part.table.cases))


def _winner(
    develop: Cohort,
    models: Mapping[str, OutOfFold],
    tests: Sequence[HeldOut],
    folds: Sequence[Fold],
    candidates: Sequence[str],
) -> Winner | None:
    """Find the best candidate on the test cohorts or, without them, on single folds."""
    tried = []
    for name in candidates:
        for one in tests:
            value = discrimination(one.cohort.outcome, one.models[name])
            tried.append((value, name, one.name))
        if not tests:
            tried += _by_fold(develop, models[name], name, folds)
    if not tried:
        return None
    value, model, where = max(tried, key=lambda one: one[0])
    return Winner(model, where, value, len(tried))


def _by_fold(
    develop: Cohort, found: OutOfFold, name: str, folds: Sequence[Fold]
) -> list[tuple[float, str, str]]:
    """Judge one model on every fold of the first repeat that has both classes."""
    tried = []
    per_repeat = len(folds) // len(found.by_repeat)
    for fold in folds[:per_repeat]:
        rows = np.flatnonzero([patient in fold.score for patient in develop.table.patients])
        outcome = develop.outcome.take(rows)
        score = found.by_repeat[0, rows]
        cases = tuple(found.cases[row] for row in rows)
        part = OutOfFold(cases, score, found.probability[rows], found.high[rows], score[None])
        if 0 < int(outcome.event.sum()) < len(outcome):
            tried.append((discrimination(outcome, part), name, fold.label))
    return tried
