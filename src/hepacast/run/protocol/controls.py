# SPDX-License-Identifier: Apache-2.0
"""Runs that must fail if everything is honest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.events import ignore
from hepacast.core.provenance import generator
from hepacast.run.protocol.discrimination import discrimination
from hepacast.run.protocol.repeats import repeat
from hepacast.run.protocol.resample import assess, plan
from hepacast.run.work.execute import Executor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jaxtyping import Float

    from hepacast.core.events import Listener
    from hepacast.core.folds import Cohort
    from hepacast.core.table import FeatureName
    from hepacast.run.protocol.chain import Recipe
    from hepacast.run.protocol.finding import Finding
    from hepacast.run.settings.split import SplitParams
    from hepacast.run.settings.study import Study


@dataclass(frozen=True, slots=True, eq=False)
class Shuffle:
    """One whole validation on shuffled outcomes, ready to be worked on anywhere."""

    cohort: Cohort
    recipe: Recipe
    split: SplitParams
    at_days: float | None
    number: int


def shuffled(task: Shuffle) -> dict[str, float]:
    """Deal the outcomes anew among the cases, and run everything once.

    Cases are dealt in the order of their ids, so that the order of the rows in a
    file changes no shuffle.

    Parameters
    ----------
    task : Shuffle
        Cohort, recipe and number of the shuffle.
    """
    by_id = np.argsort(np.array(task.cohort.table.cases))
    order = generator(task.split.seed, "permuted labels", task.number).permutation(len(by_id))
    source = np.empty_like(by_id)
    source[by_id] = by_id[order]
    cohort = task.cohort.with_outcome(task.cohort.outcome.take(source))
    tasks = plan(cohort, task.recipe, task.split, task.at_days, repeats=1)
    found = assess(tasks, Executor())
    return {n: discrimination(cohort.outcome, one) for n, one in found.models.items()}


def permuted_labels(
    cohort: Cohort,
    recipe: Recipe,
    study: Study,
    at_days: float | None,
    executor: Executor,
    *,
    on_event: Listener = ignore,
) -> Mapping[str, Float[np.ndarray, " shuffle"]]:
    """Return the discrimination of every model on shuffled outcomes.

    A shuffle that cannot be fitted (a fold without events, say) is named and
    left out; the P value counts only those that ran.

    Parameters
    ----------
    cohort : Cohort
        The development cohort.
    recipe : Recipe
        What is fitted again in every fold.
    study : Study
        Says how many shuffles.
    at_days : float or None
        Horizon of the probabilities.
    executor : Executor
        Works on the shuffles.
    on_event : callable
        Told of shuffles that could not be fitted.
    """
    stage = f"permuted labels {cohort.outcome.name}"
    times = study.controls.permuted_labels
    tasks = [Shuffle(cohort, recipe, study.split, at_days, number) for number in range(times)]
    found = repeat(shuffled, tasks, executor, stage=stage, what="shuffle", on_event=on_event)
    names = recipe.models.sets
    return {n: np.array([one[n] for one in found]) for n in names}


@dataclass(frozen=True, slots=True, eq=False)
class Noise:
    """One whole validation with noise for features, ready to be worked on anywhere."""

    cohort: Cohort
    recipe: Recipe
    split: SplitParams
    at_days: float | None
    number: int
    measured: frozenset[FeatureName]


def noisy(task: Noise) -> dict[str, float]:
    """Replace every measured column by normal noise, and run everything once.

    Parameters
    ----------
    task : Noise
        Cohort, recipe, and which columns are replaced.
    """
    table = task.cohort.table
    rng = generator(task.split.seed, "random features", task.number)
    columns = np.array([name in task.measured for name in table.columns])
    by_id = np.argsort(np.array(table.cases))
    values = table.values.copy()
    noise = rng.standard_normal((len(table), int(columns.sum())))
    values[np.ix_(by_id, np.flatnonzero(columns))] = noise
    cohort = task.cohort.with_table(table.with_values(values))
    # Second readings of noise would agree on nothing.
    recipe = replace(task.recipe, rereading=None)
    tasks = plan(cohort, recipe, task.split, task.at_days, repeats=1)
    found = assess(tasks, Executor())
    return {n: discrimination(cohort.outcome, one) for n, one in found.models.items()}


def random_features(
    finding: Finding,
    measured: frozenset[FeatureName],
    study: Study,
    executor: Executor,
    *,
    on_event: Listener = ignore,
) -> Mapping[str, Float[np.ndarray, " draw"]]:
    """Return the discrimination of every model that uses measured columns, on noise instead.

    Clinical columns stay as they are: a model that mixes both may keep what they know.

    Parameters
    ----------
    finding : Finding
        The outcome, its cohort and recipe.
    measured : frozenset of FeatureName
        Columns to replace.
    study : Study
        Says how many draws.
    executor : Executor
        Works on the draws.
    on_event : callable
        Told of draws that could not be fitted.
    """
    stage = f"random features {finding.name}"
    times = study.controls.random_features
    tasks = [
        Noise(finding.cohort, finding.recipe, study.split, finding.at_days, number, measured)
        for number in range(times)
    ]
    found = repeat(noisy, tasks, executor, stage=stage, what="draw", on_event=on_event)
    names = [
        name
        for name, members in finding.recipe.models.sets.items()
        if any(measured.intersection(finding.recipe.offered(score)) for score in members)
    ]
    return {n: np.array([one[n] for one in found]) for n in names}
