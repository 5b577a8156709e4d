# SPDX-License-Identifier: Apache-2.0
"""Two groups, or a survival time, compared in every feature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from hepacast.core.errors import NotEstimableError
from hepacast.stats.inputs import both_classes, flags, times
from hepacast.stats.screen import feature_blocks, feature_table

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class GroupScreen:
    """Two groups compared in each feature.

    Parameters
    ----------
    difference : (feature,) float
        Mean (t tests) of cases with the event minus others, or AUC (Mann-Whitney).
    statistic : (feature,) float
        t, or z.
    p : (feature,) float
        Two-sided P value; 1 for features that do not vary.
    constant : (feature,) bool
        The feature does not vary.
    method : str
        Name of the test.
    """

    difference: Float[np.ndarray, " feature"]
    statistic: Float[np.ndarray, " feature"]
    p: Float[np.ndarray, " feature"]
    constant: Bool[np.ndarray, " feature"]
    method: str


def screen_t(X: ArrayLike, event: ArrayLike, *, equal_variances: bool = False) -> GroupScreen:
    """Compare the means of every feature between cases with and without the event.

    Parameters
    ----------
    X : (case, feature) float
        Finite values.
    event : (case,) bool
        True where the event happened; two cases of each class at least.
    equal_variances : bool
        Student's t test; Welch's otherwise.

    Examples
    --------
    >>> screen_t([1.0, 2, 3, 4, 5, 9], [0, 0, 0, 1, 1, 1]).p.round(3).tolist()
    [0.106]
    """
    happened = flags("event", event)
    both_classes("a t test", happened)
    table = feature_table(X, happened.size)
    yes, no = table[happened], table[~happened]
    if min(len(yes), len(no)) < 2:
        raise NotEstimableError(
            what="a t test needs two cases of each class",
            got=f"{len(yes)} events and {len(no)} others",
            fix="Use the Mann-Whitney test, or pool subgroups.",
        )
    difference = yes.mean(axis=0) - no.mean(axis=0)
    v1, v0 = yes.var(axis=0, ddof=1) / len(yes), no.var(axis=0, ddof=1) / len(no)
    flat = np.ptp(table, axis=0) == 0
    safe = np.where(v1 + v0 > 0, v1 + v0, 1.0)
    if equal_variances:
        df = np.full(flat.size, float(happened.size - 2))
        pooled = (v1 * len(yes) * (len(yes) - 1) + v0 * len(no) * (len(no) - 1)) / df
        safe = np.where(pooled > 0, pooled, 1.0) * (1 / len(yes) + 1 / len(no))
    else:
        spread = v1**2 / (len(yes) - 1) + v0**2 / (len(no) - 1)
        df = np.where(spread > 0, safe**2 / np.where(spread > 0, spread, 1.0), 1.0)
    # Two constant but different classes: the t statistic is infinite and P is 0.
    certain = (v1 + v0 == 0) & ~flat
    t = np.where(certain, np.copysign(np.inf, difference), difference / np.sqrt(safe))
    return GroupScreen(
        difference=difference,
        statistic=np.where(flat, 0.0, t),
        p=np.where(flat, 1.0, 2 * stats.t.sf(np.abs(t), df)),
        constant=flat,
        method="Student's t test" if equal_variances else "Welch's t test",
    )


def screen_mann_whitney(X: ArrayLike, event: ArrayLike) -> GroupScreen:
    """Compare the ranks of every feature between cases with and without the event.

    Parameters
    ----------
    X : (case, feature) float
        Finite values.
    event : (case,) bool
        True where the event happened.

    Returns
    -------
    GroupScreen
        ``difference`` is the AUC (above 0.5: higher values in cases with the event); normal
        approximation with tie and continuity correction, as R's ``wilcox.test(exact=FALSE)``.

    Examples
    --------
    >>> screen = screen_mann_whitney([1.0, 2, 3, 4, 5, 9], [0, 0, 0, 1, 1, 1])
    >>> screen.difference.tolist(), screen.p.round(4).tolist()
    ([1.0], [0.0809])
    """
    happened = flags("event", event)
    both_classes("a Mann-Whitney test", happened)
    table = feature_table(X, happened.size)
    n, m = happened.size, int(happened.sum())
    ordered = np.sort(table, axis=0)
    ranks = stats.rankdata(table, axis=0)
    u = ranks[happened].sum(axis=0) - m * (m + 1) / 2
    spread = m * (n - m) / 12 * ((n + 1) - _tie_sums(ordered) / (n * (n - 1)))
    gap = u - m * (n - m) / 2
    flat = ordered[0] == ordered[-1]
    z = (gap - 0.5 * np.sign(gap)) / np.sqrt(np.where(flat, 1.0, spread))
    return GroupScreen(
        difference=u / (m * (n - m)),
        statistic=np.where(flat, 0.0, z),
        p=np.where(flat, 1.0, np.minimum(2 * stats.norm.sf(np.abs(z)), 1.0)),
        constant=flat,
        method="Mann-Whitney test",
    )


def _tie_sums(ordered: Float[np.ndarray, "case feature"]) -> Float[np.ndarray, " feature"]:
    """Sum of t^3 - t over the groups of equal values in each sorted column."""
    n, p = ordered.shape
    first = np.concatenate([np.ones((1, p), dtype=np.bool_), ordered[1:] != ordered[:-1]])
    starts = np.flatnonzero(first.T.ravel())
    sizes = np.diff(np.append(starts, n * p)).astype(np.float64)
    return np.bincount(starts // n, weights=sizes**3 - sizes, minlength=p)


def screen_c(X: ArrayLike, time: ArrayLike, event: ArrayLike) -> Float[np.ndarray, " feature"]:
    """Harrell's C of every feature taken as a risk.

    Parameters
    ----------
    X : (case, feature) float
        Finite values; higher is taken as a higher risk.
    time : (case,) float
        Time to the event or to censoring, any one unit.
    event : (case,) bool
        True where the event was seen.

    Returns
    -------
    (feature,) float
        Below 0.5 where low values go with early events; 0.5 for constant features.  A filter
        on its strength uses ``max(C, 1 - C)``.

    Examples
    --------
    >>> screen_c([[1.0, 5], [2, 4], [3, 1]], [9, 5, 2], [1, 1, 1]).tolist()
    [1.0, 0.0]
    """
    happened = flags("event", event)
    follow = times(time, happened.size)
    table = feature_table(X, happened.size)
    order = np.lexsort((~happened, follow))
    t, e = follow[order], happened[order]
    # Later than an event: all cases after the ties with it that had the event too.
    later = np.searchsorted(t, t, side="right")
    tied = np.flatnonzero(e)
    after = _first_known_later(t, e, later)
    pairs = int((happened.size - after[tied]).sum())
    if pairs == 0:
        raise NotEstimableError(
            what="concordance needs a pair whose order is known",
            got=f"{int(happened.sum())} events among {happened.size} cases",
            fix="Pool the centres, or follow the cases longer.",
        )
    out = np.empty(table.shape[1])
    for columns in feature_blocks(2 * happened.size, table.shape[1]):
        x = np.ascontiguousarray(table[order, columns])
        x = stats.rankdata(x, axis=0, method="dense").astype(
            np.int16 if len(x) < 30_000 else np.int64
        )
        wins = np.zeros(x.shape[1])
        for row in tied:
            rest = x[after[row] :]
            wins += (x[row] > rest).sum(axis=0) + 0.5 * (x[row] == rest).sum(axis=0)
        out[columns] = wins / pairs
    return out


def _first_known_later(
    t: Float[np.ndarray, " case"], e: Bool[np.ndarray, " case"], later: Int[np.ndarray, " case"]
) -> Int[np.ndarray, " case"]:
    """Position from which on cases are known to outlive each case's event."""
    begin = np.searchsorted(t, t, side="left")
    counts = np.concatenate([[0], np.cumsum(e)])
    # Within a tie, events are sorted first; those censored then were still at risk.
    position: Int[np.ndarray, " case"] = begin + counts[later] - counts[begin]
    return position
