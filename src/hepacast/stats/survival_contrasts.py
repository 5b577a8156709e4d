# SPDX-License-Identifier: Apache-2.0
"""Groups compared by numbers: restricted means, survival at a time, pairs of groups."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import stats

from hepacast.core.errors import NotEstimableError
from hepacast.stats.estimate import Comparison, Estimate, compared, z_of
from hepacast.stats.inputs import flags, times
from hepacast.stats.proportions import Adjustment, adjust_p
from hepacast.stats.survival import Weighting, kaplan_meier, logrank

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from numpy.typing import ArrayLike


def rmst(time: ArrayLike, event: ArrayLike, horizon: float, *, level: float = 0.95) -> Estimate:
    """Restricted mean survival time: the area under the curve up to a horizon.

    Parameters
    ----------
    time : (case,) float
        Time to the event or to censoring, any one unit.
    event : (case,) bool
        True where the event was seen.
    horizon : float
        In the unit of ``time``.
    level : float
        Confidence level.

    Raises
    ------
    NotEstimableError
        If follow-up ends before the horizon while some are still free of the event.

    Notes
    -----
    Greenwood-type variance, as R's ``survfit`` with ``rmean``.  Source: Royston and Parmar
    2013, BMC Med Res Methodol 13:152.

    Examples
    --------
    >>> rmst([1, 2, 3, 4], [1, 1, 1, 1], 4.0).estimate
    2.5
    """
    curve = kaplan_meier(time, event)
    if horizon > curve.times[-1] and curve.survival[-1] > 0:
        raise NotEstimableError(
            what="a restricted mean needs follow-up to its horizon",
            got=f"longest follow-up {curve.times[-1]:g}, horizon {horizon:g}",
            fix="Choose an earlier horizon.",
        )
    keep = (curve.events > 0) & (curve.times < horizon)
    edges = np.concatenate([[0.0], curve.times[keep], [horizon]])
    heights = np.concatenate([[1.0], curve.survival[keep]])
    areas = np.diff(edges) * heights
    beyond = np.cumsum(areas[::-1])[::-1][1:]
    d, r = curve.events[keep], curve.at_risk[keep]
    left = r - d
    # Where the last case at risk had the event nothing lies beyond, and nothing is added.
    spread = np.where(left > 0, beyond**2 * d / (r * np.maximum(left, 1)), 0.0)
    se, mean = float(np.sqrt(spread.sum())), float(areas.sum())
    reach = z_of(level) * se
    return Estimate(
        name=f"restricted mean survival to {horizon:g}",
        estimate=mean,
        low=mean - reach,
        high=mean + reach,
        se=se,
        n=curve.n,
        events=int(d.sum()),
        method="Greenwood",
        level=level,
    )


def _two_groups(group: ArrayLike, n: int) -> tuple[Bool[np.ndarray, " case"], tuple[str, str]]:
    labels, which = np.unique(np.asarray(group), return_inverse=True)
    if labels.size != 2 or which.size != n:
        raise NotEstimableError(
            what="this comparison needs two groups",
            got=f"{labels.size} groups in {which.size} labels for {n} cases",
            fix="Compare the groups pair by pair.",
        )
    return which == 0, (str(labels[0]), str(labels[1]))


def compare_rmst(
    time: ArrayLike, event: ArrayLike, group: ArrayLike, horizon: float, *, level: float = 0.95
) -> Comparison:
    """Compare the restricted mean survival time of two groups.

    Parameters
    ----------
    time, event : (case,)
        Follow-up.
    group : (case,)
        Two labels; the difference is the first in sorted order minus the second.
    horizon : float
        In the unit of ``time``.
    level : float
        Confidence level.

    Examples
    --------
    >>> time, group = [1, 2, 3, 4, 5, 6, 7, 8], ["b", "a"] * 4
    >>> compare_rmst(time, [1] * 8, group, 8.0).difference
    1.0
    """
    happened = flags("event", event)
    follow = times(time, happened.size)
    one, _ = _two_groups(group, happened.size)
    a, b = (rmst(follow[rows], happened[rows], horizon) for rows in (one, ~one))
    se = float(np.hypot(a.se, b.se))
    method = f"restricted means to {horizon:g}"
    return compared("mean survival", a.estimate, b.estimate, se, method=method, level=level)


def compare_survival_at(
    time: ArrayLike,
    event: ArrayLike,
    group: ArrayLike,
    when: float,
    *,
    scale: Literal["plain", "log-log"] = "plain",
    level: float = 0.95,
) -> Comparison:
    """Compare the survival of two groups at one time.

    Parameters
    ----------
    time, event : (case,)
        Follow-up.
    group : (case,)
        Two labels; the difference is the first in sorted order minus the second.
    when : float
        In the unit of ``time``.
    scale : {"plain", "log-log"}
        Scale of the test statistic; the difference and its limits are always plain.
    level : float
        Confidence level.

    Notes
    -----
    Source: Klein 2007, Stat Med 26:4505, who finds ``log-log`` best in small groups.

    Examples
    --------
    >>> time, group = [1, 2, 3, 4, 5, 6, 7, 8], ["b", "a"] * 4
    >>> result = compare_survival_at(time, [1] * 8, group, 4.5)
    >>> result.first, result.second, result.p
    (0.5, 0.5, 1.0)
    """
    happened = flags("event", event)
    follow = times(time, happened.size)
    one, _ = _two_groups(group, happened.size)
    a, b = (kaplan_meier(follow[rows], happened[rows]).estimate_at(when) for rows in (one, ~one))
    se = float(np.hypot(a.se, b.se))
    name = f"survival at {when:g}"
    result = compared(name, a.estimate, b.estimate, se, method=f"{scale} z test", level=level)
    if scale == "plain":
        return result
    inner = [0 < side.estimate < 1 for side in (a, b)]
    if not all(inner):
        raise NotEstimableError(
            what="the log-log scale needs survival strictly between 0 and 1",
            got=f"{a.estimate:g} and {b.estimate:g}",
            fix="Use scale='plain', or another time.",
        )
    heights = [float(np.log(-np.log(side.estimate))) for side in (a, b)]
    spreads = [side.se / (side.estimate * np.log(side.estimate)) for side in (a, b)]
    z = (heights[1] - heights[0]) / float(np.hypot(*spreads))
    return Comparison(
        name=name,
        first=a.estimate,
        second=b.estimate,
        difference=result.difference,
        low=result.low,
        high=result.high,
        se=se,
        statistic=z,
        df=float("inf"),
        p=float(2 * stats.norm.sf(abs(z))),
        method="log-log z test",
        level=level,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Pairwise:
    """Log-rank tests of all pairs of groups.

    Parameters
    ----------
    pairs : tuple of (str, str)
        Labels.
    p, adjusted : (pair,) float
        P values as they are, and adjusted.
    method : str
        Test and adjustment.
    """

    pairs: tuple[tuple[str, str], ...]
    p: Float[np.ndarray, " pair"]
    adjusted: Float[np.ndarray, " pair"]
    method: str

    def sentence(self) -> str:
        """Write it as a manuscript would."""
        parts = (
            f"{a} vs {b} P = {p:.3f}" for (a, b), p in zip(self.pairs, self.adjusted, strict=True)
        )
        return f"{'; '.join(parts)} ({self.method})"


def pairwise_logrank(
    time: ArrayLike,
    event: ArrayLike,
    group: ArrayLike,
    *,
    weight: Weighting = "logrank",
    adjustment: Adjustment = "holm",
) -> Pairwise:
    """Compare all pairs of groups by log-rank tests.

    Parameters
    ----------
    time, event : (case,)
        Follow-up.
    group : (case,)
        Labels.
    weight : str
        As for :func:`hepacast.stats.survival.logrank`.
    adjustment : str
        As for :func:`hepacast.stats.proportions.adjust_p`.

    Examples
    --------
    >>> result = pairwise_logrank(range(1, 10), [1] * 9, ["a", "b", "c"] * 3)
    >>> result.pairs
    (('a', 'b'), ('a', 'c'), ('b', 'c'))
    """
    happened = flags("event", event)
    follow = times(time, happened.size)
    labels = np.asarray(group).astype(str)
    pairs = tuple(combinations(sorted(set(labels.tolist())), 2))
    p = np.empty(len(pairs))
    for at, pair in enumerate(pairs):
        rows = np.isin(labels, pair)
        p[at] = logrank(follow[rows], happened[rows], labels[rows], weight=weight).p
    method = f"{weight} tests, {adjustment} adjustment"
    return Pairwise(pairs, p, adjust_p(p, adjustment) if p.size else p, method)
