# SPDX-License-Identifier: Apache-2.0
"""One feature at a time, for tens of thousands of features at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special, stats

from hepacast.core.errors import NotEstimableError
from hepacast.stats.cox import RiskSets, Ties, risk_sets
from hepacast.stats.inputs import both_classes, flags, floats, some_events, times

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jaxtyping import Bool, Float, Int
    from numpy.typing import ArrayLike

_STEPS = 40
_TABLE = 60_000
"""Numbers per block: a block of features and its exponentials stay in the processor's cache."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Screen:
    """A regression of the outcome on each feature alone.

    Parameters
    ----------
    beta, se : (feature,) float
        Log odds or hazard ratio per unit of the feature, and its standard error.
    p : (feature,) float
        Wald P value; the likelihood ratio P value where the Wald one does not exist
        (separation).
    p_lr : (feature,) float
        Likelihood ratio P value.
    constant : (feature,) bool
        The feature does not vary: beta 0, standard error infinite, P 1.
    separated : (feature,) bool
        No finite estimate: beta and standard error are infinite, with the sign of the
        association.
    method : str
        Name of the regression.
    n, events : int
        Cases, and those with the event.
    """

    beta: Float[np.ndarray, " feature"]
    se: Float[np.ndarray, " feature"]
    p: Float[np.ndarray, " feature"]
    p_lr: Float[np.ndarray, " feature"]
    constant: Bool[np.ndarray, " feature"]
    separated: Bool[np.ndarray, " feature"]
    method: str
    n: int
    events: int

    def sentence(self, limit: float = 0.05) -> str:
        """Write it as a manuscript would."""
        hits = int((self.p < limit).sum())
        return f"{hits} of {self.p.size} features had P < {limit:g} ({self.method})"


def _table(X: ArrayLike, n: int) -> Float[np.ndarray, "case feature"]:
    table = floats("feature", X, n)
    return table[:, None] if table.ndim == 1 else table


def _blocks(cases: int, features: int) -> Iterator[slice]:
    width = max(8, _TABLE // cases)
    for start in range(0, features, width):
        yield slice(start, min(start + width, features))


def _scaled(
    block: Float[np.ndarray, "case feature"],
) -> tuple[Float[np.ndarray, "case feature"], Float[np.ndarray, " feature"], np.ndarray]:
    """Centre and scale; tell which columns do not vary."""
    share = np.full(len(block), 1 / len(block))
    center = share @ block
    centred = block - center
    scale = np.sqrt(share @ centred**2)
    flat = scale <= 1e-12 * np.maximum(np.abs(center), 1e-300)
    return centred / np.where(flat, 1.0, scale), np.where(flat, 1.0, scale), flat


@dataclass(slots=True)
class _Found:
    """Result of one block, on the scale of standardised features."""

    beta: Float[np.ndarray, " feature"]
    information: Float[np.ndarray, " feature"]
    gain: Float[np.ndarray, " feature"]
    separated: Bool[np.ndarray, " feature"]


@dataclass(slots=True)
class _Turn:
    """One Newton step of a block: step, information, and 1 + exp(-odds)."""

    da: Float[np.ndarray, " feature"]
    db: Float[np.ndarray, " feature"]
    i00: Float[np.ndarray, " feature"]
    det: Float[np.ndarray, " feature"]
    inverse: Float[np.ndarray, "feature case"]


def _turn(
    x: Float[np.ndarray, "feature case"],
    squares: Float[np.ndarray, "feature case"],
    a: Float[np.ndarray, " feature"],
    b: Float[np.ndarray, " feature"],
    goal: tuple[float, Float[np.ndarray, " feature"]],
) -> _Turn:
    """Newton step of intercept and slope, for features in rows (in the precision of ``x``)."""
    t = x * -b[:, None].astype(x.dtype)
    t -= a[:, None].astype(x.dtype)
    # A far case overflows to infinity in single precision, and its probability to 0: right.
    with np.errstate(over="ignore"):
        np.exp(t, out=t)
    t += 1
    mu = np.reciprocal(t)
    weight = mu - mu * mu
    one = np.ones(x.shape[1], dtype=x.dtype)
    g0 = goal[0] - mu @ one
    g1 = goal[1] - np.einsum("fc,fc->f", mu, x)
    i00, i01 = weight @ one, np.einsum("fc,fc->f", weight, x)
    i11 = np.einsum("fc,fc->f", weight, squares)
    det = np.maximum(i00 * i11 - i01**2, 1e-30)
    da, db = (i11 * g0 - i01 * g1) / det, (i00 * g1 - i01 * g0) / det
    limit = np.minimum(1.0, 4.0 / np.maximum(np.maximum(np.abs(da), np.abs(db)), 1e-30))
    return _Turn(limit * da, limit * db, i00, det, t)


def _sum_log(values: Float[np.ndarray, "feature case"]) -> Float[np.ndarray, " feature"]:
    """Sum logarithms of numbers from 1 on; one logarithm serves sixteen numbers."""
    if values.max(initial=1.0) < 1e15:
        for _ in range(4):
            half = values.shape[1] // 2
            folded = values[:, :half] * values[:, half : 2 * half]
            if values.shape[1] % 2 and half:
                folded[:, 0] *= values[:, -1]
            values = folded if half else values
    total: Float[np.ndarray, " feature"] = np.log(values).sum(axis=1)
    return total


def _logistic_block(
    columns: Float[np.ndarray, "case feature"], event: Bool[np.ndarray, " case"]
) -> _Found:
    """Newton's method for two coefficients per feature, first in single precision."""
    apart = _apart(columns, event)
    x = np.ascontiguousarray(columns.T)
    x[apart] = 0.0
    n, prevalence = event.size, float(event.mean())
    sxy = x @ event.astype(np.float64)
    # Start where two normal classes of equal spread would end.
    scale = n * prevalence * (1 - prevalence)
    b = sxy / scale / np.maximum(1 - sxy**2 / (n * scale), 0.05)
    a = np.full(b.size, special.logit(prevalence))
    goal, squares = (n * prevalence, sxy), x * x
    short, short_squares = x.astype(np.float32), squares.astype(np.float32)
    for _ in range(2):
        turn = _turn(short, short_squares, a, b, goal)
        a, b = a + turn.da, b + turn.db
    for _ in range(_STEPS):
        turn = _turn(x, squares, a, b, goal)
        at = a, b
        a, b = a + turn.da, b + np.where(apart, 0.0, turn.db)
        moved = np.where(apart, 0.0, np.maximum(np.abs(turn.da), np.abs(turn.db)))
        if moved.max(initial=0.0) < 1e-9:
            break
    else:
        raise NotEstimableError(
            what="every univariate likelihood must reach its maximum",
            got=f"{int((moved > 1e-9).sum())} features still moving after {_STEPS} steps",
            fix="Look for extreme outliers in these features, or take their logarithm.",
        )
    null = n * float(
        special.xlogy(prevalence, prevalence) + special.xlog1py(1 - prevalence, -prevalence)
    )
    # log(1 + exp(odds)) = odds + log(1 + exp(-odds)); the columns are centred.
    value = (goal[0] - n) * at[0] + (sxy - x.sum(axis=1)) * at[1] - _sum_log(turn.inverse)
    gain = value - null
    if apart.any():
        gain[apart] = _separated_gain(columns[:, apart], event, null)
        difference = columns[event].mean(axis=0) - columns[~event].mean(axis=0)
        b = np.where(apart, np.copysign(np.inf, difference), b)
    return _Found(b, turn.det / np.maximum(turn.i00, 1e-300), gain, apart)


def _apart(
    x: Float[np.ndarray, "case feature"], event: Bool[np.ndarray, " case"]
) -> Bool[np.ndarray, " feature"]:
    """Tell which columns have no overlap of the classes, and so no maximum."""
    yes, no = x[event], x[~event]
    separate: Bool[np.ndarray, " feature"] = (yes.min(axis=0) >= no.max(axis=0)) | (
        yes.max(axis=0) <= no.min(axis=0)
    )
    return separate


def _separated_gain(
    x: Float[np.ndarray, "case feature"], event: Bool[np.ndarray, " case"], null: float
) -> Float[np.ndarray, " feature"]:
    """Log likelihood gained where the classes touch at most at one value."""
    yes, no = x[event], x[~event]
    low = np.where(yes.min(axis=0) >= no.max(axis=0), yes.min(axis=0), yes.max(axis=0))
    k, m = (yes == low).sum(axis=0).astype(float), (no == low).sum(axis=0).astype(float)
    # Cases at the touching value keep a probability of their own; all others are certain.
    share = k / np.maximum(k + m, 1)
    left = special.xlogy(k, share) + special.xlog1py(m, -share)
    gain: Float[np.ndarray, " feature"] = np.where((k > 0) & (m > 0), left, 0.0) - null
    return gain


def screen_logistic(X: ArrayLike, event: ArrayLike) -> Screen:
    """Fit a logistic regression to every feature alone.

    Parameters
    ----------
    X : (case, feature) float
        Finite values.
    event : (case,) bool
        True where the event happened.

    Returns
    -------
    Screen
        Maximum likelihood to a step of 1e-8 standard deviations.

    Raises
    ------
    NotEstimableError
        With one class only.

    Examples
    --------
    >>> X = np.column_stack([[1.0, 2, 3, 4, 5, 6], [1.0, 1, 1, 1, 1, 1]])
    >>> screen = screen_logistic(X, [0, 0, 1, 0, 1, 1])
    >>> screen.beta.round(4).tolist(), screen.p.round(3).tolist()
    ([1.214, 0.0], [0.183, 1.0])
    """
    happened = flags("event", event)
    both_classes("logistic regression", happened)
    table = _table(X, happened.size)
    parts, scales, flats = [], [], []
    for columns in _blocks(*table.shape):
        x, scale, flat = _scaled(table[:, columns])
        x[:, flat] = np.where(happened, 1.0, -1.0)[:, None]  # solved apart, overwritten below
        parts.append(_logistic_block(x, happened))
        scales.append(scale)
        flats.append(flat)
    return _gather(parts, scales, flats, "univariate logistic regression", happened)


def _gather(
    parts: list[_Found],
    scales: list[Float[np.ndarray, " feature"]],
    flats: list[np.ndarray],
    method: str,
    event: Bool[np.ndarray, " case"],
) -> Screen:
    """Join the blocks, and return to the units of the features."""
    flat, scale = np.concatenate(flats), np.concatenate(scales)
    beta = np.concatenate([part.beta for part in parts])
    information = np.concatenate([part.information for part in parts])
    gain = np.maximum(np.concatenate([part.gain for part in parts]), 0.0)
    separated = np.concatenate([part.separated for part in parts]) & ~flat
    usable = ~flat & ~separated
    se = np.full(beta.size, np.inf)
    se[usable] = 1 / np.sqrt(information[usable])
    p_lr = np.where(flat, 1.0, special.chdtrc(1, 2 * gain))
    z = np.where(usable, beta, 0.0) / se
    return Screen(
        beta=np.where(flat, 0.0, beta / scale),
        se=se / scale,
        p=np.where(usable, 2 * special.ndtr(-np.abs(z)), p_lr),
        p_lr=p_lr,
        constant=flat,
        separated=separated,
        method=method,
        n=event.size,
        events=int(event.sum()),
    )


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


def _cox_block(x: Float[np.ndarray, "case feature"], sets: RiskSets) -> _Found:
    """Newton's method with halving for one coefficient per feature."""
    x = x[sets.order]
    apart = _monotone(x, sets)
    b = np.zeros(x.shape[1])
    null, score, information = _cox_terms(x, b, sets)
    sign, value = score.copy(), null
    for _ in range(_STEPS):
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
            got=f"{int((np.abs(step) > 1e-6).sum())} features still moving after {_STEPS} steps",
            fix="Look for extreme outliers in these features, or take their logarithm.",
        )
    b = b + np.where(apart, 0.0, score / np.where(information > 0, information, 1.0))
    limit = np.where(sign >= 0, np.inf, -np.inf)
    gain = value - null
    gain[apart] = _monotone_limit(x[:, apart], sets, sign[apart]) - null[apart]
    return _Found(np.where(apart, limit, b), information, gain, apart)


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
    table = _table(X, happened.size)
    sets = risk_sets(np.arange(happened.size), follow, happened, ties)
    parts, scales, flats = [], [], []
    for columns in _blocks(*table.shape):
        x, scale, flat = _scaled(table[:, columns])
        x[:, flat] = 0.0
        parts.append(_cox_block(x, sets))
        scales.append(scale)
        flats.append(flat)
    return _gather(parts, scales, flats, f"univariate Cox regression, {ties} ties", happened)


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
    table = _table(X, happened.size)
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
    table = _table(X, happened.size)
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
    table = _table(X, happened.size)
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
    for columns in _blocks(2 * happened.size, table.shape[1]):
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
