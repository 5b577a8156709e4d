# SPDX-License-Identifier: Apache-2.0
"""From predictions to what the report shows of one model in one set of patients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import NotEstimableError
from hepacast.core.outcome import DAYS_PER_MONTH, Binary, CompetingRisks
from hepacast.report import content as shown
from hepacast.run.survivals import risk_groups
from hepacast.stats.benefit import (
    decision_curve,
    decision_curve_competing,
    decision_curve_survival,
)
from hepacast.stats.calibration import calibration
from hepacast.stats.calibration_competing import calibration_competing
from hepacast.stats.calibration_survival import calibration_survival
from hepacast.stats.concordance import Concordance, compare_c, harrell_c
from hepacast.stats.cross_validated import (
    CrossValidated,
    compare_within_folds,
    within_fold_auc,
    within_fold_auc_at,
    within_fold_c,
)
from hepacast.stats.horizon import AtHorizon, compare_at, weighted_auc, weighted_brier
from hepacast.stats.horizon_competing import weights_at
from hepacast.stats.roc import auc, compare_auc, roc_curve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hepacast.core.outcome import Outcome, Survival
    from hepacast.run.protocol import OutOfFold
    from hepacast.run.study import EvaluateParams
    from hepacast.stats.calibration import CalibrationCurve, CalibrationGroups
    from hepacast.stats.estimate import Estimate

    Merit = Estimate | Concordance | CrossValidated | AtHorizon


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
        metrics=() if timed is None else _at_horizon(timed, found, at_days, seen, units),
        roc=_roc(outcome.event, found) if timed is None else None,
        calibration=_calibration(outcome, found, at_days),
        decision=_decision(outcome, found, at_days, thresholds),
        risk_groups=risk_groups(timed, found.high) if timed is not None else None,
        cases=_cases(outcome, found, at_days),
    )


def measure_of(outcome: Outcome) -> str:
    """Name what discrimination is measured by.

    Examples
    --------
    >>> measure_of(Binary(np.array([True, False])))
    'AUC'
    """
    if isinstance(outcome, Binary):
        return "AUC"
    return "Harrell's C" if outcome.horizon_days is None else auc_name(outcome.horizon_days)


def auc_name(days: float) -> str:
    """Name the AUC at a horizon.

    Examples
    --------
    >>> auc_name(730.5)
    'AUC at 24 months'
    """
    return f"AUC at {days / DAYS_PER_MONTH:.3g} months"


def discriminate(
    outcome: Outcome,
    found: OutOfFold,
    *,
    apparent: float | None = None,
    units: np.ndarray | None = None,
) -> Merit:
    """Estimate the AUC (weighted, where it is one at a horizon), or Harrell's C.

    Scores of several fits are compared within each fit only: across fits, chance
    turns them round.
    """
    if not isinstance(outcome, Binary) and outcome.horizon_days is not None:
        return _auc_at(outcome, found, outcome.horizon_days, apparent=apparent, units=units)
    if found.folds is None:
        if isinstance(outcome, Binary):
            return auc(found.score, outcome.event)
        return harrell_c(found.score, outcome.time_days, outcome.event)
    scores, folds = found.by_repeat, found.folds
    if isinstance(outcome, Binary):
        return within_fold_auc(scores, folds, outcome.event, apparent=apparent, units=units)
    return within_fold_c(
        scores, folds, outcome.time_days, outcome.event, apparent=apparent, units=units
    )


def _auc_at(
    outcome: Survival | CompetingRisks,
    found: OutOfFold,
    at_days: float,
    *,
    apparent: float | None = None,
    units: np.ndarray | None = None,
) -> AtHorizon | CrossValidated:
    """Estimate the AUC at a horizon; the weights are of the cases that are scored."""
    weights = weights_at(outcome.time_days, outcome.cause, at_days)
    if found.folds is None:
        return weighted_auc(found.score, weights)
    return within_fold_auc_at(found.by_repeat, found.folds, weights, apparent=apparent, units=units)


def _at_horizon(
    outcome: Survival | CompetingRisks,
    found: OutOfFold,
    at_days: float | None,
    seen: OutOfFold | None,
    units: np.ndarray | None,
) -> tuple[shown.Metric, ...]:
    """Compute the AUC at the horizon beside the concordance, where it can be estimated."""
    if outcome.horizon_days is not None or at_days is None:
        return ()
    try:
        apparent = None if seen is None else _auc_at(outcome, seen, at_days).estimate
        value = _auc_at(outcome, found, at_days, apparent=apparent, units=units)
    except NotEstimableError:
        return ()
    return (shown.Metric(name=auc_name(at_days), estimate=as_estimate(value)),)


def compare(
    outcome: Outcome,
    first: tuple[str, OutOfFold],
    second: tuple[str, OutOfFold],
    *,
    seen: Mapping[str, OutOfFold] | None = None,
    patients: Sequence[str] = (),
) -> shown.Comparison:
    """Compare the discrimination of two models on the same cases.

    Parameters
    ----------
    outcome : Binary, Survival or CompetingRisks
        What happened to the cases.
    first, second : (str, OutOfFold)
        Name and predictions of the models.
    seen : mapping of str to OutOfFold, optional
        What each model says about the cases that it learned from, as for :func:`evaluate`.
    patients : sequence of str
        Of the cases, where some patients have several.
    """
    (name_a, a), (name_b, b) = first, second
    units = np.array(patients) if patients else None

    def estimate(name: str, found: OutOfFold) -> Merit:
        merit = None if seen is None else discriminate(outcome, seen[name]).estimate
        return discriminate(outcome, found, apparent=merit, units=units)

    one, other = estimate(*first), estimate(*second)
    if isinstance(one, CrossValidated) and isinstance(other, CrossValidated):
        found = compare_within_folds(one, other)
    elif isinstance(one, Concordance) and isinstance(other, Concordance):
        found = compare_c(one, other)
    elif isinstance(one, AtHorizon) and isinstance(other, AtHorizon):
        found = compare_at(one, other)
    else:
        found = compare_auc(a.score, b.score, outcome.event)
    return shown.Comparison(
        model_a=name_a,
        model_b=name_b,
        measure=measure_of(outcome),
        difference=shown.Estimate(
            value=found.difference,
            low=found.low,
            high=found.high,
            method=found.method,
            sentence=found.sentence(),
        ),
        p=found.p,
        method=found.method,
        cohort="all cases, out of fold",
    )


def as_estimate(found: Merit) -> shown.Estimate:
    """Turn an estimate of the statistics room into what the report shows."""
    return shown.Estimate(
        value=found.estimate,
        low=found.low,
        high=found.high,
        level=found.level,
        method=found.method,
        sentence=found.sentence(),
    )


def event_by(outcome: Outcome, at_days: float | None) -> list[bool | None]:
    """Say for every case whether the event had come by the horizon; None where unknown."""
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
