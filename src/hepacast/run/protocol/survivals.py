# SPDX-License-Identifier: Apache-2.0
"""Survival curves as the report shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import NotEstimableError
from hepacast.core.outcome import DAYS_PER_MONTH
from hepacast.report import content as shown
from hepacast.stats.survival import kaplan_meier, logrank

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Shaped

    from hepacast.core.outcome import CompetingRisks, Survival

STEPS_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120)
"""Distances of the ticks; the first that gives at most six is taken."""


def overall(outcome: Survival | CompetingRisks) -> shown.Survivals:
    """Return the Kaplan-Meier curve of all cases.

    Parameters
    ----------
    outcome : Survival or CompetingRisks
        What happened; events of a competing cause count as censored.
    """
    everybody = np.ones(len(outcome), dtype=np.bool_)
    ticks = ticks_months(outcome)
    return shown.Survivals(
        curves=(_curve(outcome, everybody, "all cases", ticks),), ticks_months=ticks
    )


def risk_groups(
    outcome: Survival | CompetingRisks, high: Bool[np.ndarray, " case"]
) -> shown.Survivals | None:
    """Return the curves of low and high risk; None where one group is empty.

    Deaths from a competing cause count as censored: the curves show the hazard
    of the event itself.

    Parameters
    ----------
    outcome : Survival or CompetingRisks
        What happened.
    high : (case,) bool
        True where the predicted risk is high.
    """
    if high.all() or not high.any():
        return None
    ticks = ticks_months(outcome)
    try:
        test = logrank(outcome.time_days, outcome.event, high)
    except NotEstimableError:
        test = None
    return shown.Survivals(
        curves=(
            _curve(outcome, ~high, "low risk", ticks),
            _curve(outcome, high, "high risk", ticks),
        ),
        ticks_months=ticks,
        logrank_p=test.p if test else None,
        method=test.method if test else "",
        cut=shown.Cut(value=None, rule="median score", fitted_on="training part of every fold"),
    )


def by_class(
    outcome: Survival | CompetingRisks, group: Shaped[np.ndarray, " case"]
) -> shown.Survivals:
    """Return a curve for every class, and the log-rank test.

    Parameters
    ----------
    outcome : Survival or CompetingRisks
        What happened; events of a competing cause count as censored.
    group : (case,) str
        Class of every case; names come in falling order, which sets "low" before "high".
    """
    names, ticks = sorted(set(group.tolist()), reverse=True), ticks_months(outcome)
    try:
        test = logrank(outcome.time_days, outcome.event, group)
    except NotEstimableError:
        test = None
    return shown.Survivals(
        curves=tuple(_curve(outcome, group == name, name, ticks) for name in names),
        ticks_months=ticks,
        logrank_p=test.p if test else None,
        method=test.method if test else "",
    )


def ticks_months(outcome: Survival | CompetingRisks) -> Float[np.ndarray, " tick"]:
    """Return round months for the table of numbers at risk.

    Parameters
    ----------
    outcome : Survival or CompetingRisks
        Its longest follow-up sets the distance.
    """
    last = float(outcome.time_days.max()) / DAYS_PER_MONTH
    step = next((s for s in STEPS_MONTHS if last / s <= 6), STEPS_MONTHS[-1])
    return np.arange(0, last + 1e-9, step)


def _curve(
    outcome: Survival | CompetingRisks,
    rows: Bool[np.ndarray, " case"],
    label: str,
    ticks: Float[np.ndarray, " tick"],
) -> shown.SurvivalCurve:
    months = outcome.time_days[rows] / DAYS_PER_MONTH
    event = outcome.event[rows]
    curve = kaplan_meier(months, event)
    return shown.SurvivalCurve(
        label=label,
        n=int(rows.sum()),
        events=int(event.sum()),
        time_months=curve.times,
        survival=curve.survival,
        low=curve.low,
        high=curve.high,
        censored_months=np.sort(months[~event]),
        at_risk=curve.numbers_at_risk(ticks),
        median_months=_median(curve.quantile(0.5)),
    )


def _median(quantile: tuple[float, float, float]) -> shown.Estimate | None:
    """Return the median where the curve reaches it; a limit not reached stays infinite."""
    middle, low, high = quantile
    if not np.isfinite(middle):
        return None
    return shown.Estimate(value=middle, low=low, high=high, method="Kaplan-Meier, log interval")
