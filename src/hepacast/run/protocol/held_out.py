# SPDX-License-Identifier: Apache-2.0
"""Patients that a whole fit has never seen: test cohorts, and centres left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import HepacastError, NotEstimableError, StudyError
from hepacast.core.events import Advanced, Noticed, Started, ignore
from hepacast.core.folds import Fold
from hepacast.core.outcome import Binary
from hepacast.run.protocol.resample import OutOfFold, Resample, resample

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hepacast.core.events import Listener
    from hepacast.core.folds import Cohort
    from hepacast.core.outcome import Outcome
    from hepacast.run.protocol.apparent import Final
    from hepacast.run.protocol.chain import Prediction, Recipe
    from hepacast.run.protocol.cohorts import Scope
    from hepacast.run.work.execute import Executor


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """What models say about patients of one cohort, none of whom they learned from.

    Parameters
    ----------
    name : str
        As in the study file, or the centre left out.
    scope : {"internal", "external"}
        Whether they come from centres that were learned from.
    cohort : Cohort
        The cases, with what happened to them.
    models : mapping of str to OutOfFold
        Predictions by model.
    seen : int
        Patients that the models learned from.
    """

    name: str
    scope: Scope
    cohort: Cohort
    models: Mapping[str, OutOfFold]
    seen: int


def score_held_out(
    name: str, scope: Scope, cohort: Cohort, final: Final, at_days: float | None
) -> HeldOut:
    """Score a test cohort by the models that were fitted on the development cohort.

    Parameters
    ----------
    name : str
        Of the test cohort.
    scope : {"internal", "external"}
        Whether its patients come from centres that were learned from.
    cohort : Cohort
        Its cases.
    final : Final
        Models fitted on the development cohort.
    at_days : float or None
        Horizon of the probabilities.

    Raises
    ------
    LeakError
        If one of its patients was learned from.
    NotEstimableError
        If it lacks cases with the event, or without it.
    """
    require_both(name, cohort.outcome)
    found = final.fitted.predict(cohort.table, at_days)
    models = {model: as_out_of_fold(one) for model, one in found.items()}
    return HeldOut(name, scope, cohort, models, len(final.fitted.seen))


def leave_centres_out(
    cohort: Cohort,
    recipe: Recipe,
    at_days: float | None,
    executor: Executor,
    *,
    on_event: Listener = ignore,
) -> list[HeldOut]:
    """Score every centre by models that were fitted on all others.

    Parameters
    ----------
    cohort : Cohort
        The development cohort, with its centres.
    recipe : Recipe
        What to fit.
    at_days : float or None
        Horizon of probabilities.
    executor : Executor
        Works on the centres.
    on_event : callable
        Told of centres that cannot be judged: without events, or too small to leave out.

    Raises
    ------
    StudyError
        With fewer than two centres.
    """
    centres = sorted(set(cohort.sites))
    if len(centres) < 2:
        raise StudyError(
            what="leave_one_centre_out needs two centres in the development cohort",
            got=f"{len(centres)}",
            fix="Name the column in cases.site, or leave the setting out.",
        )
    stage = f"leave centres out {cohort.outcome.name}"
    everybody = frozenset(cohort.table.patients)
    tasks = []
    for centre in centres:
        rows = zip(cohort.table.patients, cohort.sites, strict=True)
        mine = frozenset(patient for patient, site in rows if site == centre)
        fold = Fold(everybody - mine, mine, label=f"centre {centre or 'unnamed'} left out")
        tasks.append(Resample(cohort, recipe, fold, 0, at_days))
    on_event(Started(stage, len(tasks)))
    found: dict[int, HeldOut] = {}
    for at, result in executor.work(resample, tasks):
        fold = tasks[at].fold
        if isinstance(result, HepacastError):
            on_event(Noticed(stage, f"{fold.label}: {result}"))
        else:
            part = cohort.of_patients(fold.score)
            try:
                require_both(fold.label, part.outcome)
                models = {n: as_out_of_fold(one) for n, one in result.predictions.items()}
                found[at] = HeldOut(fold.label, "external", part, models, len(result.seen))
            except NotEstimableError as error:
                on_event(Noticed(stage, str(error)))
        on_event(Advanced(stage, fold.label))
    return [found[at] for at in sorted(found)]


def as_out_of_fold(found: Prediction) -> OutOfFold:
    """Bring a single prediction into the form that results are computed from.

    Parameters
    ----------
    found : Prediction
        By one fit.
    """
    return OutOfFold(found.cases, found.score, found.probability, found.high, found.score[None])


def held_out_rows(found: Sequence[HeldOut]) -> list[tuple[str, int, int]]:
    """Return the lines of the leakage certificate: name, patients seen, patients scored.

    Parameters
    ----------
    found : sequence of HeldOut
        Test cohorts and centres left out.
    """
    return [(one.name, one.seen, len(set(one.cohort.table.patients))) for one in found]


def require_both(name: str, outcome: Outcome) -> None:
    """Refuse a cohort in which nobody, or (binary) everybody, had the event.

    Parameters
    ----------
    name : str
        Of the cohort.
    outcome : Binary, Survival or CompetingRisks
        What happened to its cases.

    Raises
    ------
    NotEstimableError
        If it lacks cases with the event, or without it.
    """
    events = int(np.count_nonzero(outcome.event))
    if not events or (isinstance(outcome, Binary) and events == len(outcome)):
        raise NotEstimableError(
            what=f"{name} needs cases with and without the event",
            got=f"{events} events among {len(outcome)} cases",
            fix="Make the cohort larger, or leave it out.",
        ).at(outcome=outcome.name)
