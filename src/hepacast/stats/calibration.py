# SPDX-License-Identifier: Apache-2.0
"""Do predicted risks mean what they say?  Yes-or-no outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special, stats

from hepacast.core.errors import NotEstimableError
from hepacast.stats.estimate import Estimate, HypothesisTest, z_of
from hepacast.stats.inputs import both_classes, flags, probabilities
from hepacast.stats.proportions import wilson_proportion
from hepacast.stats.regression import fit_logistic
from hepacast.stats.smooth import loess

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from numpy.typing import ArrayLike

_EDGE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationGroups:
    """Observed against predicted risk in groups of rising predicted risk.

    Parameters
    ----------
    predicted, observed : (group,) float
        Mean predicted risk and observed share (Kaplan-Meier risk, for survival).
    low, high : (group,) float
        95 % limits of the observed share (Wilson's; Kaplan-Meier's log-log, for survival).
    n : (group,) int
        Cases.
    """

    predicted: Float[np.ndarray, " group"]
    observed: Float[np.ndarray, " group"]
    low: Float[np.ndarray, " group"]
    high: Float[np.ndarray, " group"]
    n: Int[np.ndarray, " group"]


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationCurve:
    """Smooth observed risk over predicted risk.

    Parameters
    ----------
    predicted, observed, low, high : (point,) float
        Predicted risk, fitted observed risk, and 95 % limits; cut at 0 and 1.
    """

    predicted: Float[np.ndarray, " point"]
    observed: Float[np.ndarray, " point"]
    low: Float[np.ndarray, " point"]
    high: Float[np.ndarray, " point"]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Calibration:
    """Calibration of predicted probabilities.

    Parameters
    ----------
    slope : Estimate
        Coefficient of the log odds; 1 is ideal, below 1 means too extreme predictions.
    in_the_large : Estimate
        Intercept with the slope held at 1; 0 is ideal, above 0 means risks are too low.
    intercept : float
        Intercept of the fit with free slope.
    observed_expected : Estimate
        Observed over expected events; 1 is ideal.
    brier, brier_scaled : float
        Mean squared error, and 1 minus its ratio to that of predicting the prevalence.
    ici, e50, e90, e_max : float
        Mean, median, 90th percentile and maximum of |smooth observed - predicted| over cases.
    spiegelhalter : HypothesisTest
        Test that the predictions are calibrated.
    groups : CalibrationGroups
        Points for the plot.
    curve : CalibrationCurve
        Smooth line for the plot.
    n, events, clipped : int
        Cases, events, and predictions of exactly 0 or 1 that were moved by 1e-6.
    """

    slope: Estimate
    in_the_large: Estimate
    intercept: float
    observed_expected: Estimate
    brier: float
    brier_scaled: float
    ici: float
    e50: float
    e90: float
    e_max: float
    spiegelhalter: HypothesisTest
    groups: CalibrationGroups
    curve: CalibrationCurve
    n: int
    events: int
    clipped: int

    def sentence(self) -> str:
        """Write it as a manuscript would."""
        return (
            f"{self.slope.sentence()}; {self.in_the_large.sentence()}; "
            f"Brier score {self.brier:.3f}; integrated calibration index {self.ici:.3f} (loess)"
        )


def brier_score(probability: ArrayLike, event: ArrayLike) -> float:
    """Mean squared difference of predicted probability and outcome.

    >>> brier_score([0.2, 0.9], [0, 1])
    0.025
    """
    happened = flags("event", event)
    risk = probabilities(probability, happened.size)
    return float(np.mean((risk - happened) ** 2))


def spiegelhalter_test(probability: ArrayLike, event: ArrayLike) -> HypothesisTest:
    """Spiegelhalter's z test that predicted risks are right.

    Parameters
    ----------
    probability, event : (case,)
        Predicted risk; True where the event happened.

    Notes
    -----
    Source: Spiegelhalter 1986, Stat Med 5:421.

    Examples
    --------
    >>> round(spiegelhalter_test([0.2, 0.7, 0.4, 0.9], [0, 1, 1, 1]).p, 3)
    0.615
    """
    happened = flags("event", event)
    risk = probabilities(probability, happened.size)
    spread = float(((1 - 2 * risk) ** 2 * risk * (1 - risk)).sum())
    if spread <= 0:
        raise NotEstimableError(
            what="Spiegelhalter's test needs predictions other than 0, 0.5 and 1",
            got="none",
            fix="Report the Brier score alone.",
        )
    z = float(((happened - risk) * (1 - 2 * risk)).sum() / np.sqrt(spread))
    return HypothesisTest(
        name="calibration",
        statistic=z,
        df=float("nan"),
        p=float(2 * stats.norm.sf(abs(z))),
        method="Spiegelhalter z test",
    )


def quantile_groups(values: Float[np.ndarray, " case"], groups: int) -> Int[np.ndarray, " case"]:
    """Divide cases by rising value into groups of about equal size; equal values stay together.

    >>> quantile_groups(np.array([0.1, 0.2, 0.2, 0.9]), 2).tolist()
    [0, 0, 0, 1]
    """
    edges = np.unique(np.quantile(values, np.linspace(0, 1, groups + 1)))[1:-1]
    number: Int[np.ndarray, " case"] = np.searchsorted(edges, values, side="left")
    return np.unique(number, return_inverse=True)[1]


def hosmer_lemeshow(
    probability: ArrayLike, event: ArrayLike, *, groups: int = 10, external: bool = False
) -> HypothesisTest:
    """Hosmer-Lemeshow test over groups of predicted risk.

    Parameters
    ----------
    probability : (case,) float
        Predicted risk.
    event : (case,) bool
        True where the event happened.
    groups : int
        Wanted; equal predictions stay together, so there may be fewer.
    external : bool
        The predictions come from other cases: ``groups`` degrees of freedom instead of two
        fewer.

    Notes
    -----
    Weak in small cohorts, and dependent on the grouping: show the curve instead.  Source:
    Hosmer and Lemeshow 1980, Commun Stat A9:1043.

    Examples
    --------
    >>> risk = np.linspace(0.05, 0.95, 40)
    >>> hosmer_lemeshow(risk, risk > 0.5, groups=4).p < 0.05
    True
    """
    happened = flags("event", event)
    risk = probabilities(probability, happened.size)
    which = quantile_groups(risk, groups)
    n = np.bincount(which)
    df = n.size - (0 if external else 2)
    expected = np.bincount(which, weights=risk)
    if df < 1 or (expected <= 0).any() or (expected >= n).any():
        raise NotEstimableError(
            what="the Hosmer-Lemeshow test needs three groups with risks between 0 and 1",
            got=f"{n.size} groups of different predicted risk",
            fix="Use fewer groups, or show the calibration curve.",
        )
    observed = np.bincount(which, weights=happened)
    statistic = float(((observed - expected) ** 2 / (expected * (1 - expected / n))).sum())
    return HypothesisTest(
        name="calibration",
        statistic=statistic,
        df=df,
        p=float(stats.chi2.sf(statistic, df)),
        method=f"Hosmer-Lemeshow test, {n.size} groups",
    )


def calibration_groups(
    probability: ArrayLike, event: ArrayLike, *, groups: int = 10
) -> CalibrationGroups:
    """Compare observed and predicted risk in groups of rising predicted risk.

    Parameters
    ----------
    probability : (case,) float
        Predicted risk.
    event : (case,) bool
        True where the event happened.
    groups : int
        Wanted; equal predictions stay together, so there may be fewer.

    Examples
    --------
    >>> result = calibration_groups([0.1, 0.2, 0.7, 0.8], [0, 0, 1, 0], groups=2)
    >>> result.predicted.round(2).tolist(), result.observed.tolist()
    ([0.15, 0.75], [0.0, 0.5])
    """
    happened = flags("event", event)
    risk = probabilities(probability, happened.size)
    which = quantile_groups(risk, groups)
    n = np.bincount(which)
    hits = np.bincount(which, weights=happened).astype(int)
    shares = [wilson_proportion(int(k), int(m)) for k, m in zip(hits, n, strict=True)]
    return CalibrationGroups(
        np.bincount(which, weights=risk) / n,
        hits / n,
        np.array([share.low for share in shares]),
        np.array([share.high for share in shares]),
        n,
    )


def _recalibrate(
    odds: Float[np.ndarray, " case"], event: Bool[np.ndarray, " case"], level: float
) -> tuple[Estimate, Estimate, float]:
    n, events = event.size, int(event.sum())
    fit = fit_logistic(odds, event, ["slope"], level=level)
    table = fit.coefficients
    large = fit_logistic(np.zeros((n, 0)), event, offset=odds, level=level).coefficients
    slope, whole = (
        Estimate(
            name=name,
            estimate=float(source.beta[k]),
            low=float(source.low[k]),
            high=float(source.high[k]),
            se=float(source.se[k]),
            n=n,
            events=events,
            method="logistic recalibration",
            level=level,
        )
        for name, source, k in (
            ("calibration slope", table, 1),
            ("calibration in the large", large, 0),
        )
    )
    return slope, whole, fit.intercept


def _observed_expected(
    risk: Float[np.ndarray, " case"], event: Bool[np.ndarray, " case"], level: float
) -> Estimate:
    ratio = float(event.sum() / risk.sum())
    # Delta method on the log scale, expected count taken as known.
    se = float(np.sqrt((1 - event.mean()) / event.sum()))
    reach = np.exp(z_of(level) * se)
    return Estimate(
        name="observed/expected",
        estimate=ratio,
        low=float(ratio / reach),
        high=float(ratio * reach),
        se=ratio * se,
        n=event.size,
        events=int(event.sum()),
        method="log scale, expected count known",
        level=level,
    )


def calibration_curve(
    probability: ArrayLike, event: ArrayLike, *, points: int = 100, span: float = 0.75
) -> CalibrationCurve:
    """Smooth the outcome over the predicted risk (loess).

    Parameters
    ----------
    probability : (case,) float
        Predicted risk.
    event : (case,) bool
        True where the event happened.
    points : int
        Of the curve, evenly from the lowest to the highest predicted risk.
    span : float
        Share of the cases that a point is fitted to.

    Examples
    --------
    >>> risk = np.linspace(0.1, 0.9, 60)
    >>> curve = calibration_curve(risk, np.arange(60) % 3 == 0, points=5)
    >>> curve.predicted.round(1).tolist()
    [0.1, 0.3, 0.5, 0.7, 0.9]
    """
    happened = flags("event", event)
    risk = probabilities(probability, happened.size)
    at = np.linspace(risk.min(), risk.max(), points)
    fit = loess(risk, happened.astype(np.float64), at, span=span)
    reach = z_of(0.95) * fit.se
    return CalibrationCurve(
        at, np.clip(fit.y, 0, 1), np.clip(fit.y - reach, 0, 1), np.clip(fit.y + reach, 0, 1)
    )


def calibration(
    probability: ArrayLike, event: ArrayLike, *, groups: int = 10, level: float = 0.95
) -> Calibration:
    """Assess the calibration of predicted probabilities.

    Parameters
    ----------
    probability : (case,) float
        Predicted risk, of cases that the model has not learned from.
    event : (case,) bool
        True where the event happened.
    groups : int
        Of rising predicted risk, for the plot.
    level : float
        Confidence level.

    Raises
    ------
    NotEstimableError
        With one class, or with predictions that do not vary.

    Notes
    -----
    Slope and intercepts: Cox 1958, Biometrika 45:562.  ICI, E50, E90: Austin and Steyerberg
    2019, Stat Med 38:4051, with loess of span 0.75 and degree 2 evaluated at every case.

    Examples
    --------
    >>> rng = np.random.default_rng(4)
    >>> risk = rng.uniform(0.05, 0.95, 300)
    >>> result = calibration(risk, rng.uniform(size=300) < risk)
    >>> result.slope.low < 1 < result.slope.high
    True
    """
    happened = flags("event", event)
    both_classes("calibration", happened)
    raw = probabilities(probability, happened.size)
    risk = np.clip(raw, _EDGE, 1 - _EDGE)
    slope, large, intercept = _recalibrate(special.logit(risk), happened, level)
    prevalence = float(happened.mean())
    brier = brier_score(raw, happened)
    smooth = loess(raw, happened.astype(np.float64))
    gap = np.abs(np.clip(smooth.y, 0, 1) - raw)
    return Calibration(
        slope=slope,
        in_the_large=large,
        intercept=intercept,
        observed_expected=_observed_expected(raw, happened, level),
        brier=brier,
        brier_scaled=1 - brier / (prevalence * (1 - prevalence)),
        ici=float(gap.mean()),
        e50=float(np.median(gap)),
        e90=float(np.quantile(gap, 0.9)),
        e_max=float(gap.max()),
        spiegelhalter=spiegelhalter_test(raw, happened),
        groups=calibration_groups(raw, happened, groups=groups),
        curve=calibration_curve(raw, happened),
        n=happened.size,
        events=int(happened.sum()),
        clipped=int((raw != risk).sum()),
    )
