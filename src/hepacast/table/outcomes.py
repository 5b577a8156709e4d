# SPDX-License-Identifier: Apache-2.0
"""From columns of the clinical table to outcomes, with every exclusion counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field as Setting
from pydantic import PositiveFloat, model_validator

from hepacast.core.errors import NotEstimableError, StudyError, TableError
from hepacast.core.outcome import DAYS_PER_MONTH, Binary, CompetingRisks, Survival
from hepacast.core.params import Params
from hepacast.table.clinical import clean_cells, parse_cells

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jaxtyping import Float, Int

    from hepacast.core.outcome import Outcome
    from hepacast.table.clinical import ClinicalTable

Unit = Literal["days", "weeks", "months", "years"]
DAYS_PER: Mapping[str, float] = {
    "days": 1.0,
    "weeks": 7.0,
    "months": DAYS_PER_MONTH,
    "years": 12 * DAYS_PER_MONTH,
}


class SurvivalParams(Params):
    """Time to an event; cases without it are censored at their last contact."""

    kind: Literal["survival"] = "survival"
    time: str
    """Column with the time from the index date to the event or to the last contact."""
    unit: Unit
    """Unit of that column; there is no default, because a wrong guess looks plausible."""
    event: str
    """Column that says whether the event was seen."""
    event_level: str
    """Cell that means "seen"; named, because 0/1 and 1/2 codings are both common."""
    censored_level: str
    """Cell that means "not seen until the time given"."""
    horizon_months: PositiveFloat | None = None
    """Month at which calibration and net benefit are read; the median event time by default."""


class CompetingParams(Params):
    """Time to the first of several events."""

    kind: Literal["competing"] = "competing"
    time: str
    """Column with the time to the first event or to the last contact."""
    unit: Unit
    """Unit of that column."""
    event: str
    """Column that says which event came first."""
    event_level: str
    """Cell that means the event of interest."""
    competing_levels: tuple[str, ...] = Setting(min_length=1)
    """Cells that mean another event, which makes the event of interest impossible."""
    censored_level: str
    """Cell that means that none was seen until the time given."""
    horizon_months: PositiveFloat | None = None
    """Month at which calibration and net benefit are read; the median event time by default."""


class BinaryParams(Params):
    """An event, either plainly recorded or within a number of months."""

    kind: Literal["binary"] = "binary"
    event: str
    """Column that says whether (or which) event was seen."""
    event_level: str
    """Cell that means the event; named, because reversed codings are common."""
    other_levels: tuple[str, ...] = Setting(min_length=1)
    """Cells that mean no such event: without ``within_months`` the negatives, with it censored."""
    competing_levels: tuple[str, ...] = ()
    """Cells of another event that makes this one impossible; such cases count as without it."""
    within_months: PositiveFloat | None = None
    """Only events up to this month count; needs ``time`` and ``unit``."""
    time: str | None = None
    """Column with the time to the event or to the last contact."""
    unit: Unit | None = None
    """Unit of that column."""
    censored_early: Literal["exclude", "ipcw"] = "exclude"
    """Cases without the event whose follow-up ends before the horizon, so that their label is
    unknown. ``exclude``: they leave the study. ``ipcw``: they stay, with weight 0 where an event
    by the horizon counts, and those followed longer stand for them (inverse probability of
    censoring); models then learn from the times up to the horizon."""

    @model_validator(mode="after")
    def _timed(self) -> BinaryParams:
        """Ask for a time exactly when there is a horizon."""
        needed = {self.time is not None, self.unit is not None, self.within_months is not None}
        if len(needed) > 1:
            msg = "within_months, time and unit go together: give all three or none"
            raise ValueError(msg)
        if self.censored_early == "ipcw" and self.within_months is None:
            msg = "censored_early: ipcw needs within_months, time and unit"
            raise ValueError(msg)
        return self


OutcomeParams = Annotated[
    BinaryParams | SurvivalParams | CompetingParams, Setting(discriminator="kind")
]


@dataclass(frozen=True, slots=True, eq=False)
class Exclusion:
    """Cases that cannot be used for an outcome, and why."""

    reason: str
    cases: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class LabelledCases:
    """The cases that have an outcome, and those that have not.

    Parameters
    ----------
    cases : tuple of str
        In the order of ``outcome``.
    outcome : Binary, Survival or CompetingRisks
        What happened to them.
    excluded : tuple of Exclusion
        Everybody else, with the reason.
    """

    cases: tuple[str, ...]
    outcome: Outcome
    excluded: tuple[Exclusion, ...]


def label_cases(
    name: str, params: BinaryParams | SurvivalParams | CompetingParams, clinical: ClinicalTable
) -> LabelledCases:
    """Read one outcome from the clinical table.

    Parameters
    ----------
    name : str
        Of the outcome.
    params : BinaryParams, SurvivalParams or CompetingParams
        Its columns and what their cells mean.
    clinical : ClinicalTable
        Cases, cells and the dictionary.

    Raises
    ------
    TableError
        If a cell is none of the declared levels, or a time is negative.
    NotEstimableError
        If nobody, or everybody, had the event.

    Notes
    -----
    A binary outcome under ``censored_early: ipcw`` is a follow-up that ends at its horizon.
    """
    cause = _causes(name, params, clinical)
    if params.time is None:
        known = cause >= 0
        labelled = _keep(clinical, known, {"event not recorded": ~known})
        return _estimable(LabelledCases(labelled[0], Binary(cause[known] == 1, name), labelled[1]))
    days = read_days(params.time, params.unit or "days", clinical)
    known = (cause >= 0) & np.isfinite(days)
    reasons = {"time or event not recorded": ~known}
    outcome: Outcome
    if isinstance(params, BinaryParams):
        horizon = (params.within_months or np.inf) * DAYS_PER_MONTH
        if params.censored_early == "ipcw":
            cases, excluded = _keep(clinical, known, reasons)
            outcome = until(horizon, days[known], cause[known], name)
            return _estimable(LabelledCases(cases, outcome, excluded))
        early = known & (cause == 0) & (days < horizon)
        reasons[f"censored before {params.within_months:g} months"] = early
        known &= ~early
        cases, excluded = _keep(clinical, known, reasons)
        happened = (cause[known] == 1) & (days[known] <= horizon)
        return _estimable(LabelledCases(cases, Binary(happened, name), excluded))
    cases, excluded = _keep(clinical, known, reasons)
    if isinstance(params, SurvivalParams):
        outcome = Survival(days[known], cause[known] == 1, name)
    else:
        outcome = CompetingRisks(days[known], cause[known], name)
    return _estimable(LabelledCases(cases, outcome, excluded))


def until(
    horizon: float,
    days: Float[np.ndarray, " case"],
    cause: Int[np.ndarray, " case"],
    name: str,
) -> Survival | CompetingRisks:
    """End follow-up at the horizon: what happened later is not this outcome.

    Parameters
    ----------
    horizon : float
        Days; an event on this day counts, and whoever is followed to it without one is free of it.
    days : (case,) float
        Time to the first event or to the last contact.
    cause : (case,) int
        0 where censored, 1 for the event of interest, 2 for another event.
    name : str
        Of the outcome.

    Examples
    --------
    >>> found = until(730.0, np.array([100.0, 800.0, 730.0, 400.0]), np.array([1, 1, 0, 0]), "er")
    >>> found.event.tolist(), (found.time_days > 730).tolist()
    ([True, False, False, False], [False, True, True, False])
    """
    after = np.nextafter(horizon, np.inf)
    free = (days > horizon) | ((cause == 0) & (days == horizon))
    time, code = np.where(free, after, days), np.where(free, 0, cause)
    if (code > 1).any():
        return CompetingRisks(time, code, name, horizon)
    return Survival(time, code == 1, name, horizon)


def _described(column: str, role: str, clinical: ClinicalTable) -> None:
    """Refuse an outcome column that the dictionary does not call an outcome."""
    field = clinical.fields.get(column)
    if field is None or field.timing == "baseline":
        raise StudyError(
            what=f"the {role} column {column!r} must be in the dictionary with timing: outcome",
            got="no entry" if field is None else "timing: baseline",
            fix="Describe it as an outcome; then it can never become a predictor.",
        )


def _causes(
    name: str, params: BinaryParams | SurvivalParams | CompetingParams, clinical: ClinicalTable
) -> Int[np.ndarray, " case"]:
    """Read 1 for the event, 2 for a competing one, 0 for neither, -1 where not known."""
    _described(params.event, "event", clinical)
    others = params.other_levels if isinstance(params, BinaryParams) else (params.censored_level,)
    competing = getattr(params, "competing_levels", ())
    named = (params.event_level, *others, *competing)
    if twice := [level for level in named if named.count(level) > 1]:
        raise StudyError(
            what="one cell cannot mean both the event and something else",
            got=f"the level {twice[0]!r} is listed again",
            fix="Name every level once: event_level, censored_level or other_levels, "
            "competing_levels.",
        ).at(outcome=name)
    meaning = {params.event_level: 1, **dict.fromkeys(others, 0), **dict.fromkeys(competing, 2)}
    cells = clean_cells(clinical.text, params.event, clinical.fields[params.event])
    for row, cell in enumerate(cells):
        if cell is not None and cell not in meaning:
            raise TableError(
                what=f"column {params.event!r} must hold one of {', '.join(sorted(meaning))}",
                got=f"{cell!r} in row {row + 2}",
                fix="Declare what that level means in the study file's outcome.",
            ).at(file=clinical.text.source, case=clinical.cases[row], outcome=name)
    return np.array([-1 if cell is None else meaning[cell] for cell in cells])


def read_days(column: str, unit: Unit, clinical: ClinicalTable) -> Float[np.ndarray, " case"]:
    """Read a time column as days, and hold its unit against the dictionary.

    Parameters
    ----------
    column : str
        Described in the dictionary with ``timing: outcome``, so that it can never predict.
    unit : {"days", "weeks", "months", "years"}
        As in the dictionary.
    clinical : ClinicalTable
        Cases and their cells.

    Returns
    -------
    (case,) float
        NaN where the cell is empty.

    Raises
    ------
    StudyError
        If the dictionary lacks the column, or says another unit.
    TableError
        If a time is negative.
    """
    _described(column, "time", clinical)
    field = clinical.fields[column]
    if field.unit != unit:
        raise StudyError(
            what=f"unit of {column!r} must be the same in the study file and in the dictionary",
            got=f"{unit!r} and {field.unit!r}",
            fix="Find out which is right: weeks read as months look plausible.",
        )
    numbers = parse_cells(clinical.text, column, field, clinical.cases)
    if (negative := np.flatnonzero(numbers < 0)).size:
        row = int(negative[0])
        raise TableError(
            what=f"times in column {column!r} must not be negative",
            got=f"{numbers[row]:g} {unit} in row {row + 2} ({negative.size} rows in all)",
            fix="Mend the dates, or empty the cell so that the case is excluded by name.",
        ).at(file=clinical.text.source, case=clinical.cases[row])
    return numbers * DAYS_PER[unit]


def _keep(
    clinical: ClinicalTable,
    known: np.ndarray,
    reasons: Mapping[str, np.ndarray],
) -> tuple[tuple[str, ...], tuple[Exclusion, ...]]:
    """List the cases that stay, and the others by reason."""
    excluded = tuple(
        Exclusion(reason, tuple(np.array(clinical.cases)[rows].tolist()))
        for reason, rows in reasons.items()
        if rows.any()
    )
    return tuple(np.array(clinical.cases)[known].tolist()), excluded


def _estimable(labelled: LabelledCases) -> LabelledCases:
    """Refuse an outcome that nobody or everybody had."""
    outcome = labelled.outcome
    events = int(np.count_nonzero(outcome.event))
    nobody_left = isinstance(outcome, Binary) and events == len(outcome)
    if events == 0 or nobody_left:
        raise NotEstimableError(
            what=f"outcome {outcome.name!r} needs cases with and without the event",
            got=f"{events} events among {len(outcome)} cases",
            fix="Check event_level, the horizon and the unit of time.",
        )
    return labelled
