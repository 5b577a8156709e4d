# SPDX-License-Identifier: Apache-2.0
"""Discrimination of a yes-or-no outcome: ROC curves, AUC and cut-offs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import stats

from hepacast.core.errors import NotEstimableError
from hepacast.stats.estimate import Comparison, Estimate, compared, z_of
from hepacast.stats.inputs import both_classes, flags, floats

if TYPE_CHECKING:
    from jaxtyping import Float
    from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True, eq=False)
class Placements:
    """How every case stands among those of the other class.

    Parameters
    ----------
    auc : (model,) float
        Area under each curve.
    of_events : (model, events) float
        Share of non-events scored below each event, ties one half.
    of_others : (model, non-events) float
        Share of events scored above each non-event, ties one half.
    """

    auc: Float[np.ndarray, " model"]
    of_events: Float[np.ndarray, "model events"]
    of_others: Float[np.ndarray, "model others"]

    @property
    def covariance(self) -> Float[np.ndarray, "model model"]:
        """DeLong's covariance of the areas; needs two cases of each class."""
        m, n = self.of_events.shape[1], self.of_others.shape[1]
        if min(m, n) < 2:
            raise NotEstimableError(
                what="DeLong's interval needs two cases of each class",
                got=f"{m} events and {n} others",
                fix="Report the area without an interval, or pool subgroups.",
            )
        of_events = np.atleast_2d(np.cov(self.of_events)) / m
        cov: Float[np.ndarray, "model model"] = (
            of_events + np.atleast_2d(np.cov(self.of_others)) / n
        )
        return cov


def placements(scores: ArrayLike, event: ArrayLike) -> Placements:
    """Compute DeLong's structural components of many models at once.

    Parameters
    ----------
    scores : (model, case) or (case,) float
        Higher means the event is more likely.
    event : (case,) bool
        True where the event happened.

    Returns
    -------
    Placements
        In O(n log n) per model, from midranks.

    Notes
    -----
    Source: DeLong 1988, Biometrics 44:837; midranks as Sun and Xu 2014,
    IEEE Signal Process Lett 21:1389.
    """
    happened = flags("event", event)
    table = np.atleast_2d(floats("score", scores))
    if table.shape[1] != happened.size:
        floats("score", table[0], happened.size)
    both_classes("AUC", happened)
    yes, no = table[:, happened], table[:, ~happened]
    m, n = yes.shape[1], no.shape[1]
    together = stats.rankdata(np.concatenate([yes, no], axis=1), axis=1)
    of_events = (together[:, :m] - stats.rankdata(yes, axis=1)) / n
    of_others = 1.0 - (together[:, m:] - stats.rankdata(no, axis=1)) / m
    return Placements(of_events.mean(axis=1), of_events, of_others)


def auc(score: ArrayLike, event: ArrayLike, *, level: float = 0.95) -> Estimate:
    """Area under the ROC curve with DeLong's interval.

    Parameters
    ----------
    score : (case,) float
        Higher means the event is more likely; any monotone scale.
    event : (case,) bool
        True where the event happened.
    level : float
        Confidence level.

    Returns
    -------
    Estimate
        Limits are the normal ones, cut at 0 and 1.

    Raises
    ------
    NotEstimableError
        If one class is absent or has a single case.
    TableError
        If a score is missing.

    Notes
    -----
    Equal scores count one half.  For cross-validated scores pass the pooled
    out-of-fold scores, never the means of folds.

    Examples
    --------
    >>> auc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]).sentence()
    'AUC 0.75 (95 % CI 0.06-1.00; DeLong)'
    """
    happened = flags("event", event)
    parts = placements(np.atleast_1d(np.asarray(score)), happened)
    se = float(np.sqrt(max(parts.covariance[0, 0], 0.0)))
    area, reach = float(parts.auc[0]), z_of(level) * se
    return Estimate(
        name="AUC",
        estimate=area,
        low=max(area - reach, 0.0),
        high=min(area + reach, 1.0),
        se=se,
        n=happened.size,
        events=int(happened.sum()),
        method="DeLong",
        level=level,
    )


def compare_auc(
    first: ArrayLike, second: ArrayLike, event: ArrayLike, *, level: float = 0.95
) -> Comparison:
    """Compare the AUC of two scores of the same cases (paired DeLong).

    Parameters
    ----------
    first, second : (case,) float
        Higher means the event is more likely; the scales may differ.
    event : (case,) bool
        True where the event happened.
    level : float
        Confidence level.

    Returns
    -------
    Comparison
        First minus second; P is 1 where both rank all cases alike.

    Examples
    --------
    >>> event = [0, 0, 0, 1, 1, 1]
    >>> compare_auc([1, 2, 4, 3, 5, 6], [1, 5, 2, 4, 3, 6], event).p > 0.05
    True
    """
    happened = flags("event", event)
    pair = np.stack([floats("score", first, happened.size), floats("score", second, happened.size)])
    parts = placements(pair, happened)
    cov = parts.covariance
    variance = cov[0, 0] + cov[1, 1] - 2 * cov[0, 1]
    # Identical placements leave rounding dust that would turn 0/0 into a P value.
    se = float(np.sqrt(variance)) if variance > 1e-14 else 0.0
    a, b = (float(area) for area in parts.auc)
    if se == 0.0 and abs(a - b) < 1e-12:
        a = b
    return compared("AUC", a, b, se, method="paired DeLong", level=level)


def compare_auc_unpaired(
    first: tuple[ArrayLike, ArrayLike], second: tuple[ArrayLike, ArrayLike], *, level: float = 0.95
) -> Comparison:
    """Compare the AUC of one score in two groups of cases (unpaired DeLong).

    Parameters
    ----------
    first, second : (score, event)
        Scores and outcomes of the two groups, as for :func:`auc`.
    level : float
        Confidence level.

    Notes
    -----
    t distribution with Satterthwaite's degrees of freedom, as pROC does.

    Examples
    --------
    >>> a = ([1, 2, 4, 3, 5, 6], [0, 0, 0, 1, 1, 1])
    >>> round(compare_auc_unpaired(a, a).p, 3)
    1.0
    """
    sides = [auc(score, event) for score, event in (first, second)]
    variances = [side.se**2 for side in sides]
    total = sum(variances)
    spread = sum(v**2 / (side.n - 1) for v, side in zip(variances, sides, strict=True))
    return compared(
        "AUC",
        sides[0].estimate,
        sides[1].estimate,
        float(np.sqrt(total)),
        method="unpaired DeLong",
        df=total**2 / spread if spread > 0 else float("inf"),
        level=level,
    )


@dataclass(frozen=True, slots=True, eq=False)
class RocCurve:
    """Sensitivity and specificity at every cut-off.

    Parameters
    ----------
    cutoff : (point,) float
        Mid-points between neighbouring scores, from minus to plus infinity; a case at
        or above the cut-off is called positive.
    sensitivity, specificity : (point,) float
        Shares between 0 and 1.
    n, events : int
        Cases, and those with the event.
    """

    cutoff: Float[np.ndarray, " point"]
    sensitivity: Float[np.ndarray, " point"]
    specificity: Float[np.ndarray, " point"]
    n: int
    events: int

    @property
    def area(self) -> float:
        """Area under the curve, by trapezoids (equals the tie-corrected AUC)."""
        return float(-np.trapezoid(self.sensitivity, 1 - self.specificity))

    def partial_area(
        self,
        low: float,
        high: float,
        *,
        over: Literal["specificity", "sensitivity"] = "specificity",
        corrected: bool = False,
    ) -> float:
        """Area between two specificities (or sensitivities).

        Parameters
        ----------
        low, high : float
            Range, between 0 and 1.
        over : {"specificity", "sensitivity"}
            Which of the two is held in the range.
        corrected : bool
            McClish's scale, on which 0.5 is chance and 1 is perfect.

        Notes
        -----
        Source: McClish 1989, Med Decis Making 9:190; as ``pROC::auc(partial.auc=)``.
        """
        rising, other = (
            (self.specificity, self.sensitivity)
            if over == "specificity"
            else (self.sensitivity[::-1], self.specificity[::-1])
        )
        inside = (rising > low) & (rising < high)
        # On a vertical step the range is left at the bottom and entered at the top.
        x = np.concatenate([[low], rising[inside], [high]])
        y = np.concatenate(
            [
                [-_crossing(-rising[::-1], -other[::-1], -low)],
                other[inside],
                [_crossing(rising, other, high)],
            ]
        )
        area = float(np.trapezoid(y, x))
        if not corrected:
            return area
        least, most = ((1 - low) ** 2 - (1 - high) ** 2) / 2, high - low
        return (1 + (area - least) / (most - least)) / 2

    def sensitivity_at(self, specificity: float) -> float:
        """Highest sensitivity on the line between points at the given specificity."""
        return _crossing(self.specificity, self.sensitivity, specificity)

    def specificity_at(self, sensitivity: float) -> float:
        """Highest specificity on the line between points at the given sensitivity."""
        return _crossing(self.sensitivity[::-1], self.specificity[::-1], sensitivity)


def _crossing(rising: np.ndarray, falling: np.ndarray, target: float) -> float:
    """Highest ``falling`` where ``rising`` first reaches the target, between points linearly."""
    at = int(np.searchsorted(rising, target, side="left"))
    if rising[at] == target or at == 0:
        return float(falling[at])
    share = (target - rising[at - 1]) / (rising[at] - rising[at - 1])
    return float(falling[at - 1] + share * (falling[at] - falling[at - 1]))


def roc_curve(score: ArrayLike, event: ArrayLike) -> RocCurve:
    """Trace the ROC curve.

    Parameters
    ----------
    score : (case,) float
        Higher means the event is more likely.
    event : (case,) bool
        True where the event happened.

    Examples
    --------
    >>> curve = roc_curve([1, 2, 3, 4], [0, 1, 0, 1])
    >>> curve.sensitivity.tolist(), curve.specificity.tolist()
    ([1.0, 1.0, 0.5, 0.5, 0.0], [0.0, 0.5, 0.5, 1.0, 1.0])
    """
    happened = flags("event", event)
    values = floats("score", score, happened.size)
    both_classes("a ROC curve", happened)
    levels, which = np.unique(values, return_inverse=True)
    yes = np.bincount(which, weights=happened, minlength=levels.size)
    no = np.bincount(which, weights=~happened, minlength=levels.size)
    middle = (levels[1:] + levels[:-1]) / 2
    return RocCurve(
        np.concatenate([[-np.inf], middle, [np.inf]]),
        1 - np.concatenate([[0.0], np.cumsum(yes)]) / yes.sum(),
        np.concatenate([[0.0], np.cumsum(no)]) / no.sum(),
        happened.size,
        int(happened.sum()),
    )


def youden(score: ArrayLike, event: ArrayLike) -> float:
    """Cut-off of the highest sensitivity + specificity.

    Parameters
    ----------
    score : (case,) float
        Higher means the event is more likely.
    event : (case,) bool
        True where the event happened.

    Returns
    -------
    float
        Mid-point between two observed scores, as pROC reports it; a case at or above it is
        positive.  Of equal maxima the lowest cut-off (the most sensitive) is taken.

    Notes
    -----
    Learned on the cases given: an estimate at this cut-off in the same cases is optimistic.

    Examples
    --------
    >>> youden([1, 2, 3, 4], [0, 0, 1, 1])
    2.5
    """
    curve = roc_curve(score, event)
    index = curve.sensitivity + curve.specificity
    best = int(np.flatnonzero(index >= index.max() - 1e-12)[0])
    if not np.isfinite(curve.cutoff[best]):
        raise NotEstimableError(
            what="Youden's cut-off needs a score that separates the classes at all",
            got="the best rule calls every case alike",
            fix="Check the direction: a higher score must mean a higher risk.",
        )
    return float(curve.cutoff[best])
