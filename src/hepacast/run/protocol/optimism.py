# SPDX-License-Identifier: Apache-2.0
"""How much the apparent result flatters, and how much one division of the patients decides."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import HepacastError, NotEstimableError
from hepacast.core.events import Advanced, Noticed, Started, ignore
from hepacast.core.folds import Cohort, Fold
from hepacast.core.provenance import generator
from hepacast.core.table import FeatureTable
from hepacast.run.protocol.chain import fit_study
from hepacast.run.protocol.discrimination import discrimination
from hepacast.run.protocol.held_out import as_out_of_fold
from hepacast.run.protocol.repeats import repeat
from hepacast.run.protocol.resample import Resample, resample
from hepacast.stats.bootstrap632 import point632plus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jaxtyping import Float

    from hepacast.core.events import Listener
    from hepacast.run.protocol.chain import Recipe
    from hepacast.run.work.execute import Executor

_CHANCE = 0.5
"""AUC and C of predictions that have nothing to do with the outcome."""


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """One bootstrap resample, ready to be worked on anywhere."""

    cohort: Cohort
    recipe: Recipe
    at_days: float | None
    number: int


@dataclass(frozen=True, slots=True)
class Corrected:
    """The apparent discrimination of one model, corrected by the bootstrap.

    Parameters
    ----------
    apparent : float
        On the cases learned from.
    optimism : float
        Mean over the resamples of theirs minus that on the original cases.
    out_of_bag : float
        Mean on the cases that a resample left out.
    resamples : int
        That could be fitted.
    """

    apparent: float
    optimism: float
    out_of_bag: float
    resamples: int

    @property
    def harrell(self) -> float:
        """Apparent minus optimism."""
        return self.apparent - self.optimism

    @property
    def point632plus(self) -> float:
        """Apparent and left-out discrimination, weighed by the overfit (.632+)."""
        return 1 - point632plus(1 - self.apparent, 1 - self.out_of_bag, _CHANCE)


def redraw_patients(cohort: Cohort, rng: np.random.Generator) -> Cohort:
    """Draw patients with replacement; all cases of one come along, and copies keep their patient.

    Examples
    --------
    >>> from hepacast.core.outcome import Binary
    >>> from hepacast.core.table import FeatureName
    >>> table = FeatureTable(np.arange(3.0)[:, None], ("a", "b", "c"), (FeatureName.clinical("x"),))
    >>> drawn = redraw_patients(Cohort(table, Binary(np.array([True, False, True]))),
    ...                         np.random.default_rng(3))
    >>> drawn.table.cases, drawn.table.patients
    (('c', 'a', 'a~2'), ('c', 'a', 'a'))
    """
    names = sorted(set(cohort.table.patients))
    rows_of: dict[str, list[int]] = {name: [] for name in names}
    for row, patient in enumerate(cohort.table.patients):
        rows_of[patient].append(row)
    copies: Counter[str] = Counter()
    rows, cases = [], []
    for at in rng.integers(len(names), size=len(names)):
        copies[names[at]] += 1
        copy = copies[names[at]]
        for row in rows_of[names[at]]:
            rows.append(row)
            case = cohort.table.cases[row]
            # The first copy keeps its name, so that second readings still find it.
            cases.append(case if copy == 1 else f"{case}~{copy}")
    take = np.array(rows, dtype=np.intp)
    table = FeatureTable(
        cohort.table.values[take],
        tuple(cases),
        cohort.table.columns,
        tuple(cohort.table.patients[row] for row in rows),
    )
    sites = tuple(cohort.sites[row] for row in rows)
    return Cohort(table, cohort.outcome.take(take), sites)


def redrawn(task: Draw) -> dict[str, tuple[float, float, float]]:
    """Fit on one resample; return its own, the original and the left-out discrimination."""
    everybody = frozenset(task.cohort.table.patients)
    drawn = redraw_patients(task.cohort, generator(task.recipe.seed, "bootstrap", task.number))
    learn = frozenset(drawn.table.patients)
    fold = Fold(learn, everybody - learn, label=f"bootstrap {task.number + 1}")
    train = fold.train(drawn)
    fitted = fit_study(train, task.recipe, fold.label)
    original = Fold(everybody, frozenset(), label="original cases").train(task.cohort)
    left = task.cohort.of_patients(fold.score)
    own = fitted.predict_apparent(train, task.at_days)
    again = fitted.predict_apparent(original, task.at_days)
    new = fitted.predict(left.table, task.at_days)
    return {
        name: (
            discrimination(train.outcome, as_out_of_fold(own[name])),
            discrimination(original.outcome, as_out_of_fold(again[name])),
            discrimination(left.outcome, as_out_of_fold(new[name])),
        )
        for name in own
    }


def correct(
    cohort: Cohort,
    recipe: Recipe,
    apparent: Mapping[str, float],
    at_days: float | None,
    times: int,
    executor: Executor,
    *,
    on_event: Listener = ignore,
) -> dict[str, Corrected]:
    """Correct the apparent discrimination of every model for optimism.

    Parameters
    ----------
    cohort : Cohort
        The development cohort.
    recipe : Recipe
        All of it is fitted again in every resample, selection included.
    apparent : mapping of str to float
        By model, of the fit on all cases.
    at_days : float or None
        Horizon of probabilities.
    times : int
        Resamples; none gives nothing.
    executor : Executor
        Works on them.

    Raises
    ------
    NotEstimableError
        If a tenth of the resamples cannot be fitted.

    Notes
    -----
    Sources: Harrell 1996, Stat Med 15:361; Efron and Tibshirani 1997, J Am Stat
    Assoc 92:548 (.632+, here of 1 - AUC).
    """
    stage = f"bootstrap {cohort.outcome.name}"
    tasks = [Draw(cohort, recipe, at_days, number) for number in range(times)]
    found = repeat(redrawn, tasks, executor, stage=stage, what="resample", on_event=on_event)
    if len(found) < 0.9 * times:
        raise NotEstimableError(
            what="a correction for optimism needs resamples that can be fitted",
            got=f"{times - len(found)} of {times} could not",
            fix="The cohort is too small for this procedure; leave bootstrap out.",
        ).at(outcome=cohort.outcome.name)
    corrected = {}
    for name in apparent if found else ():
        own, again, new = np.array([one[name] for one in found]).T
        gap = float((own - again).mean())
        corrected[name] = Corrected(apparent[name], gap, float(new.mean()), len(found))
    return corrected


def hold_out(cohort: Cohort, share: float, rng: np.random.Generator, label: str) -> Fold:
    """Keep a share of the patients of every class for the test.

    Parameters
    ----------
    cohort : Cohort
        Who is divided; a patient with several cases counts in the highest class.
    share : float
        Of the patients, to be scored.
    rng : numpy.random.Generator
        Shuffles patients after sorting their ids.
    label : str
        Name of the division.
    """
    highest: dict[str, int] = {}
    for patient, stratum in zip(cohort.table.patients, cohort.outcome.strata.tolist(), strict=True):
        highest[patient] = max(stratum, highest.get(patient, stratum))
    score: set[str] = set()
    for stratum in sorted(set(highest.values())):
        members = sorted(patient for patient, level in highest.items() if level == stratum)
        order = rng.permutation(len(members))[: round(share * len(members))]
        score |= {members[at] for at in order}
    return Fold(frozenset(highest) - score, frozenset(score), label)


def spread_over_seeds(
    cohort: Cohort,
    recipe: Recipe,
    share: float,
    at_days: float | None,
    times: int,
    executor: Executor,
    *,
    on_event: Listener = ignore,
) -> dict[str, Float[np.ndarray, " seed"]]:
    """Return what each model reaches on single divisions, one per seed.

    Parameters
    ----------
    cohort : Cohort
        The development cohort.
    recipe : Recipe
        What to fit.
    share : float
        Of the patients, to be scored.
    at_days : float or None
        Horizon of probabilities.
    times : int
        Number of seeds; none gives nothing.
    executor : Executor
        Works on them.

    Returns
    -------
    dict of str to (seed,) float
        AUC or Harrell's C, by model; seeds that could not be fitted are named and left out.
    """
    stage = f"seeds {cohort.outcome.name}"
    tasks = []
    for number in range(times):
        rng = generator(recipe.seed, "seeds", number)
        fold = hold_out(cohort, share, rng, f"seed {number + 1}")
        tasks.append(Resample(cohort, recipe, fold, 0, at_days))
    on_event(Started(stage, times))
    found: dict[int, dict[str, float]] = {}
    for at, result in executor.work(resample, tasks):
        try:
            if isinstance(result, HepacastError):
                raise result
            outcome = cohort.of_patients(tasks[at].fold.score).outcome
            found[at] = {
                name: discrimination(outcome, as_out_of_fold(one))
                for name, one in result.predictions.items()
            }
        except HepacastError as error:
            on_event(Noticed(stage, f"seed {at + 1} could not be judged: {error}"))
        on_event(Advanced(stage, str(at + 1)))
    names = recipe.models.sets if found else ()
    return {name: np.array([found[at][name] for at in sorted(found)]) for name in names}
