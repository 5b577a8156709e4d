# SPDX-License-Identifier: Apache-2.0
"""From patients to aggregate figures that may leave their centre.

Every curve rests on bands of predicted risk between round numbers, each wide enough for
five patients with the event and five without; counts of one to four are not told.  So
neither a point of a curve nor what lies between two neighbours is about fewer than five.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hepacast._version import __version__
from hepacast.core.errors import NotEstimableError
from hepacast.core.outcome import DAYS_PER_MONTH, Binary, CompetingRisks, Survival
from hepacast.report.returned import (
    LEAST,
    Band,
    Benefit,
    GroupCurve,
    Limits,
    Returned,
    RocPoint,
)
from hepacast.stats.benefit import (
    decision_curve,
    decision_curve_competing,
    decision_curve_survival,
)
from hepacast.stats.calibration import calibration
from hepacast.stats.calibration_competing import calibration_competing
from hepacast.stats.calibration_survival import calibration_survival
from hepacast.stats.competing import cumulative_incidence
from hepacast.stats.concordance import harrell_c
from hepacast.stats.proportions import wilson_proportion
from hepacast.stats.roc import auc
from hepacast.stats.survival import kaplan_meier

if TYPE_CHECKING:
    from typing import Any

    from hepacast.core.outcome import Outcome
    from hepacast.run.predictor.validate import Tried
    from hepacast.stats.calibration import Calibration
    from hepacast.stats.calibration_survival import SurvivalCalibration
    from hepacast.stats.estimate import Estimate

SMALLEST = 20
"""Patients below which nothing is told."""
_DIGITS = 3
_TICK_MONTHS = 3.0


def summarise(tried: Tried, centre: str, day: str) -> Returned:
    """Make the figures that a centre sends back.

    Parameters
    ----------
    tried : Tried
        Scores and outcomes of its patients.
    centre : str
        As it calls itself.
    day : str
        Written on it.

    Raises
    ------
    NotEstimableError
        With so few patients, or events, that the figures would be about single ones.
    """
    outcome, found, about = tried.outcome, tried.found, tried.predictor.about
    happened = by_horizon(outcome, about.at_days)
    _require_enough(happened)
    edges = band_edges(found.probability, happened)
    binary = isinstance(outcome, Binary)
    return Returned(
        centre=centre,
        day=day,
        predictor=about.name,
        digest=tried.predictor.digest,
        model=about.model,
        outcome=about.outcome,
        at_days=about.at_days,
        software=__version__,
        n=len(outcome),
        events=int(happened.sum()),
        not_scored=cell(tried.not_scored),
        without_outcome=cell(tried.without_outcome),
        outside=cell(tried.outside),
        measure="AUC" if binary else "Harrell's C",
        discrimination=_discrimination(outcome, found.score),
        risk_mean=_short(found.probability.mean()),
        risk_sd=_short(found.probability.std()),
        bands=_bands(outcome, found.probability, happened, edges, about.at_days),
        decision=_decision(outcome, found.probability, edges[1:-1], about.at_days),
        roc=_roc(found.probability, happened, edges[1:-1]) if binary else (),
        groups=() if isinstance(outcome, Binary) else _groups(outcome, found.high),
        **_calibration(outcome, found.probability, edges[1:-1], about.at_days),
    )


def cell(count: int) -> int | None:
    """Return a count that may be told.

    >>> cell(0), cell(4), cell(5)
    (0, None, 5)
    """
    return None if 0 < count < LEAST else count


def by_horizon(outcome: Outcome, at_days: float | None) -> np.ndarray:
    """Mark the events seen by the horizon; who was censored before counts as without."""
    if isinstance(outcome, Binary) or at_days is None:
        return outcome.event
    return outcome.event & (outcome.time_days <= at_days)


def band_edges(risk: np.ndarray, happened: np.ndarray, least: int = LEAST) -> np.ndarray:
    """Choose round bounds of risk, so that every band holds enough of both kinds.

    Parameters
    ----------
    risk : (case,) float
        Predicted risk.
    happened : (case,) bool
        Event seen.
    least : int
        Of either kind, in every band.

    Returns
    -------
    (edge,) float
        From 0 to 1 in hundredths.

    Examples
    --------
    >>> risk = np.repeat([0.1, 0.2, 0.5, 0.6], 4)
    >>> band_edges(risk, np.arange(16) % 2 == 0, least=4).tolist()
    [0.0, 0.21, 1.0]
    """
    edges = [0.0]
    for edge in np.arange(1, 100) / 100:
        inside = (risk >= edges[-1]) & (risk < edge)
        beyond = risk >= edge
        parts = [inside & happened, inside & ~happened, beyond & happened, beyond & ~happened]
        if min(int(part.sum()) for part in parts) >= least:
            edges.append(float(edge))
    return np.array([*edges, 1.0])


def _require_enough(happened: np.ndarray) -> None:
    events, others = int(happened.sum()), int((~happened).sum())
    if events + others < SMALLEST or min(events, others) < LEAST:
        raise NotEstimableError(
            what=f"figures leave a centre from {SMALLEST} patients on, {LEAST} of either kind",
            got="fewer",
            fix="Wait for more patients, or share them within a data agreement.",
        )


def _short(value: float) -> float:
    return round(float(value), _DIGITS)


def _limits(found: Estimate | Any) -> Limits:  # noqa: ANN401 - whatever has limits
    low, high = found.low, found.high
    return Limits(
        value=_short(found.estimate),
        low=_short(low if np.isfinite(low) else 0.0),
        high=_short(high if np.isfinite(high) else 1.0),
    )


def _discrimination(outcome: Outcome, score: np.ndarray) -> Limits:
    if isinstance(outcome, Binary):
        return _limits(auc(score, outcome.event))
    return _limits(harrell_c(score, outcome.time_days, outcome.event))


def _bands(
    outcome: Outcome,
    risk: np.ndarray,
    happened: np.ndarray,
    edges: np.ndarray,
    at_days: float | None,
) -> tuple[Band, ...]:
    """Compare predicted and observed risk, band by band."""
    which = np.searchsorted(edges[1:-1], risk, side="right")
    bands = []
    for at in range(edges.size - 1):
        rows = which == at
        bands.append(
            Band(
                low=float(edges[at]),
                high=float(edges[at + 1]),
                n=int(rows.sum()),
                events=int(happened[rows].sum()),
                predicted=_short(risk[rows].mean()),
                observed=_observed(outcome, rows, at_days or 0.0),
            )
        )
    return tuple(bands)


def _observed(outcome: Outcome, rows: np.ndarray, at_days: float) -> Limits:
    """Estimate the risk of some cases from what happened to them."""
    if isinstance(outcome, Binary):
        return _limits(wilson_proportion(int(outcome.event[rows].sum()), int(rows.sum())))
    time = outcome.time_days[rows]
    if isinstance(outcome, CompetingRisks):
        return _limits(cumulative_incidence(time, outcome.cause[rows]).estimate_at(at_days))
    free = kaplan_meier(time, outcome.event[rows], conf_type="log-log").estimate_at(at_days)
    high = 1 - free.low if np.isfinite(free.low) else 1.0
    low = 1 - free.high if np.isfinite(free.high) else 0.0
    return Limits(value=_short(1 - free.estimate), low=_short(low), high=_short(high))


def _calibration(
    outcome: Outcome, risk: np.ndarray, inner: np.ndarray, at_days: float | None
) -> dict[str, Any]:
    """Assess calibration; nothing where predictions do not differ or follow-up is too short."""
    told: dict[str, Any] = {}
    found: Calibration | SurvivalCalibration
    try:
        if isinstance(outcome, Binary):
            found = one = calibration(risk, outcome.event)
            told = {"brier": _short(one.brier), "in_the_large": _limits(one.in_the_large)}
        elif isinstance(outcome, Survival):
            found = calibration_survival(risk, outcome.time_days, outcome.event, at_days or 0.0)
        else:
            rest = calibration_competing(risk, outcome.time_days, outcome.cause, at_days or 0.0)
            return {
                "slope": _limits(rest.slope),
                "observed_expected": _limits(rest.observed_expected),
            }
    except NotEstimableError:
        return {}
    smooth = np.interp(inner, found.curve.predicted, found.curve.observed)
    return {
        **told,
        "slope": _limits(found.slope),
        "observed_expected": _limits(found.observed_expected),
        "ici": _short(found.ici),
        "smooth": tuple(zip(inner.tolist(), map(_short, smooth), strict=True)),
    }


def _decision(
    outcome: Outcome, risk: np.ndarray, thresholds: np.ndarray, at_days: float | None
) -> tuple[Benefit, ...]:
    """Compute net benefit at the bounds of the bands."""
    if not thresholds.size:
        return ()
    try:
        if isinstance(outcome, Binary):
            curve = decision_curve(risk, outcome.event, thresholds)
        elif isinstance(outcome, Survival):
            curve = decision_curve_survival(
                risk, outcome.time_days, outcome.event, at_days or 0.0, thresholds
            )
        else:
            curve = decision_curve_competing(
                risk, outcome.time_days, outcome.cause, at_days or 0.0, thresholds
            )
    except NotEstimableError:
        return ()
    rows = zip(thresholds.tolist(), curve.model, curve.treat_all, strict=True)
    return tuple(Benefit(threshold=t, model=_short(m), treat_all=_short(a)) for t, m, a in rows)


def _roc(risk: np.ndarray, event: np.ndarray, thresholds: np.ndarray) -> tuple[RocPoint, ...]:
    """Compute sensitivity and specificity at the bounds of the bands."""
    return tuple(
        RocPoint(
            threshold=float(threshold),
            sensitivity=_short((risk[event] >= threshold).mean()),
            specificity=_short((risk[~event] < threshold).mean()),
        )
        for threshold in thresholds
    )


def _groups(outcome: Survival | CompetingRisks, high: np.ndarray) -> tuple[GroupCurve, ...]:
    """Draw survival of low and high risk; neither where one could be told from the other."""
    few = min(int(high.sum()), int((~high).sum())) < LEAST
    if few:
        return (GroupCurve(group="low risk", n=None), GroupCurve(group="high risk", n=None))
    return (
        _group("low risk", outcome, ~high),
        _group("high risk", outcome, high),
    )


def _group(name: Any, outcome: Survival | CompetingRisks, rows: np.ndarray) -> GroupCurve:  # noqa: ANN401 - a literal
    """Read a survival curve at round times between which nobody or enough patients leave."""
    months, event = outcome.time_days[rows] / DAYS_PER_MONTH, outcome.event[rows]
    curve = kaplan_meier(months, event)
    shown = [(0.0, 1.0, int(rows.sum()))]
    seen = 0
    for tick in np.arange(_TICK_MONTHS, months.max() + _TICK_MONTHS, _TICK_MONTHS):
        there = int((months > tick).sum())
        gone = int((event & (months <= tick)).sum())
        steps = (gone - seen, shown[-1][2] - there)
        if there >= LEAST and all(step == 0 or step >= LEAST for step in steps):
            shown.append((float(tick), _short(curve.at(tick)[0]), there))
            seen = gone
    ticks, survival, at_risk = zip(*shown, strict=True)
    return GroupCurve(
        group=name, n=int(rows.sum()), months=ticks, survival=survival, at_risk=at_risk
    )
