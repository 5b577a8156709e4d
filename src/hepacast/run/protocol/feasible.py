# SPDX-License-Identifier: Apache-2.0
"""Whether the cases can bear what the study asks of them, before anything is computed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import HepacastError, NotEstimableError, StudyError
from hepacast.core.outcome import DAYS_PER_MONTH, Binary
from hepacast.models import MODELS
from hepacast.run.protocol.chain import Recipe
from hepacast.run.protocol.cohorts import divide_patients, patients_of
from hepacast.run.protocol.flow import join, reasons_to_leave
from hepacast.run.protocol.recipe import with_baselines
from hepacast.run.settings.study import RadiomicsParams

if TYPE_CHECKING:
    from hepacast.core.outcome import Outcome
    from hepacast.run.gather import Materials
    from hepacast.run.settings.split import SplitParams
    from hepacast.run.settings.study import Study


def require_feasible(materials: Materials) -> None:
    """Refuse what the tables alone show to be impossible.

    Parameters
    ----------
    materials : Materials
        The study and its tables.

    Raises
    ------
    NotEstimableError
        If no case has all sources, an outcome has too few events or patients for the
        folds, or nobody is followed up to its horizon.
    StudyError, TableError
        If a phase is not in the case table, two sources hold one column, or the
        volume-only baseline has none.
    """
    study = materials.study
    _require_phases(materials)
    lost = reasons_to_leave(materials, {})
    if not materials.measured:
        columns = join(materials, {}, {}).columns
        with_baselines(
            Recipe(study.scores, study.models, columns, study.split.inner, study.split.seed)
        )
    kept = [case for case in materials.clinical.cases if case not in lost]
    develop = divide_patients(patients_of(materials, kept), study.split).develop
    for name, labelled in materials.labelled.items():
        there = np.flatnonzero([case in develop for case in labelled.cases])
        outcome = labelled.outcome.take(there)
        try:
            _require_classes(outcome, study.split)
            _require_patients(outcome, study)
            _require_horizon(outcome, getattr(study.outcomes[name], "horizon_months", None))
        except HepacastError as error:
            raise error.at(outcome=name) from None


def _require_phases(materials: Materials) -> None:
    """Ask for every phase that a feature block names in the case table."""
    there = list(dict.fromkeys(row.phase for row in materials.first_reading))
    for name, block in materials.measured.items():
        absent = [phase for phase in block.phases if block.phases != "all" and phase not in there]
        if absent:
            raise StudyError(
                what=f"features.{name} can measure only phases of the case table",
                got=f"{absent[0]!r}, where the table has {', '.join(map(repr, there))}",
                fix="Name the phases as the table does, letter by letter.",
            )
        measured = there if block.phases == "all" else block.phases
        for change in block.delta if isinstance(block, RadiomicsParams) else ():
            lost = [phase for phase in (change.before, change.after) if phase not in measured]
            if lost or change.before == change.after:
                raise StudyError(
                    what=f"features.{name}.delta needs two phases that the block measures",
                    got=f"{change.before!r} and {change.after!r} of {', '.join(measured)}",
                    fix="Name two of them, letter by letter.",
                )


def _require_classes(outcome: Outcome, split: SplitParams) -> None:
    """Ask for a case of each class in every outer fold, and in every inner one."""
    events = int(np.count_nonzero(outcome.event))
    classes = {"with the event": events}
    if isinstance(outcome, Binary):
        classes["without the event"] = len(outcome) - events
    elif outcome.horizon_days is not None:
        followed = outcome.time_days > outcome.horizon_days
        classes["without the event by the horizon"] = int(np.count_nonzero(followed))
    for which, cases in classes.items():
        least_in_training = cases - math.ceil(cases / split.outer)
        if cases < split.outer or least_in_training < split.inner:
            raise NotEstimableError(
                what="every fold needs cases with the event, and without it",
                got=f"{cases} cases {which} that have all sources, "
                f"for outer {split.outer} and inner {split.inner}",
                fix="Ask for fewer folds in split, or collect more cases.",
            )


def _require_patients(outcome: Outcome, study: Study) -> None:
    """Ask for a patient per fold that a step or model makes inside the innermost training part."""
    parts = [part for score in study.scores.values() for part in (*score.steps, score.model)]
    # The clinical-only baseline is a LASSO, whether the study asks for one or not.
    folds = [getattr(p, "folds", 0) for p in (*parts, study.models.fit, MODELS.parse("lasso"))]
    left = len(outcome)
    for divided in (study.split.outer, study.split.inner):
        left -= math.ceil(left / divided)
    if left < max(folds):
        raise NotEstimableError(
            what="the innermost training part needs a patient for each of its own folds",
            got=f"{left} patients for {max(folds)} folds, of {len(outcome)} cases that have all "
            f"sources, with outer {study.split.outer} and inner {study.split.inner}",
            fix="Collect more patients.",
        )


def _require_horizon(outcome: Outcome, months: float | None) -> None:
    """Ask for two cases followed up to the horizon: one is missing from some training part."""
    if months is None or isinstance(outcome, Binary):
        return
    follow_up = outcome.time_days / DAYS_PER_MONTH
    if np.count_nonzero(follow_up >= months) < 2:
        raise NotEstimableError(
            what="horizon_months must lie within the follow-up of at least two cases",
            got=f"{months:g} months, where the longest follow-up is {follow_up.max():.1f} months",
            fix="Choose an earlier horizon, and check the unit of time.",
        )
