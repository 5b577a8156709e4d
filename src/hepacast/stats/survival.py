# SPDX-License-Identifier: Apache-2.0
"""Survival curves and the tests between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import stats

from hepacast.core.errors import NotEstimableError, TableError
from hepacast.stats.estimate import Estimate, HypothesisTest, p_text, z_of
from hepacast.stats.inputs import flags, floats, some_events, times
from hepacast.stats.risk_table import risk_table

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from numpy.typing import ArrayLike

ConfType = Literal["log", "log-log", "plain"]
"""Scale of the interval: R's default is ``log``, lifelines' is ``log-log``."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Curve:
    """A Kaplan-Meier curve.

    Parameters
    ----------
    times : (step,) float
        Distinct times of events and of censoring, rising.
    survival, low, high : (step,) float
        Probability of being free of the event after each time, and its limits.  Where the
        estimate is 0 (and, for log-log, 1) the interval is not defined and the limits are NaN,
        as in R.
    se_log : (step,) float
        Standard error of log survival (Greenwood); infinite where survival is 0.
    at_risk, events, censored : (step,) int
        At risk just before, events at, censored at each time.
    n : int
        Cases.
    conf_type : str
        Scale of the interval.
    level : float
        Confidence level.
    """

    times: Float[np.ndarray, " step"]
    survival: Float[np.ndarray, " step"]
    low: Float[np.ndarray, " step"]
    high: Float[np.ndarray, " step"]
    se_log: Float[np.ndarray, " step"]
    at_risk: Int[np.ndarray, " step"]
    events: Int[np.ndarray, " step"]
    censored: Int[np.ndarray, " step"]
    n: int
    conf_type: ConfType
    level: float = 0.95

    def at(self, when: ArrayLike) -> Float[np.ndarray, " when"]:
        """Return survival at given times; the last value is kept beyond the last time."""
        return _step(self.times, self.survival, floats("time", np.atleast_1d(when)), 1.0)

    def numbers_at_risk(self, when: ArrayLike) -> Int[np.ndarray, " when"]:
        """Count the cases at risk just before given times, for the table under the plot."""
        at = np.searchsorted(self.times, np.atleast_1d(when), side="left")
        counts: Int[np.ndarray, " when"] = np.append(self.at_risk, 0)[at]
        return counts

    def estimate_at(self, when: float) -> Estimate:
        """Return survival at one time, with its interval."""
        at = int(np.searchsorted(self.times, when, side="right")) - 1
        survival, low, high, se = (
            (1.0, 1.0, 1.0, 0.0)
            if at < 0
            else (self.survival[at], self.low[at], self.high[at], self.se_log[at])
        )
        return Estimate(
            name=f"survival at {when:g}",
            estimate=float(survival),
            low=float(low),
            high=float(high),
            se=float(survival * se) if survival > 0 else 0.0,
            n=self.n,
            events=int(self.events[: at + 1].sum()),
            method=f"Kaplan-Meier, {self.conf_type} interval",
            level=self.level,
        )

    def quantile(self, share: float = 0.5) -> tuple[float, float, float]:
        """Time by which ``share`` had the event, and its limits; infinite where not reached.

        Where the curve runs flat exactly at the level, the middle of the flat part is taken,
        as in R.
        """
        keep = self.events > 0
        steps = self.times[keep]
        values = (self.survival[keep], self.low[keep], self.high[keep])
        middle, low, high = (_crossing_time(steps, curve, 1 - share) for curve in values)
        return middle, low, high

    @property
    def median(self) -> float:
        """Median survival time; infinite when fewer than half had the event."""
        return self.quantile(0.5)[0]

    def sentence(self, unit: str = "") -> str:
        """Write it as a manuscript would."""
        median, low, high = self.quantile(0.5)
        if not np.isfinite(median):
            return f"median survival not reached ({int(self.events.sum())} events in {self.n})"
        top = f"{high:.1f}" if np.isfinite(high) else "not reached"
        interval = f"{100 * self.level:g} % CI {low:.1f}-{top}"
        return f"median survival {median:.1f}{unit and ' ' + unit} ({interval}; Kaplan-Meier)"


def _step(
    steps: Float[np.ndarray, " step"],
    values: Float[np.ndarray, " step"],
    when: Float[np.ndarray, " when"],
    start: float,
) -> Float[np.ndarray, " when"]:
    """Evaluate a right-continuous step function."""
    at: Float[np.ndarray, " when"] = np.concatenate([[start], values])[
        np.searchsorted(steps, when, side="right")
    ]
    return at


def _crossing_time(
    steps: Float[np.ndarray, " step"], values: Float[np.ndarray, " step"], level: float
) -> float:
    """First time at which a falling curve is below the level (half-way of a flat part at it)."""
    below = np.flatnonzero(values < level - 1e-9)
    equal = np.flatnonzero(np.abs(values - level) <= 1e-9)
    if equal.size:
        end = steps[below[0]] if below.size else steps[-1]
        return float((steps[equal[0]] + end) / 2) if below.size else float(steps[equal[0]])
    return float(steps[below[0]]) if below.size else float("inf")


def kaplan_meier(
    time: ArrayLike, event: ArrayLike, *, conf_type: ConfType = "log", level: float = 0.95
) -> Curve:
    """Kaplan-Meier curve with Greenwood's standard error.

    Parameters
    ----------
    time : (case,) float
        Time to the event or to censoring, any one unit.
    event : (case,) bool
        True where the event was seen; none at all gives a curve of 1.
    conf_type : {"log", "log-log", "plain"}
        Scale on which the interval is symmetric; cut at 0 and 1.
    level : float
        Confidence level.

    Notes
    -----
    A case censored at the time of an event was at risk for it.  Source: Kaplan and Meier 1958,
    J Am Stat Assoc 53:457; intervals as R's ``survfit``.

    Examples
    --------
    >>> curve = kaplan_meier([1, 2, 2, 3, 4], [1, 1, 0, 1, 0])
    >>> curve.survival.round(3).tolist(), curve.median, curve.numbers_at_risk([0, 2]).tolist()
    ([0.8, 0.6, 0.3, 0.3], 3.0, [5, 4])
    """
    happened = flags("event", event)
    follow = times(time, happened.size)
    if not happened.size:
        raise NotEstimableError(
            what="a survival curve needs a case", got="none", fix="Choose another subgroup."
        )
    table = risk_table(follow, happened)
    survival = np.cumprod(1 - table.events / table.at_risk)
    left = table.at_risk - table.events
    with np.errstate(divide="ignore"):
        se_log = np.sqrt(np.cumsum(table.events / (table.at_risk * left)))
    low, high = _limits(survival, se_log, conf_type, z_of(level))
    return Curve(
        times=table.times,
        survival=survival,
        low=low,
        high=high,
        se_log=se_log,
        at_risk=table.at_risk.astype(np.int64),
        events=table.events.astype(np.int64),
        censored=table.censored.astype(np.int64),
        n=happened.size,
        conf_type=conf_type,
        level=level,
    )


def _limits(
    survival: Float[np.ndarray, " step"],
    se_log: Float[np.ndarray, " step"],
    conf_type: ConfType,
    z: float,
) -> tuple[Float[np.ndarray, " step"], Float[np.ndarray, " step"]]:
    if conf_type not in ("log", "log-log", "plain"):
        raise TableError(
            what="an interval of survival is on the log, log-log or plain scale",
            got=repr(conf_type),
            fix="Write conf_type='log' (R) or 'log-log' (lifelines).",
        )
    inner = survival > 0
    s, se = np.where(inner, survival, 0.5), np.where(inner, se_log, 0.0)
    if conf_type == "log":
        low, high = s * np.exp(-z * se), np.minimum(s * np.exp(z * se), 1.0)
    elif conf_type == "plain":
        low, high = np.maximum(s - z * se * s, 0.0), np.minimum(s + z * se * s, 1.0)
    else:
        whole = s == 1
        middle = np.where(whole, 0.5, s)
        reach = z * se / np.log(middle)
        low, high = middle ** np.exp(-reach), middle ** np.exp(reach)
        low, high = np.where(whole, 1.0, low), np.where(whole, 1.0, high)
    return np.where(inner, low, np.nan), np.where(inner, high, np.nan)


Weighting = Literal["logrank", "peto", "gehan", "tarone"]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LogRank:
    """A log-rank type test.

    Parameters
    ----------
    groups : tuple of str
        In sorted order.
    n, observed : (group,) int
        Cases and events.
    expected : (group,) float
        Events expected if all groups shared one hazard (weighted like the test).
    score, variance : (group,) and (group, group) float
        Weighted observed minus expected, and its covariance.
    statistic, df, p : float
        Chi-square, degrees of freedom, P value.
    method : str
        Name of the test.
    """

    groups: tuple[str, ...]
    n: Int[np.ndarray, " group"]
    observed: Int[np.ndarray, " group"]
    expected: Float[np.ndarray, " group"]
    score: Float[np.ndarray, " group"]
    variance: Float[np.ndarray, "group group"]
    statistic: float
    df: float
    p: float
    method: str

    def sentence(self) -> str:
        """Write it as a manuscript would."""
        return f"{p_text(self.p)} ({self.method}, {len(self.groups)} groups)"

    def trend(self, scores: ArrayLike | None = None) -> HypothesisTest:
        """Test for a trend over ordered groups; scores are 1, 2, 3 ... unless given."""
        values = floats("score", np.arange(len(self.groups)) if scores is None else scores)
        top = float(values @ self.score)
        statistic = top**2 / float(values @ self.variance @ values)
        return HypothesisTest(
            name="trend over groups",
            statistic=statistic,
            df=1,
            p=float(stats.chi2.sf(statistic, 1)),
            method=f"{self.method} for trend",
        )


def logrank(
    time: ArrayLike,
    event: ArrayLike,
    group: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    weight: Weighting = "logrank",
) -> LogRank:
    """Compare the survival of two or more groups.

    Parameters
    ----------
    time : (case,) float
        Time to the event or to censoring, any one unit.
    event : (case,) bool
        True where the event was seen.
    group : (case,)
        Labels; sorted for the result.
    strata : (case,), optional
        Labels within which groups are compared (a stratified test).
    weight : {"logrank", "peto", "gehan", "tarone"}
        ``peto`` weighs by the survival just before (R's rho = 1), ``gehan`` by the number at
        risk, ``tarone`` by its square root; all three stress early differences.

    Raises
    ------
    NotEstimableError
        If there is one group, or no event.

    Notes
    -----
    Hypergeometric variance, as R's ``survdiff``.  Source: Mantel 1966, Cancer Chemother Rep
    50:163; Harrington and Fleming 1982, Biometrika 69:553.

    Examples
    --------
    >>> test = logrank([1, 2, 3, 4, 5, 6], [1] * 6, ["b"] * 3 + ["a"] * 3)
    >>> test.groups, test.observed.tolist(), round(test.p, 4)
    (('a', 'b'), [3, 3], 0.0246)
    """
    happened = flags("event", event)
    follow = times(time, happened.size)
    labels, which = np.unique(np.asarray(group), return_inverse=True)
    if labels.size < 2 or which.size != happened.size:
        raise NotEstimableError(
            what="a log-rank test needs two groups",
            got=f"{labels.size} groups in {which.size} labels for {happened.size} cases",
            fix="Check the cut-off: it put every case on one side.",
        )
    some_events("a log-rank test", happened)
    layer = np.zeros(happened.size) if strata is None else np.unique(strata, return_inverse=True)[1]
    score, expected = np.zeros(labels.size), np.zeros(labels.size)
    variance = np.zeros((labels.size, labels.size))
    for one in np.unique(layer):
        inside = layer == one
        part = _score_of_groups(
            follow[inside], happened[inside], which[inside], labels.size, weight
        )
        score += part[0]
        expected += part[1]
        variance += part[2]
    statistic = float(score[1:] @ np.linalg.pinv(variance[1:, 1:], hermitian=True) @ score[1:])
    df = labels.size - 1
    name = {"logrank": "log-rank test", "peto": "Peto-Peto test", "gehan": "Gehan-Wilcoxon test"}
    return LogRank(
        groups=tuple(map(str, labels)),
        n=np.bincount(which, minlength=labels.size),
        observed=np.bincount(which[happened], minlength=labels.size),
        expected=expected,
        score=score,
        variance=variance,
        statistic=statistic,
        df=df,
        p=float(stats.chi2.sf(statistic, df)),
        method="stratified " * (strata is not None) + name.get(weight, "Tarone-Ware test"),
    )


def _score_of_groups(
    time: Float[np.ndarray, " case"],
    event: Bool[np.ndarray, " case"],
    group: Int[np.ndarray, " case"],
    groups: int,
    weight: Weighting,
) -> tuple[
    Float[np.ndarray, " group"], Float[np.ndarray, " group"], Float[np.ndarray, "group group"]
]:
    """Weighted observed minus expected, expected, and covariance, within one stratum."""
    pooled = risk_table(time, event)
    at = np.searchsorted(pooled.times, time)
    leaving, deaths = (np.zeros((pooled.times.size, groups)) for _ in range(2))
    np.add.at(leaving, (at, group), 1)
    np.add.at(deaths, (at[event], group[event]), 1)
    keep = pooled.events > 0
    risk = np.cumsum(leaving[::-1], axis=0)[::-1][keep]
    total, died = pooled.at_risk[keep], pooled.events[keep]
    before = np.concatenate([[1.0], np.cumprod(1 - died / total)[:-1]])
    w = {"logrank": np.ones(total.size), "peto": before, "gehan": total, "tarone": np.sqrt(total)}[
        weight
    ]
    share = risk / total[:, None]
    expected = died[:, None] * share
    spread = w**2 * died * np.where(total > 1, (total - died) / np.maximum(total - 1, 1), 0.0)
    weighted = spread[:, None] * share
    variance = np.diag(weighted.sum(axis=0)) - weighted.T @ share
    return (w[:, None] * (deaths[keep] - expected)).sum(axis=0), w @ expected, variance
