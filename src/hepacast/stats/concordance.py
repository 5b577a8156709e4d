# SPDX-License-Identifier: Apache-2.0
"""Rank agreement between risk and follow-up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import NotEstimableError
from hepacast.stats.estimate import Comparison, compared, interval_text, z_of
from hepacast.stats.inputs import flags, floats, times
from hepacast.stats.risk_table import censoring_survival

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jaxtyping import Bool, Float, Int
    from numpy.typing import ArrayLike

_BLOCK = 4_000_000
"""Pairs looked at in one go; bounds the memory to about 100 MB."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Concordance:
    """A concordance index with its interval.

    Parameters
    ----------
    name : str
        ``"C-index"`` or ``"Uno's C"``.
    estimate, low, high, se : float
        Between 0 and 1; 0.5 for an uninformative risk.
    concordant, discordant, tied_risk : float
        Comparable pairs in the right order, in the wrong order, with equal risks
        (weighted, for Uno's C).
    n, events : int
        Cases, and those with the event.
    method : str
        How the interval was made.
    influence : (case,) float
        Infinitesimal jackknife values: what one unit of weight on each case adds to the
        estimate.  Their squares add up to ``se`` squared.
    level : float
        Confidence level.
    """

    name: str
    estimate: float
    low: float
    high: float
    se: float
    concordant: float
    discordant: float
    tied_risk: float
    n: int
    events: int
    method: str
    influence: Float[np.ndarray, " case"]
    level: float = 0.95

    def sentence(self, digits: int = 2) -> str:
        """Write it as a manuscript would."""
        interval = interval_text(self.low, self.high, self.level, digits)
        return f"{self.name} {self.estimate:.{digits}f} ({interval}; {self.method})"


@dataclass(slots=True)
class Pairs:
    """Running counts over comparable pairs."""

    concordant: float
    discordant: float
    tied: float
    agree: Float[np.ndarray, " case"]
    count: Float[np.ndarray, " case"]


def _later(
    rows: Int[np.ndarray, " row"],
    time: Float[np.ndarray, " case"],
    event: Bool[np.ndarray, " case"],
) -> Bool[np.ndarray, "row case"]:
    """Tell who is known to have outlived the event of each row."""
    own = time[rows, None]
    # A case censored at the moment of an event was still at risk then.
    known: Bool[np.ndarray, "row case"] = (own < time) | ((own == time) & ~event)
    return known


def _blocks(n: int, rows: Int[np.ndarray, " row"]) -> Iterator[Int[np.ndarray, " row"]]:
    step = max(1, _BLOCK // max(n, 1))
    for start in range(0, rows.size, step):
        yield rows[start : start + step]


def count_pairs(
    risk: Float[np.ndarray, " case"],
    time: Float[np.ndarray, " case"],
    event: Bool[np.ndarray, " case"],
    weight: Float[np.ndarray, " case"],
    rows: Int[np.ndarray, " row"],
) -> Pairs:
    """Count the comparable pairs whose earlier event is in some rows; there may be none.

    Parameters
    ----------
    risk : (case,) float
        Higher means an earlier event is expected; equal risks count one half.
    time : (case,) float
        Time to the event or to censoring.
    event : (case,) bool
        True where the event was seen.
    weight : (case,) float
        Of the pairs in which the case has the earlier event.
    rows : (row,) int
        Cases with an event.

    Examples
    --------
    >>> risk, time = np.array([3.0, 2, 1]), np.array([5.0, 9, 7])
    >>> event = np.array([True, False, True])
    >>> pairs = count_pairs(risk, time, event, np.ones(3), np.flatnonzero(event))
    >>> pairs.concordant, pairs.discordant
    (2.0, 1.0)
    """
    n = risk.size
    total = Pairs(0.0, 0.0, 0.0, np.zeros(n), np.zeros(n))
    for block in _blocks(n, rows):
        comparable = _later(block, time, event) * weight[block, None]
        higher = comparable * (risk[block, None] > risk)
        tied = comparable * (risk[block, None] == risk)
        agree = higher + 0.5 * tied
        total.concordant += float(higher.sum())
        total.tied += float(tied.sum())
        total.discordant += float(comparable.sum() - higher.sum() - tied.sum())
        total.agree[block] += agree.sum(axis=1)
        total.agree += agree.sum(axis=0)
        total.count[block] += comparable.sum(axis=1)
        total.count += comparable.sum(axis=0)
    return total


def _conclude(name: str, pairs: Pairs, events: int, level: float) -> Concordance:
    every = pairs.concordant + pairs.discordant + pairs.tied
    if every == 0:
        raise NotEstimableError(
            what="concordance needs a pair whose order is known",
            got=f"{events} events among {pairs.agree.size} cases",
            fix="Pool the centres, or report this subgroup without a C-index.",
        )
    estimate = (pairs.concordant + 0.5 * pairs.tied) / every
    influence = (pairs.agree - estimate * pairs.count) / every
    se = float(np.sqrt((influence**2).sum()))
    reach = z_of(level) * se
    return Concordance(
        name=name,
        estimate=estimate,
        low=max(estimate - reach, 0.0),
        high=min(estimate + reach, 1.0),
        se=se,
        concordant=pairs.concordant,
        discordant=pairs.discordant,
        tied_risk=pairs.tied,
        n=influence.size,
        events=events,
        method="infinitesimal jackknife",
        influence=influence,
        level=level,
    )


def harrell_c(
    risk: ArrayLike, time: ArrayLike, event: ArrayLike, *, level: float = 0.95
) -> Concordance:
    """Share of comparable pairs that the risk puts in the right order.

    Parameters
    ----------
    risk : (case,) float
        Higher means an earlier event is expected.
    time : (case,) float
        Time from the index date to the event or to censoring, any one unit.
    event : (case,) bool
        True where the event was seen.
    level : float
        Confidence level.

    Returns
    -------
    Concordance
        Interval from the infinitesimal jackknife, as R's ``survival::concordance``.

    Raises
    ------
    NotEstimableError
        If no pair is comparable.

    Notes
    -----
    Equal risks count one half; pairs with equal times count only when exactly one of the two
    had the event.  All pairs are looked at, in blocks: 10,000 cases take about a second.
    Source: Harrell 1996, Stat Med 15:361; Therneau and Watson 2015, Mayo Clinic report 85.

    Examples
    --------
    >>> harrell_c([3.0, 2.0, 1.0, 1.5], [5.0, 9.0, 12.0, 14.0], [1, 1, 1, 0]).estimate
    0.8333333333333334
    """
    happened = flags("event", event)
    follow = times(time, happened.size)
    values = floats("risk", risk, happened.size)
    rows = np.flatnonzero(happened)
    pairs = count_pairs(values, follow, happened, np.ones(happened.size), rows)
    return _conclude("C-index", pairs, rows.size, level)


def uno_c(
    risk: ArrayLike,
    time: ArrayLike,
    event: ArrayLike,
    *,
    horizon: float | None = None,
    level: float = 0.95,
) -> Concordance:
    """Concordance that does not depend on the censoring (Uno's C).

    Parameters
    ----------
    risk : (case,) float
        Higher means an earlier event is expected.
    time : (case,) float
        Time to the event or to censoring, any one unit.
    event : (case,) bool
        True where the event was seen.
    horizon : float, optional
        Only events before it count (Uno's tau); all events otherwise.
    level : float
        Confidence level.

    Returns
    -------
    Concordance
        Each pair weighs 1 / G(t-) squared, G the Kaplan-Meier curve of censoring.  The
        interval takes G as known, as R's ``concordance(timewt="n/G2")`` does.

    Raises
    ------
    NotEstimableError
        If no pair is comparable.

    Notes
    -----
    Source: Uno 2011, Stat Med 30:1105.

    Examples
    --------
    >>> round(uno_c([3, 2, 1, 4], [5, 9, 12, 2], [1, 1, 1, 0]).estimate, 3)
    1.0
    """
    happened = flags("event", event)
    follow = times(time, happened.size)
    values = floats("risk", risk, happened.size)
    counted = happened if horizon is None else happened & (follow < horizon)
    rows = np.flatnonzero(counted)
    known = censoring_survival(follow, happened, follow, before=True)
    weight = np.where(counted & (known > 0), 1.0 / np.where(known > 0, known, 1.0) ** 2, 0.0)
    pairs = count_pairs(values, follow, happened, weight, rows)
    return _conclude("Uno's C", pairs, int(happened.sum()), level)


def compare_c(first: Concordance, second: Concordance) -> Comparison:
    """Compare two concordances of the same cases.

    Parameters
    ----------
    first, second : Concordance
        From the same cases in the same order.

    Returns
    -------
    Comparison
        First minus second; the paired standard error comes from the difference of the
        jackknife influences, as R's ``concordance(fit1, fit2)``.

    Examples
    --------
    >>> time, event = [5, 9, 12, 14, 20], [1, 1, 1, 0, 1]
    >>> good = harrell_c([5, 4, 3, 2, 1], time, event)
    >>> poor = harrell_c([5, 1, 3, 4, 2], time, event)
    >>> compare_c(good, good).p, round(compare_c(good, poor).difference, 3)
    (1.0, 0.444)
    """
    if first.n != second.n or first.events != second.events:
        raise NotEstimableError(
            what="a paired comparison needs the same cases",
            got=f"{first.n} and {second.n} cases",
            fix="Score both models on the same cases first.",
        )
    gap = first.influence - second.influence
    se = float(np.sqrt((gap**2).sum()))
    method = "paired infinitesimal jackknife"
    return compared(
        first.name, first.estimate, second.estimate, se, method=method, level=first.level
    )


def bootstrap_harrell_c(
    risk: ArrayLike,
    time: ArrayLike,
    event: ArrayLike,
    rng: np.random.Generator,
    *,
    resamples: int = 2000,
) -> Float[np.ndarray, " resample"]:
    """Harrell's C of many bootstrap resamples at once.

    Parameters
    ----------
    risk, time, event : (case,)
        As for :func:`harrell_c`.
    rng : numpy.random.Generator
        Source of the resamples.
    resamples : int
        How many.

    Returns
    -------
    (resample,) float
        Resamples without a comparable pair are left out.

    Notes
    -----
    A resample is a vector of case multiplicities w, and C = w'Aw / w'Bw with the pair tables
    A (right order) and B (comparable): two matrix products instead of many recounts.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> bootstrap_harrell_c([3, 2, 1], [5, 9, 12], [1, 1, 1], rng, resamples=50).tolist()[:2]
    [1.0, 1.0]
    """
    happened = flags("event", event)
    follow = times(time, happened.size)
    values = floats("risk", risk, happened.size)
    rows = np.flatnonzero(happened)
    comparable = _later(rows, follow, happened).astype(np.float64)
    agree = comparable * ((values[rows, None] > values) + 0.5 * (values[rows, None] == values))
    n = happened.size
    weight = rng.multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.float64)
    early = weight[:, rows]
    right = ((early @ agree) * weight).sum(axis=1)
    every = ((early @ comparable) * weight).sum(axis=1)
    usable: Float[np.ndarray, " resample"] = right[every > 0] / every[every > 0]
    return usable
