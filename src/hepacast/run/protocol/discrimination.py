# SPDX-License-Identifier: Apache-2.0
"""How well scores tell the cases with the event from the others: AUC, or Harrell's C."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import NotEstimableError
from hepacast.core.outcome import DAYS_PER_MONTH, Binary
from hepacast.report import content as shown
from hepacast.stats.concordance import Concordance, compare_c, harrell_c
from hepacast.stats.cross_validated import (
    CrossValidated,
    compare_within_folds,
    within_fold_auc,
    within_fold_auc_at,
    within_fold_c,
)
from hepacast.stats.horizon import AtHorizon, compare_at, weighted_auc
from hepacast.stats.horizon_competing import weights_at
from hepacast.stats.roc import auc, compare_auc

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hepacast.core.outcome import CompetingRisks, Outcome, Survival
    from hepacast.run.protocol.resample import OutOfFold
    from hepacast.stats.estimate import Estimate

    Merit = Estimate | Concordance | CrossValidated | AtHorizon


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

    Parameters
    ----------
    outcome : Binary, Survival or CompetingRisks
        What happened to the cases of ``found``.
    found : OutOfFold
        Predictions.
    apparent : float, optional
        The same measure on the cases learned from; it narrows the interval.
    units : (case,), optional
        Patients, where some have several cases.
    """
    if not isinstance(outcome, Binary) and outcome.horizon_days is not None:
        return auc_at_horizon(outcome, found, outcome.horizon_days, apparent=apparent, units=units)
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


def auc_at_horizon(
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


def at_horizon(
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
        apparent = None if seen is None else auc_at_horizon(outcome, seen, at_days).estimate
        value = auc_at_horizon(outcome, found, at_days, apparent=apparent, units=units)
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
    """Turn an estimate of the statistics room into what the report shows.

    Parameters
    ----------
    found : Estimate, Concordance, CrossValidated or AtHorizon
        With its interval.
    """
    return shown.Estimate(
        value=found.estimate,
        low=found.low,
        high=found.high,
        level=found.level,
        method=found.method,
        sentence=found.sentence(),
    )


def discrimination(outcome: Outcome, found: OutOfFold) -> float:
    """Return the AUC of a binary outcome, or Harrell's C, within folds.

    Parameters
    ----------
    outcome : Binary, Survival or CompetingRisks
        What happened to the cases of ``found``.
    found : OutOfFold
        Predictions.
    """
    return discriminate(outcome, found).estimate
