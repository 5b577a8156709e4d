# SPDX-License-Identifier: Apache-2.0
"""A Cox regression of every feature alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import NotEstimableError
from hepacast.stats.inputs import flags, some_events, times
from hepacast.stats.risk_sets import RiskSets, Ties, risk_sets
from hepacast.stats.screen import (
    STEPS,
    Found,
    Screen,
    feature_blocks,
    feature_table,
    gather,
    scale_block,
)

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from numpy.typing import ArrayLike


def _cox_terms(
    x: Float[np.ndarray, "case feature"], b: Float[np.ndarray, " feature"], sets: RiskSets
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log likelihood, score and information of one coefficient per feature."""
    risk = np.exp(x * b)
    s = [risk, risk * x]
    s.append(s[1] * x)
    starts = np.flatnonzero(np.diff(sets.tie, prepend=-1))
    sums = []
    for power in s:
        at_risk = np.cumsum(power, axis=0)[sets.last]
        if sets.fraction.any():
            tied = np.add.reduceat(power[sets.died], starts, axis=0)[sets.tie]
            at_risk = at_risk - sets.fraction[:, None] * tied
        sums.append(at_risk)
    mean = sums[1] / sums[0]
    own = x[sets.died].sum(axis=0)
    loglik = own * b - np.log(sums[0]).sum(axis=0)
    information = (sums[2] / sums[0]).sum(axis=0) - np.einsum("ef,ef->f", mean, mean)
    return loglik, own - mean.sum(axis=0), information


def _cox_block(x: Float[np.ndarray, "case feature"], sets: RiskSets) -> Found:
    """Newton's method with halving for one coefficient per feature."""
    x = x[sets.order]
    apart = _monotone(x, sets)
    b = np.zeros(x.shape[1])
    null, score, information = _cox_terms(x, b, sets)
    sign, value = score.copy(), null
    for _ in range(STEPS):
        step = np.where(apart, 0.0, score / np.where(information > 0, information, 1.0))
        step = np.clip(step, -2.0, 2.0)
        new, score, information = _cox_terms(x, b + step, sets)
        worse = ~(new >= value - 1e-9 * np.abs(value))
        while worse.any():
            step = np.where(worse, step / 2, step)
            new, score, information = _cox_terms(x, b + step, sets)
            worse = ~(new >= value - 1e-9 * np.abs(value)) & (np.abs(step) > 1e-12)
        b, value = b + step, new
        if np.abs(step).max(initial=0.0) < 1e-6:
            # The next Newton step would be of the order of this one squared.
            break
    else:
        raise NotEstimableError(
            what="every univariate partial likelihood must reach its maximum",
            got=f"{int((np.abs(step) > 1e-6).sum())} features still moving after {STEPS} steps",
            fix="Look for extreme outliers in these features, or take their logarithm.",
        )
    b = b + np.where(apart, 0.0, score / np.where(information > 0, information, 1.0))
    limit = np.where(sign >= 0, np.inf, -np.inf)
    gain = value - null
    gain[apart] = _monotone_limit(x[:, apart], sets, sign[apart]) - null[apart]
    return Found(np.where(apart, limit, b), information, gain, apart)


def _monotone(x: Float[np.ndarray, "case feature"], sets: RiskSets) -> Bool[np.ndarray, " feature"]:
    """Tell for which features every event has the highest, or the lowest value at risk."""
    top = np.maximum.accumulate(x, axis=0)[sets.last]
    bottom = np.minimum.accumulate(x, axis=0)[sets.last]
    own = x[sets.died]
    alone: Bool[np.ndarray, " feature"] = (own == top).all(axis=0) | (own == bottom).all(axis=0)
    return alone


def _monotone_limit(
    x: Float[np.ndarray, "case feature"], sets: RiskSets, sign: Float[np.ndarray, " feature"]
) -> Float[np.ndarray, " feature"]:
    """Limit of the log partial likelihood of a running-away coefficient.

    Only those at risk who share the extreme value count in the end.
    """
    ranked = np.where(sign >= 0, x, -x)
    top = np.maximum.accumulate(ranked, axis=0)[sets.last]
    leaving = sets.fraction * np.bincount(sets.tie)[sets.tie]
    inside = np.arange(len(x)) <= sets.last[:, None]
    limit: Float[np.ndarray, " feature"] = np.array(
        [
            -np.log(((column == highest[:, None]) & inside).sum(axis=1) - leaving).sum()
            for column, highest in zip(ranked.T, top.T, strict=True)
        ]
    )
    return limit


def screen_cox(X: ArrayLike, time: ArrayLike, event: ArrayLike, *, ties: Ties = "efron") -> Screen:
    """Fit a Cox regression to every feature alone.

    Parameters
    ----------
    X : (case, feature) float
        Finite values.
    time : (case,) float
        Time to the event or to censoring, any one unit.
    event : (case,) bool
        True where the event was seen.
    ties : {"efron", "breslow"}
        Treatment of equal event times.

    Returns
    -------
    Screen
        Maximum partial likelihood.

    Raises
    ------
    NotEstimableError
        Without events.

    Examples
    --------
    >>> X = np.array([1.0, 3, 2, 5, 4, 6])
    >>> screen_cox(X, [9, 8, 7, 3, 4, 5], [1, 1, 0, 1, 1, 1]).beta.round(6).tolist()
    [0.663376]
    """
    happened = flags("event", event)
    follow = times(time, happened.size)
    some_events("Cox regression", happened)
    table = feature_table(X, happened.size)
    sets = risk_sets(np.arange(happened.size), follow, happened, ties)
    parts, scales, flats = [], [], []
    for columns in feature_blocks(*table.shape):
        x, scale, flat = scale_block(table[:, columns])
        x[:, flat] = 0.0
        parts.append(_cox_block(x, sets))
        scales.append(scale)
        flats.append(flat)
    return gather(parts, scales, flats, f"univariate Cox regression, {ties} ties", happened)
