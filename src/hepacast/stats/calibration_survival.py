# SPDX-License-Identifier: Apache-2.0
"""Do predicted risks at a horizon mean what they say?  Outcomes with censoring."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import NotEstimableError
from hepacast.stats.calibration import (
    CalibrationCurve,
    CalibrationGroups,
    quantile_groups,
)
from hepacast.stats.cox import CoxFit, fit_cox
from hepacast.stats.cox_curve import predicted_risk
from hepacast.stats.inputs import flags, probabilities, some_events, times
from hepacast.stats.smooth import spline_basis, spline_knots
from hepacast.stats.survival import kaplan_meier

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from numpy.typing import ArrayLike

    from hepacast.stats.estimate import Estimate

_EDGE = 1e-6


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SurvivalCalibration:
    """Calibration of predicted risks of the event by a horizon.

    Parameters
    ----------
    horizon : float
        In the unit of the times.
    slope : Estimate
        Cox coefficient of log(-log(1 - risk)); 1 is ideal, below 1 too extreme predictions.
    observed_expected : Estimate
        Kaplan-Meier risk at the horizon over the mean predicted risk; 1 is ideal.
    ici, e50, e90, e_max : float
        Mean, median, 90th percentile and maximum of |smooth observed - predicted| over cases.
    groups : CalibrationGroups
        Kaplan-Meier risk in groups of rising predicted risk.
    curve : CalibrationCurve
        Smooth observed risk with pointwise limits; the predictions count as known.
    n, events : int
        Cases, and events by the horizon.
    """

    horizon: float
    slope: Estimate
    observed_expected: Estimate
    ici: float
    e50: float
    e90: float
    e_max: float
    groups: CalibrationGroups
    curve: CalibrationCurve
    n: int
    events: int

    def sentence(self) -> str:
        """Write it as a manuscript would."""
        return (
            f"At {self.horizon:g}: {self.slope.sentence()}; {self.observed_expected.sentence()}; "
            f"integrated calibration index {self.ici:.3f} (spline)"
        )


def _need_horizon(
    time: Float[np.ndarray, " case"], event: Bool[np.ndarray, " case"], horizon: float
) -> None:
    if not (event & (time <= horizon)).any() or time.max() < horizon:
        raise NotEstimableError(
            what="calibration at a horizon needs events before it and follow-up to it",
            got=f"{int((event & (time <= horizon)).sum())} events by {horizon:g}, longest "
            f"follow-up {time.max():g}",
            fix="Choose an earlier horizon.",
        )


def calibration_groups_survival(
    probability: ArrayLike,
    time: ArrayLike,
    event: ArrayLike,
    horizon: float,
    *,
    groups: int = 5,
) -> CalibrationGroups:
    """Compare the Kaplan-Meier risk with the predicted one in groups of rising prediction.

    Parameters
    ----------
    probability : (case,) float
        Predicted risk of the event by the horizon.
    time : (case,) float
        Time to the event or to censoring.
    event : (case,) bool
        True where the event was seen.
    horizon : float
        In the unit of ``time``.
    groups : int
        Wanted; equal predictions stay together, so there may be fewer.

    Returns
    -------
    CalibrationGroups
        Log-log limits; they are 0 and 1 where a group's curve has reached 0.

    Examples
    --------
    >>> result = calibration_groups_survival([0.2, 0.2, 0.8, 0.8], [9, 9, 1, 9], [0, 1, 1, 0], 5,
    ...                                      groups=2)
    >>> result.observed.tolist()
    [0.0, 0.5]
    """
    happened = flags("event", event)
    follow = times(time, happened.size)
    risk = probabilities(probability, happened.size)
    _need_horizon(follow, happened, horizon)
    which = quantile_groups(risk, groups)
    n = np.bincount(which)
    curves = [
        kaplan_meier(follow[which == one], happened[which == one], conf_type="log-log")
        for one in range(n.size)
    ]
    points = [curve.estimate_at(horizon) for curve in curves]
    return CalibrationGroups(
        np.bincount(which, weights=risk) / n,
        np.array([1 - point.estimate for point in points]),
        np.array([1 - point.high if np.isfinite(point.high) else 0.0 for point in points]),
        np.array([1 - point.low if np.isfinite(point.low) else 1.0 for point in points]),
        n,
    )


def smooth_observed(
    probability: ArrayLike,
    time: ArrayLike,
    event: ArrayLike,
    horizon: float,
    at: ArrayLike,
    *,
    knots: int = 3,
) -> Float[np.ndarray, " point"]:
    """Observed risk by the horizon as a smooth function of the predicted one.

    Parameters
    ----------
    probability : (case,) float
        Predicted risk of the event by the horizon.
    time, event : (case,)
        Follow-up.
    horizon : float
        In the unit of ``time``.
    at : (point,) float
        Predicted risks at which to evaluate.
    knots : int
        Of the restricted cubic spline in log(-log(1 - risk)) of a Cox regression.

    Notes
    -----
    Source: Austin, Harrell and van Klaveren 2020, Stat Med 39:2714.

    Examples
    --------
    >>> rng = np.random.default_rng(2)
    >>> risk = rng.uniform(0.1, 0.9, 400)
    >>> follow = rng.exponential(-1 / np.log1p(-risk))
    >>> bool(abs(smooth_observed(risk, follow, follow < 2, 1.0, [0.5])[0] - 0.5) < 0.1)
    True
    """
    happened = flags("event", event)
    follow = times(time, happened.size)
    risk = probabilities(probability, happened.size)
    _need_horizon(follow, happened, horizon)
    where, fit, _ = _spline_fit(risk, follow, happened, knots)
    return fit.risk_at(spline_basis(complementary(probabilities(at)), where), horizon)


def smooth_band(
    probability: ArrayLike,
    time: ArrayLike,
    event: ArrayLike,
    horizon: float,
    at: ArrayLike,
    *,
    knots: int = 3,
    level: float = 0.95,
) -> CalibrationCurve:
    """Observed risk by the horizon as a smooth function of the predicted one, with limits.

    Parameters
    ----------
    probability, time, event, horizon, at, knots
        As for :func:`smooth_observed`.
    level : float
        Confidence level of the pointwise limits.

    Notes
    -----
    Limits as :func:`hepacast.stats.cox_curve.predicted_risk`; predictions count as known.

    Examples
    --------
    >>> rng = np.random.default_rng(2)
    >>> risk = rng.uniform(0.1, 0.9, 400)
    >>> follow = rng.exponential(-1 / np.log1p(-risk))
    >>> curve = smooth_band(risk, follow, follow < 2, 1.0, [0.5])
    >>> bool(curve.low[0] < 0.5 < curve.high[0])
    True
    """
    happened = flags("event", event)
    follow = times(time, happened.size)
    risk, places = probabilities(probability, happened.size), probabilities(at)
    _need_horizon(follow, happened, horizon)
    where, fit, basis = _spline_fit(risk, follow, happened, knots)
    wanted = spline_basis(complementary(places), where)
    found = predicted_risk(fit, basis, (follow, happened), wanted, horizon, level=level)
    return CalibrationCurve(places, found.risk, found.low, found.high)


def _spline_fit(
    risk: Float[np.ndarray, " case"],
    time: Float[np.ndarray, " case"],
    event: Bool[np.ndarray, " case"],
    knots: int,
) -> tuple[Float[np.ndarray, " knot"], CoxFit, Float[np.ndarray, "case term"]]:
    """Regress follow-up on a spline of the predicted risk; return knots, fit and basis."""
    scaled = complementary(risk)
    where = spline_knots(scaled, knots)
    basis = spline_basis(scaled, where)
    return where, fit_cox(basis, time, event), basis


def complementary(risk: Float[np.ndarray, " case"]) -> Float[np.ndarray, " case"]:
    """Return log(-log(1 - risk)): the scale on which hazards are proportional.

    >>> complementary(np.array([1 - np.exp(-1)])).round(9).tolist()
    [0.0]
    """
    scaled: Float[np.ndarray, " case"] = np.log(-np.log1p(-np.clip(risk, _EDGE, 1 - _EDGE)))
    return scaled


def calibration_survival(
    probability: ArrayLike,
    time: ArrayLike,
    event: ArrayLike,
    horizon: float,
    *,
    groups: int = 5,
    level: float = 0.95,
) -> SurvivalCalibration:
    """Assess the calibration of predicted risks by a horizon.

    Parameters
    ----------
    probability : (case,) float
        Predicted risk of the event by the horizon, of cases not learned from.
    time : (case,) float
        Time to the event or to censoring.
    event : (case,) bool
        True where the event was seen.
    horizon : float
        In the unit of ``time``.
    groups : int
        Of rising predicted risk, for the plot.
    level : float
        Confidence level.

    Raises
    ------
    NotEstimableError
        Without events by the horizon or follow-up to it, or if predictions hardly vary.

    Notes
    -----
    Slope: van Houwelingen 2000, Stat Med 19:3401.  Ratio: Crowson 2016, Stat Methods Med Res
    25:1692, with Greenwood's standard error and the expected risk taken as known.

    Examples
    --------
    >>> rng = np.random.default_rng(2)
    >>> risk = rng.uniform(0.1, 0.9, 400)
    >>> follow = rng.exponential(-1 / np.log1p(-risk))
    >>> result = calibration_survival(risk, follow, follow < 2, 1.0)
    >>> result.slope.low < 1 < result.slope.high
    True
    """
    happened = flags("event", event)
    follow = times(time, happened.size)
    risk = probabilities(probability, happened.size)
    some_events("calibration", happened)
    _need_horizon(follow, happened, horizon)
    table = fit_cox(complementary(risk), follow, happened, ["slope"], level=level).coefficients
    events = int((happened & (follow <= horizon)).sum())
    slope = table.estimate(
        0, "calibration slope", "Cox recalibration", n=happened.size, events=events
    )
    gap = np.abs(smooth_observed(risk, follow, happened, horizon, risk) - risk)
    at = np.linspace(risk.min(), risk.max(), 100)
    curve = smooth_band(risk, follow, happened, horizon, at, level=level)
    return SurvivalCalibration(
        horizon=horizon,
        slope=slope,
        observed_expected=_ratio(risk, follow, happened, horizon, level),
        ici=float(gap.mean()),
        e50=float(np.median(gap)),
        e90=float(np.quantile(gap, 0.9)),
        e_max=float(gap.max()),
        groups=calibration_groups_survival(risk, follow, happened, horizon, groups=groups),
        curve=curve,
        n=happened.size,
        events=events,
    )


def _ratio(
    risk: Float[np.ndarray, " case"],
    time: Float[np.ndarray, " case"],
    event: Bool[np.ndarray, " case"],
    horizon: float,
    level: float,
) -> Estimate:
    """Observed over expected risk, with limits from the Kaplan-Meier interval."""
    free = kaplan_meier(time, event, level=level, conf_type="log-log").estimate_at(horizon)
    seen = replace(free, estimate=1 - free.estimate, low=1 - free.high, high=1 - free.low)
    return over_expected(seen, risk, "Kaplan-Meier")


def over_expected(observed: Estimate, risk: Float[np.ndarray, " case"], curve: str) -> Estimate:
    """Return the observed risk of all cases over the mean of the predicted ones.

    Parameters
    ----------
    observed : Estimate
        Share with the event by the horizon, with log-log limits.
    risk : (case,) float
        Predicted risks by the horizon; their mean is taken as known.
    curve : str
        Where the observed share comes from.
    """
    expected = float(risk.mean())
    return replace(
        observed,
        name="observed/expected",
        estimate=observed.estimate / expected,
        low=observed.low / expected,
        high=observed.high / expected,
        se=observed.se / expected,
        n=risk.size,
        method=f"{curve}, log-log interval, expected risk known",
    )
