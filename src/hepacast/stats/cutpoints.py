# SPDX-License-Identifier: Apache-2.0
"""Cut-offs for survival: every cut tried, the best one's P value corrected for the search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from hepacast.core.errors import NotEstimableError
from hepacast.stats.estimate import p_text
from hepacast.stats.inputs import flags, floats, some_events, times
from hepacast.stats.risk_table import risk_table

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CutSearch:
    """The best of all cut-offs.

    Parameters
    ----------
    cutoff : float
        Mid-point between two observed scores; a case at or above it belongs to the upper group.
    statistic : float
        Largest statistic: chi-square of the log-rank test, or absolute standardised rank sum.
    p_naive : float
        P value as if the cut had been fixed before: too small.
    p : float
        P value corrected for the search.
    upper_is_worse : bool
        Cases at or above the cut-off have more events than expected.
    candidates, statistics : (cut,) float
        All cuts tried, and their statistics.
    n, events : int
        Cases and events.
    method : str
        Test and correction.
    """

    cutoff: float
    statistic: float
    p_naive: float
    p: float
    upper_is_worse: bool
    candidates: Float[np.ndarray, " cut"]
    statistics: Float[np.ndarray, " cut"]
    n: int
    events: int
    method: str

    def sentence(self) -> str:
        """Write it as a manuscript would."""
        return (
            f"cut-off {self.cutoff:.3g} ({p_text(self.p)}, {self.method}; not corrected "
            f"{p_text(self.p_naive)})"
        )


def miller_siegmund(statistic: float, low: float, high: float) -> float:
    """P value of the largest standardised statistic over a range of cuts.

    Parameters
    ----------
    statistic : float
        Largest absolute standardised statistic (the root of a chi-square).
    low, high : float
        Shares of the cases below the first and the last cut tried.

    Returns
    -------
    float
        1 for statistics below 1, where the approximation does not hold.

    Notes
    -----
    Source: Miller and Siegmund 1982, Biometrics 38:1011; Lausen and Schumacher 1992,
    Biometrics 48:73.

    Examples
    --------
    >>> round(miller_siegmund(2.5, 0.1, 0.9), 4)
    0.1898
    """
    if statistic < 1:
        return 1.0
    density = float(stats.norm.pdf(statistic))
    searched = np.log(high * (1 - low) / ((1 - high) * low))
    p = 4 * density / statistic + density * (statistic - 1 / statistic) * searched
    return float(min(max(p, 0.0), 1.0))


@dataclass(frozen=True, slots=True, eq=False)
class _Ordered:
    """Cases in order of rising score, with the places where a cut may fall."""

    score: Float[np.ndarray, " case"]
    time: Float[np.ndarray, " case"]
    event: Bool[np.ndarray, " case"]
    below: Int[np.ndarray, " cut"]

    @property
    def cutoffs(self) -> Float[np.ndarray, " cut"]:
        """Mid-points between the neighbouring scores."""
        middle: Float[np.ndarray, " cut"] = (
            self.score[self.below - 1] + self.score[self.below]
        ) / 2
        return middle


def _ordered(score: ArrayLike, time: ArrayLike, event: ArrayLike, least: float) -> _Ordered:
    happened = flags("event", event)
    follow = times(time, happened.size)
    values = floats("score", score, happened.size)
    some_events("a search for a cut-off", happened)
    if not 0 < least < 0.5:
        raise NotEstimableError(
            what="the smallest share of a group lies between 0 and one half",
            got=f"{least:g}",
            fix="Use 0.1.",
        )
    order = np.argsort(values, kind="stable")
    ranked = values[order]
    below = np.flatnonzero(np.diff(ranked) > 0) + 1
    n = ranked.size
    below = below[(below >= least * n) & (below <= (1 - least) * n)]
    if not below.size:
        raise NotEstimableError(
            what="a cut-off must leave both groups large enough",
            got=f"no cut with {100 * least:g} % of {n} cases on each side",
            fix="The score takes too few values: use its categories.",
        )
    return _Ordered(ranked, follow[order], happened[order], below)


def logrank_of_cuts(cases: _Ordered) -> tuple[Float[np.ndarray, " cut"], Float[np.ndarray, " cut"]]:
    """Log-rank chi-square of each cut, and observed minus expected events below it."""
    table = risk_table(cases.time, cases.event)
    keep = table.events > 0
    steps, total, died = table.times[keep], table.at_risk[keep], table.events[keep]
    hazard = np.concatenate([[0.0], np.cumsum(died / total)])
    # Observed minus expected is additive over cases: one running sum serves every cut.
    residual = cases.event - hazard[np.searchsorted(steps, cases.time, side="right")]
    surplus = np.cumsum(residual)[cases.below - 1]
    low = _at_risk_below(cases, steps)
    spread = died * np.where(total > 1, (total - died) / np.maximum(total - 1, 1), 0.0)
    share = low / total
    variance = (share * (1 - share)) @ spread
    return np.where(variance > 0, surplus**2 / np.where(variance > 0, variance, 1.0), 0.0), surplus


def _at_risk_below(
    cases: _Ordered, steps: Float[np.ndarray, " step"]
) -> Float[np.ndarray, "cut step"]:
    """How many cases below each cut are at risk at each time."""
    alive = np.searchsorted(steps, cases.time, side="right")
    grid = np.arange(steps.size) < alive[:, None]
    counts: Float[np.ndarray, "cut step"] = np.cumsum(grid, axis=0)[cases.below - 1].astype(
        np.float64
    )
    return counts


def xtile(score: ArrayLike, time: ArrayLike, event: ArrayLike, *, least: float = 0.1) -> CutSearch:
    """Find the cut-off with the largest log-rank statistic (X-tile, two groups).

    Parameters
    ----------
    score : (case,) float
        Any marker.
    time : (case,) float
        Time to the event or to censoring, any one unit.
    event : (case,) bool
        True where the event was seen.
    least : float
        Smallest share of the cases in a group.

    Returns
    -------
    CutSearch
        P value by Miller and Siegmund.

    Raises
    ------
    NotEstimableError
        Without events, or if the score takes too few values.

    Notes
    -----
    The groups' difference in the same cases is optimistic even so; judge the cut-off in
    others.  Source: Camp 2004, Clin Cancer Res 10:7252.

    Examples
    --------
    >>> search = xtile([1, 2, 3, 4, 5, 6, 7, 8], [9, 8, 9, 7, 3, 2, 1, 2], [1] * 8)
    >>> search.cutoff, search.upper_is_worse, search.p > search.p_naive
    (5.5, True, True)
    """
    cases = _ordered(score, time, event, least)
    chi, surplus = logrank_of_cuts(cases)
    best = int(np.argmax(chi))
    n = cases.score.size
    # The correction needs at least a range of cuts; a single one is no search.
    low, high = cases.below[0] / n, cases.below[-1] / n
    naive = float(stats.chi2.sf(chi[best], 1))
    corrected = naive if low == high else miller_siegmund(float(np.sqrt(chi[best])), low, high)
    return CutSearch(
        cutoff=float(cases.cutoffs[best]),
        statistic=float(chi[best]),
        p_naive=naive,
        p=max(corrected, naive),
        upper_is_worse=bool(surplus[best] < 0),
        candidates=cases.cutoffs,
        statistics=chi,
        n=n,
        events=int(cases.event.sum()),
        method="X-tile, Miller-Siegmund correction",
    )


def maximally_selected(
    score: ArrayLike, time: ArrayLike, event: ArrayLike, *, least: float = 0.1
) -> CutSearch:
    """Find the cut-off with the largest standardised log-rank score sum (maxstat).

    Parameters
    ----------
    score : (case,) float
        Any marker.
    time : (case,) float
        Time to the event or to censoring, any one unit.
    event : (case,) bool
        True where the event was seen.
    least : float
        Smallest share of the cases in a group.

    Notes
    -----
    Log-rank scores standardised by their permutation moments, P value after Lausen and
    Schumacher 1992, as ``maxstat::maxstat.test(smethod="LogRank", pmethod="Lau92")``.

    Examples
    --------
    >>> search = maximally_selected([1, 2, 3, 4, 5, 6, 7, 8], [9, 8, 9, 7, 3, 2, 1, 2], [1] * 8)
    >>> search.cutoff, search.upper_is_worse
    (3.5, True)
    """
    cases = _ordered(score, time, event, least)
    n = cases.score.size
    table = risk_table(cases.time, cases.event)
    hazard = np.cumsum(table.events / table.at_risk)
    scores = cases.event - hazard[np.searchsorted(table.times, cases.time)]
    m = cases.below.astype(np.float64)
    mean = m / n * scores.sum()
    factor = (n * (scores**2).sum() - scores.sum() ** 2) / (n**2 * (n - 1))
    z = (np.cumsum(scores)[cases.below - 1] - mean) / np.sqrt(m * (n - m) * factor)
    best = int(np.argmax(np.abs(z)))
    return CutSearch(
        cutoff=float(cases.cutoffs[best]),
        statistic=float(abs(z[best])),
        p_naive=float(2 * stats.norm.sf(abs(z[best]))),
        p=miller_siegmund(float(abs(z[best])), least, 1 - least),
        upper_is_worse=bool(z[best] < 0),
        candidates=cases.cutoffs,
        statistics=np.abs(z),
        n=n,
        events=int(cases.event.sum()),
        method="maximally selected rank statistic, Lausen-Schumacher correction",
    )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TwoCutSearch:
    """The best pair of cut-offs.

    Parameters
    ----------
    low, high : float
        Limits between the lower and the middle, the middle and the upper group.
    statistic : float
        Largest log-rank chi-square of three groups (2 degrees of freedom).
    p_naive, p : float
        As if fixed before, and by permutation of the outcomes against the scores.
    candidates : (cut,) float
        Cuts tried.
    map : (cut, cut) float
        Chi-square of each pair (lower cut in rows); 0 where the middle group is too small.
    n, events, permutations : int
        Cases, events, permutations.
    """

    low: float
    high: float
    statistic: float
    p_naive: float
    p: float
    candidates: Float[np.ndarray, " cut"]
    map: Float[np.ndarray, "cut cut"]
    n: int
    events: int
    permutations: int

    def sentence(self) -> str:
        """Write it as a manuscript would."""
        return (
            f"cut-offs {self.low:.3g} and {self.high:.3g} ({p_text(self.p)}, X-tile, "
            f"{self.permutations} permutations; not corrected {p_text(self.p_naive)})"
        )


def _three_groups(cases: _Ordered, least: float) -> Float[np.ndarray, "cut cut"]:
    """Chi-square of every pair of cuts, from the scores of the lowest and the highest group."""
    table = risk_table(cases.time, cases.event)
    keep = table.events > 0
    steps, total, died = table.times[keep], table.at_risk[keep], table.events[keep]
    hazard = np.concatenate([[0.0], np.cumsum(died / total)])
    residual = cases.event - hazard[np.searchsorted(steps, cases.time, side="right")]
    below = np.cumsum(residual)[cases.below - 1]
    above = residual.sum() - below
    low = _at_risk_below(cases, steps) / total
    top = 1 - low
    spread = died * np.where(total > 1, (total - died) / np.maximum(total - 1, 1), 0.0)
    v1, v3 = (low * top) @ spread, (low * top) @ spread
    cross = -(low * spread) @ top.T
    det = np.outer(v1, v3) - cross**2
    chi = (
        np.outer(below**2, v3) + np.outer(v1, above**2) - 2 * cross * np.outer(below, above)
    ) / np.where(det > 1e-12, det, np.inf)
    wide = cases.below[None, :] - cases.below[:, None] >= least * cases.score.size
    return np.where(wide, chi, 0.0)


def xtile_three(
    score: ArrayLike,
    time: ArrayLike,
    event: ArrayLike,
    rng: np.random.Generator,
    *,
    least: float = 0.1,
    permutations: int = 200,
) -> TwoCutSearch:
    """Find the pair of cut-offs with the largest log-rank statistic (X-tile, three groups).

    Parameters
    ----------
    score : (case,) float
        Any marker.
    time : (case,) float
        Time to the event or to censoring, any one unit.
    event : (case,) bool
        True where the event was seen.
    rng : numpy.random.Generator
        For the permutations.
    least : float
        Smallest share of the cases in a group.
    permutations : int
        For the P value.

    Examples
    --------
    >>> score = np.arange(30.0)
    >>> time = np.repeat([9.0, 5.0, 1.0], 10) + score / 100
    >>> search = xtile_three(score, time, np.ones(30), np.random.default_rng(1), permutations=20)
    >>> search.low, search.high
    (19.5, 22.5)
    """
    cases = _ordered(score, time, event, least)
    chart = _three_groups(cases, least)
    if not chart.any():
        raise NotEstimableError(
            what="two cut-offs must leave three groups large enough",
            got=f"{cases.below.size} possible cuts in {cases.score.size} cases",
            fix="Use two groups.",
        )
    row, column = np.unravel_index(int(np.argmax(chart)), chart.shape)
    best = float(chart[row, column])
    beaten = 0
    for _ in range(permutations):
        mixed = rng.permutation(cases.score.size)
        other = _Ordered(cases.score, cases.time[mixed], cases.event[mixed], cases.below)
        beaten += bool(_three_groups(other, least).max() >= best)
    return TwoCutSearch(
        low=float(cases.cutoffs[row]),
        high=float(cases.cutoffs[column]),
        statistic=best,
        p_naive=float(stats.chi2.sf(best, 2)),
        p=(1 + beaten) / (1 + permutations),
        candidates=cases.cutoffs,
        map=chart,
        n=cases.score.size,
        events=int(cases.event.sum()),
        permutations=permutations,
    )
