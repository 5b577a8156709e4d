# SPDX-License-Identifier: Apache-2.0
"""From predictions to what the report shows of one model in one set of patients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import NotEstimableError
from hepacast.core.outcome import DAYS_PER_MONTH, Binary, CompetingRisks
from hepacast.report import content as shown
from hepacast.run.protocol.discrimination import as_estimate, at_horizon, discriminate, measure_of
from hepacast.run.protocol.survivals import risk_groups
from hepacast.stats.benefit import (
    decision_curve,
    decision_curve_competing,
    decision_curve_survival,
)
from hepacast.stats.calibration import calibration
from hepacast.stats.calibration_competing import calibration_competing
from hepacast.stats.calibration_survival import calibration_survival
from hepacast.stats.horizon import weighted_brier
from hepacast.stats.horizon_competing import weights_at
from hepacast.stats.roc import roc_curve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hepacast.core.outcome import Outcome, Survival
    from hepacast.run.protocol.resample import OutOfFold
    from hepacast.run.settings.study import EvaluateParams
    from hepacast.stats.calibration import CalibrationCurve, CalibrationGroups


def evaluate(
    outcome: Outcome,
    found: OutOfFold,
    at_days: float | None,
    settings: EvaluateParams,
    *,
    seen: OutOfFold | None = None,
    patients: Sequence[str] = (),
    apparent: bool = False,
) -> shown.Evaluation:
    """Compute all that is shown of one model.

    Parameters
    ----------
    outcome : Binary, Survival or CompetingRisks
        What happened to the cases of ``found``.
    found : OutOfFold
        Predictions.
    at_days : float or None
        Horizon of the probabilities, for outcomes with a time.
    settings : EvaluateParams
        Thresholds and risk groups.
    seen : OutOfFold, optional
        What the same model says about the cases that it learned from; it narrows the interval
        of a cross-validated discrimination.
    patients : sequence of str
        Of the cases, where some patients have several.
    apparent : bool
        True where the model had learned from these cases; stamped so.
    """
    thresholds = np.linspace(*settings.thresholds, 76)
    timed = None if isinstance(outcome, Binary) else outcome
    merit = None if seen is None else discriminate(outcome, seen).estimate
    units = np.array(patients) if patients else None
    return shown.Evaluation(
        cohort="all cases",
        scope="apparent" if apparent else "out-of-fold",
        n=len(outcome),
        events=int(outcome.event.sum()),
        discrimination=as_estimate(discriminate(outcome, found, apparent=merit, units=units)),
        measure=measure_of(outcome),
        metrics=() if timed is None else at_horizon(timed, found, at_days, seen, units),
        roc=_roc(outcome.event, found) if timed is None else None,
        calibration=_calibration(outcome, found, at_days),
        decision=_decision(outcome, found, at_days, thresholds),
        risk_groups=risk_groups(timed, found.high) if timed is not None else None,
        cases=_cases(outcome, found, at_days),
    )


def event_by(outcome: Outcome, at_days: float | None) -> list[bool | None]:
    """Say for every case whether the event had come by the horizon; None where unknown.

    Parameters
    ----------
    outcome : Binary, Survival or CompetingRisks
        What happened.
    at_days : float or None
        The horizon; a binary outcome has none.
    """
    if isinstance(outcome, Binary) or at_days is None:
        return [bool(happened) for happened in outcome.event]
    early = outcome.time_days <= at_days
    known = ~early | _settled(outcome)
    rows = zip(outcome.event & early, known, strict=True)
    return [bool(happened) if sure else None for happened, sure in rows]


def _settled(outcome: Survival | CompetingRisks) -> np.ndarray:
    """Mark the cases whose follow-up ended with an event of any kind."""
    return outcome.cause > 0 if isinstance(outcome, CompetingRisks) else outcome.event


def _roc(event: np.ndarray, found: OutOfFold) -> shown.Roc:
    curve = roc_curve(found.score, event)
    return shown.Roc(
        false_positive=1 - curve.specificity,
        sensitivity=curve.sensitivity,
        thresholds=curve.cutoff,
    )


def _calibration(
    outcome: Outcome, found: OutOfFold, at_days: float | None
) -> shown.Calibration | None:
    """Compute calibration; None where predictions do not differ or the horizon is not reached."""
    try:
        if isinstance(outcome, Binary):
            one = calibration(found.probability, outcome.event, groups=5)
            return shown.Calibration(
                slope=as_estimate(one.slope),
                intercept=as_estimate(one.in_the_large),
                brier=shown.Estimate(value=one.brier),
                ici=one.ici,
                points=_points(one.groups),
                method="five groups of rising predicted risk; loess",
                **_smooth(one.curve),
            )
        brier = _brier(outcome, found, at_days or 0.0)
        if isinstance(outcome, CompetingRisks):
            return _calibration_competing(outcome, found, at_days or 0.0, brier)
        timed = calibration_survival(
            found.probability, outcome.time_days, outcome.event, at_days or 0.0, groups=4
        )
    except NotEstimableError:
        return None
    return shown.Calibration(
        slope=as_estimate(timed.slope),
        brier=brier,
        horizon_months=(at_days or 0.0) / DAYS_PER_MONTH,
        ici=timed.ici,
        points=_points(timed.groups),
        method="four groups of rising predicted risk; 1 - Kaplan-Meier at the horizon; spline",
        **_smooth(timed.curve),
    )


def _calibration_competing(
    outcome: CompetingRisks, found: OutOfFold, at_days: float, brier: shown.Estimate | None
) -> shown.Calibration:
    one = calibration_competing(
        found.probability, outcome.time_days, outcome.cause, at_days, groups=4
    )
    return shown.Calibration(
        slope=as_estimate(one.slope),
        brier=brier,
        horizon_months=at_days / DAYS_PER_MONTH,
        points=_points(one.groups),
        method="four groups of rising predicted risk; Aalen-Johansen at the horizon",
    )


def _brier(
    outcome: Survival | CompetingRisks, found: OutOfFold, at_days: float
) -> shown.Estimate | None:
    """Compute the Brier score at the horizon; None without events by it or cases beyond it."""
    try:
        weights = weights_at(outcome.time_days, outcome.cause, at_days)
    except NotEstimableError:
        return None
    return as_estimate(weighted_brier(found.probability, weights))


def _points(groups: CalibrationGroups) -> tuple[shown.CalibrationPoint, ...]:
    columns = (groups.predicted, groups.observed, groups.low, groups.high, groups.n)
    return tuple(
        shown.CalibrationPoint(predicted=p, observed=o, low=low, high=high, n=n)
        for p, o, low, high, n in zip(*columns, strict=True)
    )


def _smooth(curve: CalibrationCurve) -> dict[str, np.ndarray]:
    return {
        "smooth_predicted": curve.predicted,
        "smooth_observed": curve.observed,
        "smooth_low": curve.low,
        "smooth_high": curve.high,
    }


def _decision(
    outcome: Outcome, found: OutOfFold, at_days: float | None, thresholds: np.ndarray
) -> shown.DecisionCurve | None:
    """Compute net benefit; None where nobody is followed up to the horizon."""
    try:
        if isinstance(outcome, Binary):
            curve = decision_curve(found.probability, outcome.event, thresholds)
        elif isinstance(outcome, CompetingRisks):
            curve = decision_curve_competing(
                found.probability, outcome.time_days, outcome.cause, at_days or 0.0, thresholds
            )
        else:
            curve = decision_curve_survival(
                found.probability, outcome.time_days, outcome.event, at_days or 0.0, thresholds
            )
    except NotEstimableError:
        return None
    return shown.DecisionCurve(
        thresholds=curve.thresholds,
        net_benefit=curve.model,
        treat_all=curve.treat_all,
        horizon_months=None if at_days is None else at_days / DAYS_PER_MONTH,
    )


def _cases(
    outcome: Outcome, found: OutOfFold, at_days: float | None
) -> tuple[shown.CaseScore, ...]:
    known = event_by(outcome, at_days)
    months = (
        [None] * len(outcome)
        if isinstance(outcome, Binary)
        else (outcome.time_days / DAYS_PER_MONTH).tolist()
    )
    rows = zip(found.cases, found.score, found.probability, found.high, known, months, strict=True)
    return tuple(
        shown.CaseScore(
            case=case,
            score=score,
            probability=probability,
            event=event,
            time_months=month,
            group="high risk" if high else "low risk",
        )
        for case, score, probability, high, event, month in rows
    )
