# SPDX-License-Identifier: Apache-2.0
"""Competing risks: cumulative incidence and Gray's test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from hepacast.core.errors import NotEstimableError, TableError
from hepacast.stats.estimate import Estimate, HypothesisTest, z_of
from hepacast.stats.inputs import floats, times

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from numpy.typing import ArrayLike


def causes(values: ArrayLike, length: int | None = None) -> Int[np.ndarray, " case"]:
    """Check causes: 0 censored, 1 the event of interest, 2 and above competing ones.

    Raises
    ------
    TableError
        If a cause is not a whole number from 0 on.
    NotEstimableError
        If nobody had the event of interest.

    Examples
    --------
    >>> causes([0, 1, 2.0]).tolist()
    [0, 1, 2]
    """
    array = floats("cause", values, length)
    if ((array < 0) | (array != np.round(array))).any():
        raise TableError(
            what="a cause is 0 (censored), 1 (of interest) or a higher whole number",
            got=f"{np.unique(array)[:5].tolist()}",
            fix="Code the first event of each case.",
        )
    if not (array == 1).any():
        raise NotEstimableError(
            what="competing risks need events of interest",
            got=f"no cause 1 among {array.size} cases",
            fix="Code the event of interest as 1.",
        )
    whole: Int[np.ndarray, " case"] = array.astype(np.int64)
    return whole


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Incidence:
    """Cumulative incidence of the event of interest.

    Parameters
    ----------
    times : (step,) float
        Distinct times of any event, rising.
    incidence, se : (step,) float
        Probability of the event of interest by each time, and its standard error.
    low, high : (step,) float
        Limits on the log-log scale; 0 before the first event of interest.
    at_risk, events, competing : (step,) int
        At risk just before, events of interest at, competing events at each time.
    n : int
        Cases.
    level : float
        Confidence level.
    """

    times: Float[np.ndarray, " step"]
    incidence: Float[np.ndarray, " step"]
    se: Float[np.ndarray, " step"]
    low: Float[np.ndarray, " step"]
    high: Float[np.ndarray, " step"]
    at_risk: Int[np.ndarray, " step"]
    events: Int[np.ndarray, " step"]
    competing: Int[np.ndarray, " step"]
    n: int
    level: float = 0.95

    def at(self, when: ArrayLike) -> Float[np.ndarray, " when"]:
        """Return the incidence by given times; the last value is kept beyond the last time."""
        index = np.searchsorted(self.times, np.atleast_1d(when), side="right")
        values: Float[np.ndarray, " when"] = np.concatenate([[0.0], self.incidence])[index]
        return values

    def estimate_at(self, when: float) -> Estimate:
        """Return the incidence by one time, with its interval."""
        at = int(np.searchsorted(self.times, when, side="right")) - 1
        values = (
            (0.0, 0.0, 0.0, 0.0)
            if at < 0
            else (self.incidence[at], self.low[at], self.high[at], self.se[at])
        )
        estimate, low, high, se = map(float, values)
        return Estimate(
            name=f"cumulative incidence at {when:g}",
            estimate=estimate,
            low=low,
            high=high,
            se=se,
            n=self.n,
            events=int(self.events[: at + 1].sum()),
            method="Aalen-Johansen, log-log interval",
            level=self.level,
        )

    def sentence(self, when: float | None = None) -> str:
        """Write it as a manuscript would, at a time or at the last one."""
        return self.estimate_at(float(self.times[-1]) if when is None else when).sentence()


@dataclass(frozen=True, slots=True, eq=False)
class _Counts:
    """Events and cases at risk at every distinct time of any event."""

    times: Float[np.ndarray, " step"]
    at_risk: Float[np.ndarray, " step"]
    events: Float[np.ndarray, " step"]
    competing: Float[np.ndarray, " step"]

    @classmethod
    def of(
        cls,
        time: Float[np.ndarray, " case"],
        cause: Int[np.ndarray, " case"],
        steps: Float[np.ndarray, " step"],
    ) -> _Counts:
        ordered = np.sort(time)
        at_risk = time.size - np.searchsorted(ordered, steps, side="left")

        def count(chosen: np.ndarray) -> Float[np.ndarray, " step"]:
            own = np.sort(time[chosen])
            upto = np.searchsorted(own, steps, side="right")
            found: Float[np.ndarray, " step"] = (
                upto - np.searchsorted(own, steps, side="left")
            ).astype(np.float64)
            return found

        return cls(steps, at_risk.astype(np.float64), count(cause == 1), count(cause > 1))

    def curves(self) -> tuple[Float[np.ndarray, " step"], Float[np.ndarray, " step"]]:
        """Overall survival and incidence from each time on."""
        risk = np.maximum(self.at_risk, 1.0)
        survival = np.cumprod(1 - (self.events + self.competing) / risk)
        before = np.concatenate([[1.0], survival[:-1]])
        # Shares that add up to 1 may add up to a little more than 1 in floating point.
        return survival, np.minimum(np.cumsum(before * self.events / risk), 1.0)


def _tied(d: Float[np.ndarray, " step"], at_risk: Float[np.ndarray, " step"]) -> np.ndarray:
    """Finite-sample factor of tied events."""
    return np.where(d > 1, 1 - (d - 1) / np.maximum(at_risk - 1, 1.0), 1.0)


def cumulative_incidence(time: ArrayLike, cause: ArrayLike, *, level: float = 0.95) -> Incidence:
    """Estimate the cumulative incidence of the event of interest (Aalen-Johansen).

    Parameters
    ----------
    time : (case,) float
        Time to the first event or to censoring, any one unit.
    cause : (case,) int
        0 censored, 1 the event of interest, 2 and above competing events.
    level : float
        Confidence level.

    Notes
    -----
    Variance as ``cmprsk::cuminc``.  Source: Gray 1988, Ann Stat 16:1141.

    Examples
    --------
    >>> curve = cumulative_incidence([1, 2, 3, 4], [1, 2, 1, 0])
    >>> curve.incidence.tolist()
    [0.25, 0.25, 0.5]
    """
    code = causes(cause)
    follow = times(time, code.size)
    counts = _Counts.of(follow, code, np.unique(follow[code > 0]))
    survival, incidence = counts.curves()
    before = np.concatenate([[1.0], survival[:-1]])
    scale = before**2 / counts.at_risk**2
    own = scale * counts.events * _tied(counts.events, counts.at_risk)
    other = scale * counts.competing * _tied(counts.competing, counts.at_risk)
    inverse = np.where(survival > 0, 1 / np.where(survival > 0, survival, 1.0), 0.0)
    # The variance at t sums squares of 1 - (F(t) - F(u)) / S(u); expand them into running sums.
    level_u = 1 + incidence * inverse
    a = np.cumsum(own * level_u**2 + other * (incidence * inverse) ** 2)
    b = np.cumsum(own * level_u * inverse + other * incidence * inverse**2)
    c = np.cumsum((own + other) * inverse**2)
    se = np.sqrt(np.maximum(a + incidence**2 * c - 2 * incidence * b, 0.0))
    low, high = _log_log(incidence, se, z_of(level))
    return Incidence(
        times=counts.times,
        incidence=incidence,
        se=se,
        low=low,
        high=high,
        at_risk=counts.at_risk.astype(np.int64),
        events=counts.events.astype(np.int64),
        competing=counts.competing.astype(np.int64),
        n=code.size,
        level=level,
    )


def _log_log(
    value: Float[np.ndarray, " step"], se: Float[np.ndarray, " step"], z: float
) -> tuple[Float[np.ndarray, " step"], Float[np.ndarray, " step"]]:
    inner = (value > 0) & (value < 1)
    safe = np.where(inner, value, 0.5)
    # Next to 1 the scale is infinitely stretched: the limits are then 0 and the estimate.
    reach = np.minimum(z * se / (safe * -np.log(safe)), 500.0)
    low, high = safe ** np.exp(reach), safe ** np.exp(-reach)
    return np.where(inner, low, value), np.where(inner, high, value)


def gray_test(
    time: ArrayLike, cause: ArrayLike, group: ArrayLike, *, rho: float = 0.0
) -> HypothesisTest:
    """Gray's test that groups have the same cumulative incidence of the event of interest.

    Parameters
    ----------
    time : (case,) float
        Time to the first event or to censoring, any one unit.
    cause : (case,) int
        0 censored, 1 the event of interest, 2 and above competing events.
    group : (case,)
        Labels.
    rho : float
        Weight (1 - incidence) to this power.

    Raises
    ------
    NotEstimableError
        If there is one group.

    Notes
    -----
    As ``cmprsk::cuminc``.  Source: Gray 1988, Ann Stat 16:1141.

    Examples
    --------
    >>> test = gray_test([1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 1, 0, 1, 2, 1, 1], ["a", "b"] * 4)
    >>> test.df, 0 < test.p < 1
    (1, True)
    """
    code = causes(cause)
    follow = times(time, code.size)
    labels, which = np.unique(np.asarray(group), return_inverse=True)
    if labels.size < 2 or which.size != code.size:
        raise NotEstimableError(
            what="Gray's test needs two groups",
            got=f"{labels.size} groups in {which.size} labels for {code.size} cases",
            fix="Check the cut-off: it put every case on one side.",
        )
    steps = np.unique(follow[code > 0])
    parts = [_Counts.of(follow[which == k], code[which == k], steps) for k in range(labels.size)]
    score, variance = _gray_parts(parts, rho)
    kept = slice(0, labels.size - 1)
    inverse = np.linalg.pinv(variance[kept, kept], hermitian=True)
    statistic = float(score[kept] @ inverse @ score[kept])
    df = labels.size - 1
    return HypothesisTest(
        name="cumulative incidence",
        statistic=statistic,
        df=df,
        p=float(stats.chi2.sf(statistic, df)),
        method="Gray's test",
    )


def _gray_parts(
    parts: list[_Counts], rho: float
) -> tuple[Float[np.ndarray, " group"], Float[np.ndarray, "group group"]]:
    """Score of each group and its covariance; arrays below are (step, group)."""
    size = len(parts)
    risk = np.stack([part.at_risk for part in parts], axis=1)
    events = np.stack([part.events for part in parts], axis=1)
    other = np.stack([part.competing for part in parts], axis=1)
    curves = [part.curves() for part in parts]
    after = np.stack([survival for survival, _ in curves], axis=1)
    own = np.stack([incidence for _, incidence in curves], axis=1)
    first = np.ones((1, size))
    s, f = np.concatenate([first, after[:-1]]), np.concatenate([0 * first, own[:-1]])
    exposed = np.where(risk > 0, risk / np.where(s > 0, s, 1.0), 0.0)
    all_exposed = exposed.sum(axis=1)
    hits = events.sum(axis=1)
    pooled = np.cumsum(hits / all_exposed)
    before = np.concatenate([[0.0], pooled[:-1]])
    weight = (1 - before) ** rho
    sub = exposed * (1 - f)
    score = (weight[:, None] * (events - hits[:, None] * sub / sub.sum(axis=1)[:, None])).sum(
        axis=0
    )
    share = exposed / all_exposed[:, None]
    # a: how the score of group i at a time answers to the incidence of group k.
    a = weight[:, None, None] * exposed[:, :, None] * (np.eye(size)[None] - share[:, None, :])
    c = np.cumsum(a * (hits / (all_exposed * (1 - before)))[:, None, None], axis=0)
    alive = after > 0
    rest = np.where(alive, (1 - pooled)[:, None] / np.where(alive, after, 1.0), 0.0)
    under_null = np.where(risk > 0, s * (hits / all_exposed)[:, None] / np.maximum(risk, 1.0), 0.0)
    tied = np.where(
        hits[:, None] > 1,
        1 - (hits[:, None] - 1) / np.maximum(all_exposed[:, None] * s - 1, 1e-300),
        1.0,
    )
    spread_own = under_null * np.where(risk > 0, tied, 1.0)
    spread_other = np.where(
        alive & (risk > 0), s**2 * other * _tied(other, risk) / np.maximum(risk, 1.0) ** 2, 0.0
    )
    # Every increment of group k moves the final score by its own weight and by what follows.
    later = c[-1][None] - c
    by_own = a - (np.where(alive, 1 - rest, 1.0))[:, None, :] * c
    by_own = by_own + c[-1][None] * np.where(alive, 1 - rest, 1.0)[:, None, :]
    by_other = -rest[:, None, :] * later
    variance = np.einsum("tik,tjk,tk->ij", by_own, by_own, spread_own)
    variance += np.einsum("tik,tjk,tk->ij", by_other, by_other, spread_other)
    return score, variance
