# SPDX-License-Identifier: Apache-2.0
"""What is checked of a cohort before anything is trained on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import NotEstimableError, TableError
from hepacast.core.outcome import DAYS_PER_MONTH, Binary
from hepacast.report import content as shown
from hepacast.select.univariate import concordance
from hepacast.stats.precision import expected_auc_width, riley_binary, riley_survival
from hepacast.stats.tables import describe_by_group

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jaxtyping import Bool, Float

    from hepacast.core.folds import Cohort
    from hepacast.core.outcome import Outcome
    from hepacast.core.table import FeatureName, FeatureTable
    from hepacast.run.protocol.held_out import HeldOut
    from hepacast.table.outcomes import LabelledCases

FINGERPRINT = 5
"""Measured columns whose equality to the last digit shows one patient twice."""
MOSTLY_MISSING = 0.5
"""Share of missing values from which a column is named."""
CONFOUNDED_P = 0.05
WIDE = 0.2
"""An interval of the AUC wider than this does not tell a good model from a poor one."""


def require_different_patients(cohort: Cohort, measured: Sequence[FeatureName]) -> None:
    """Refuse two patients with the same measurements: a copy, or an oversampled table.

    Raises
    ------
    TableError
        Naming the first pair.

    Notes
    -----
    Needs five measured columns that differ in most cases; lesions of one patient
    are not compared.
    """
    values = cohort.table.select(tuple(measured)).values if measured else np.empty((0, 0))
    continuous = np.array(
        [
            bool(np.isfinite(column).all()) and len(np.unique(column)) > 0.5 * len(values)
            for column in values.T
        ],
        dtype=bool,
    )
    if continuous.sum() < FINGERPRINT:
        return
    seen: dict[bytes, int] = {}
    for row, prints in enumerate(np.ascontiguousarray(values[:, continuous])):
        first = seen.setdefault(prints.tobytes(), row)
        patients = cohort.table.patients
        if patients[first] != patients[row]:
            raise TableError(
                what="two patients do not have the same measurements to the last digit",
                got=f"{cohort.table.cases[first]} and {cohort.table.cases[row]}, equal in "
                f"{int(continuous.sum())} columns",
                fix="Remove the copy. A table that was oversampled or imputed must go back to "
                "the patients as they were measured.",
            ).at(outcome=cohort.outcome.name)


def readiness(
    name: str, cohort: Cohort, candidates: Sequence[FeatureName], at_days: float | None
) -> tuple[shown.Precision, ...]:
    """Say what a cohort can bear and what is wrong with its columns, before training.

    Parameters
    ----------
    name : str
        Outcome.
    cohort : Cohort
        The development cohort.
    candidates : sequence of FeatureName
        Columns that models choose from.
    at_days : float or None
        Horizon, for outcomes with a time.
    """
    table = cohort.table.select(tuple(candidates))
    found = [
        _sample_size(name, cohort.outcome, len(candidates), at_days),
        _columns(name, table),
        _separable(name, table, cohort.outcome),
        _scales(name, table),
        confounded(name, cohort),
    ]
    return tuple(one for one in found if one is not None)


def expected_widths(name: str, tests: Sequence[HeldOut]) -> tuple[shown.Precision, ...]:
    """Say how wide the interval of an AUC of 0.75 will be on every test cohort.

    Parameters
    ----------
    name : str
        Of the outcome.
    tests : sequence of HeldOut
        Test cohorts.
    """
    found = []
    for one in tests:
        n, events = len(one.cohort), int(one.cohort.outcome.event.sum())
        if not isinstance(one.cohort.outcome, Binary) or min(events, n - events) < 2:
            continue
        width = expected_auc_width(0.75, n, events / n)
        text = (
            f"Test cohort {one.name}: with {events} events among {n} cases the 95 % interval of "
            f"an AUC of 0.75 is about {width:.2f} wide (Hanley and McNeil 1982)."
        )
        topic = f"Expected width of the AUC interval, {one.name}"
        note = shown.Precision(outcome=name, topic=topic, text=text, value=width, warn=width > WIDE)
        found.append(note)
    return tuple(found)


def _sample_size(
    name: str, outcome: Outcome, parameters: int, at_days: float | None
) -> shown.Precision | None:
    """Hold the cohort against Riley's criteria for all candidate columns."""
    if not parameters:
        return None
    try:
        if isinstance(outcome, Binary):
            needed = riley_binary(parameters, float(outcome.event.mean()))
        else:
            months = outcome.time_days / DAYS_PER_MONTH
            rate = float(outcome.event.sum() / months.sum())
            horizon = (at_days or float(outcome.time_days.max())) / DAYS_PER_MONTH
            needed = riley_survival(parameters, rate, horizon, float(months.mean()))
    except NotEstimableError:
        return None
    return shown.Precision(
        outcome=name,
        topic="Sample size (Riley)",
        text=f"{needed.sentence()}; there are {len(outcome)}. Columns that are looked at count, "
        "whether or not they are chosen.",
        value=needed.cases,
        warn=needed.cases > len(outcome),
    )


def _columns(name: str, table: FeatureTable) -> shown.Precision | None:
    """Name columns that are constant, or mostly missing."""
    missing = ~np.isfinite(table.values)
    sparse = missing.mean(axis=0) >= MOSTLY_MISSING
    filled = np.where(missing, np.nan, table.values)
    with np.errstate(invalid="ignore"):
        low = np.where(missing, np.inf, filled).min(axis=0, initial=np.inf)
        high = np.where(missing, -np.inf, filled).max(axis=0, initial=-np.inf)
    constant = low >= high
    bad: Bool[np.ndarray, " feature"] = sparse | constant
    if not bad.any():
        return None
    first = [table.columns[at].label for at in np.flatnonzero(bad)[:5]]
    return shown.Precision(
        outcome=name,
        topic="Columns that say little",
        text=f"{int(constant.sum())} columns are constant and {int((sparse & ~constant).sum())} "
        f"miss half of their values or more, among them {', '.join(first)}.",
        value=int(bad.sum()),
        warn=bool(sparse.any()),
    )


def _separable(name: str, table: FeatureTable, outcome: Outcome) -> shown.Precision | None:
    """Name columns that divide the classes without an error: a leak, most often."""
    complete = np.isfinite(table.values).all(axis=0)
    if not isinstance(outcome, Binary) or not complete.any():
        return None
    strength = np.abs(concordance(table.values[:, complete], outcome) - 0.5)
    perfect = np.flatnonzero(complete)[strength >= 0.5 - 1e-12]
    if not perfect.size:
        return None
    first = [table.columns[at].label for at in perfect[:5]]
    return shown.Precision(
        outcome=name,
        topic="Perfect columns",
        text=f"{len(perfect)} columns alone divide the cases with the event from those without "
        f"it, among them {', '.join(first)}. Make sure that they were known before it.",
        value=len(perfect),
        warn=True,
    )


def _scales(name: str, table: FeatureTable) -> shown.Precision | None:
    """Name clinical numbers that look as if two units were mixed; nothing is converted."""
    mixed = [
        column.label
        for at, column in enumerate(table.columns)
        if column.family == "clinical" and two_scales(table.values[:, at])
    ]
    if not mixed:
        return None
    return shown.Precision(
        outcome=name,
        topic="Mixed units",
        text=f"The values of {', '.join(mixed)} fall into two groups that lie a factor of five or "
        "more apart, with nothing between: two units in one column, most often.",
        value=len(mixed),
        warn=True,
    )


def two_scales(values: Float[np.ndarray, " case"]) -> bool:
    """Tell whether positive values fall into two groups of a tenth or more with a wide gap.

    Examples
    --------
    >>> grams_per_litre = np.array([35.0, 38.0, 41.0, 44.0, 40.0, 39.0])
    >>> two_scales(grams_per_litre), two_scales(np.append(grams_per_litre, [3.8, 4.1]))
    (False, True)
    """
    known = np.sort(values[np.isfinite(values) & (values > 0)])
    # Codes and small counts have gaps of their own.
    if len(known) < 5 or len(np.unique(known)) < 5:
        return False
    ratio = known[1:] / known[:-1]
    at = int(np.argmax(ratio)) + 1
    least = min(at, len(known) - at)
    apart = float(np.median(known[at:]) / np.median(known[:at]))
    return bool(ratio.max() > 3 and least >= 0.1 * len(known) and apart >= 5)


def out_of_order(labelled: Mapping[str, LabelledCases]) -> list[tuple[str, str]]:
    """List events that come after the end of follow-up, as another outcome has it.

    Parameters
    ----------
    labelled : mapping of str to LabelledCases
        All outcomes.

    Returns
    -------
    list of (str, str)
        Where, and what.  An outcome whose times are the longest in nine of ten cases
        (death, last contact) is taken as the end.
    """
    timed = {n: one for n, one in labelled.items() if not isinstance(one.outcome, Binary)}
    found = []
    for name, one in timed.items():
        for other, last in timed.items():
            row = {case: at for at, case in enumerate(last.cases)}
            both = [(at, row[c]) for at, c in enumerate(one.cases) if c in row]
            if other == name or not both:
                continue
            here, there = np.array(both).T
            mine, end = _days(one.outcome)[here], _days(last.outcome)[there]
            late = (mine > end + 1) & one.outcome.event[here]
            if late.any() and (mine <= end + 1).mean() >= 0.9:
                cases = [one.cases[at] for at in here[late]]
                said = f"{len(cases)} events after the end of {other}: {', '.join(cases[:9])}"
                found.append((f"outcome {name}", said))
    return found


def _days(outcome: Outcome) -> Float[np.ndarray, " case"]:
    """Return the times of an outcome that has them."""
    days: Float[np.ndarray, " case"] = outcome.time_days  # type: ignore[union-attr]
    return days


def confounded(name: str, cohort: Cohort) -> shown.Precision | None:
    """Say whether the event is more frequent in some centres; None with one centre.

    Parameters
    ----------
    name : str
        Of the outcome.
    cohort : Cohort
        Cases with their centres.
    """
    sites = np.array(cohort.sites)
    every = np.unique(sites)
    if len(every) < 2:
        return None
    event = cohort.outcome.event
    shares = ", ".join(
        f"{site or 'unnamed'} {int(event[sites == site].sum())} of {int((sites == site).sum())}"
        for site in every
    )
    group = np.where(event, "event", "none")
    test = describe_by_group(sites.tolist(), group, name="centre", kind="categorical").test
    p = None if test is None else test.p
    return shown.Precision(
        outcome=name,
        topic="Centre and outcome",
        text=f"Events by centre: {shares}"
        + (f" (P = {p:.3g})" if p is not None else "")
        + ". Where they differ, whatever tells the centres apart (scanner, protocol) forecasts.",
        value=p,
        warn=p is not None and p < CONFOUNDED_P,
    )
