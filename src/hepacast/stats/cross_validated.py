# SPDX-License-Identifier: Apache-2.0
"""Discrimination of cross-validated scores: only scores of the same fit are compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from hepacast.core.errors import NotEstimableError, TableError
from hepacast.stats.concordance import count_pairs
from hepacast.stats.estimate import Comparison, compared, interval_text, z_of
from hepacast.stats.horizon import Weights, wins
from hepacast.stats.inputs import both_classes, flags, floats, some_events, times

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Bool, Float, Int
    from numpy.typing import ArrayLike

    Floats = Float[np.ndarray, " case"]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CrossValidated:
    """Discrimination of a procedure, from scores that left the scored case out.

    Parameters
    ----------
    name : str
        ``"AUC"`` or ``"C-index"``.
    estimate, low, high, se : float
        Between 0 and 1; 0.5 for an uninformative procedure.
    n, events : int
        Cases, and those with the event.
    pairs : float
        Pairs compared in one repeat, on average.
    influence : (repeat, unit) float
        Infinitesimal jackknife values of every repeat, the fits taken as known; units are
        patients, or cases where no patients were given.
    learned : float
        Estimated share of the training cases' discrimination that is signal, 0 to 1.
    method : str
        How the interval was made.
    level : float
        Confidence level.
    """

    name: str
    estimate: float
    low: float
    high: float
    se: float
    n: int
    events: int
    pairs: float
    influence: Float[np.ndarray, "repeat unit"]
    learned: float
    method: str
    level: float = 0.95

    def sentence(self, digits: int = 2) -> str:
        """Write it as a manuscript would."""
        interval = interval_text(self.low, self.high, self.level, digits)
        return f"{self.name} {self.estimate:.{digits}f} ({interval}; {self.method})"


def within_fold_auc(
    scores: ArrayLike,
    folds: ArrayLike,
    event: ArrayLike,
    *,
    apparent: float | None = None,
    units: ArrayLike | None = None,
    level: float = 0.95,
) -> CrossValidated:
    """AUC of a cross-validated procedure, from pairs that the same fit scored.

    Parameters
    ----------
    scores : (repeat, case) or (case,) float
        Out-of-fold scores of every repeat; higher means the event is more likely.
    folds : (repeat, case) or (case,) int
        Which fit of the repeat scored the case.
    event : (case,) bool
        True where the event happened.
    apparent : float, optional
        AUC of the procedure's fit in the cases that it learned from.  It tells how much of
        the fit is chance, and narrows the interval; without it all is taken to be.
    units : (case,), optional
        Labels of patients, where some have several cases.
    level : float
        Confidence level.

    Returns
    -------
    CrossValidated
        Mean over the repeats.  A fold without an event, or without a case free of it, has no
        pair and does not count.

    Raises
    ------
    NotEstimableError
        With one class only, or without any pair in one fold.

    Notes
    -----
    The pooled AUC also compares cases that different fits scored.  Each of the two was in the
    training part of the other's fit, so that by chance these pairs lie below 0.5 where there
    is nothing to learn; pairs of one fit do not (Parker 2007, BMC Bioinformatics 8:326).

    The variance is that of one repeat with the fits taken as known (LeDell 2015, Electron J
    Stat 9:1583), times 2 - ``learned``: a fit that learns chance carries each pair of cases
    twice, once with either in training, which doubles the variance of its estimates
    (a degenerate U statistic; Bengio and Grandvalet 2004, J Mach Learn Res 5:1089).
    ``learned`` is the estimate over the apparent value, both as normal quantiles.

    Examples
    --------
    >>> scores, folds = [0.1, 0.4, 0.35, 0.8, 0.2, 0.7, 0.6, 0.3], [0, 0, 0, 0, 1, 1, 1, 1]
    >>> found = within_fold_auc(scores, folds, [0, 0, 1, 1, 0, 1, 1, 0], apparent=0.95)
    >>> found.sentence(), found.pairs
    ('AUC 0.88 (95 % CI 0.48-1.00; within folds)', 8.0)
    """
    happened = flags("event", event)
    both_classes("AUC", happened)
    # Every event comes before everything else, and nothing else is ordered.
    order = (~happened).astype(np.float64)
    found = _walk(scores, folds, _ordered(order, happened), units)
    return _conclude("AUC", found, happened, apparent, level)


def within_fold_c(
    scores: ArrayLike,
    folds: ArrayLike,
    time: ArrayLike,
    event: ArrayLike,
    *,
    apparent: float | None = None,
    units: ArrayLike | None = None,
    level: float = 0.95,
) -> CrossValidated:
    """Harrell's C of a cross-validated procedure, from pairs that the same fit scored.

    Parameters
    ----------
    scores : (repeat, case) or (case,) float
        Out-of-fold scores of every repeat; higher means an earlier event is expected.
    folds : (repeat, case) or (case,) int
        Which fit of the repeat scored the case.
    time : (case,) float
        Time to the event or to censoring, any one unit.
    event : (case,) bool
        True where the event was seen.
    apparent, units, level
        As for :func:`within_fold_auc`; ``apparent`` is a C-index.

    Raises
    ------
    NotEstimableError
        Without events, or without any comparable pair in one fold.

    Notes
    -----
    As :func:`within_fold_auc`.

    Examples
    --------
    >>> scores, folds = [3.0, 2.0, 1.0, 1.5, 2.5, 0.5], [0, 0, 0, 1, 1, 1]
    >>> within_fold_c(scores, folds, [5, 9, 12, 14, 6, 3], [1, 1, 1, 0, 1, 1]).estimate
    0.6666666666666666
    """
    happened = flags("event", event)
    some_events("concordance", happened)
    follow = times(time, happened.size)
    found = _walk(scores, folds, _ordered(follow, happened), units)
    return _conclude("C-index", found, happened, apparent, level)


def within_fold_auc_at(
    scores: ArrayLike,
    folds: ArrayLike,
    weights: Weights,
    *,
    apparent: float | None = None,
    units: ArrayLike | None = None,
    level: float = 0.95,
) -> CrossValidated:
    """AUC at a horizon of a cross-validated procedure, from pairs that the same fit scored.

    Parameters
    ----------
    scores : (repeat, case) or (case,) float
        Out-of-fold scores of every repeat; higher means the event is more likely.
    folds : (repeat, case) or (case,) int
        Which fit of the repeat scored the case.
    weights : Weights
        Who counts as what at the horizon, and how much; from all cases that are scored.
    apparent, units, level
        As for :func:`within_fold_auc`; ``apparent`` is an AUC at the horizon.

    Notes
    -----
    A pair weighs as much as the product of its cases' weights.  The interval takes in that the
    weights were estimated.  Otherwise as :func:`within_fold_auc`.  Source: Uno 2007, J Am Stat
    Assoc 102:527.

    Examples
    --------
    >>> from hepacast.stats.horizon import censoring_weights
    >>> weights = censoring_weights([1.0, 5, 2, 6, 4, 9], [1, 1, 0, 1, 1, 1], 4.5)
    >>> within_fold_auc_at([3.0, 2, 1, 1, 2, 3], [0, 0, 0, 0, 1, 1], weights).estimate
    0.6153846153846154
    """
    found = _walk(scores, folds, _weighed(weights), units, weights)
    return _conclude("AUC", found, weights.case, apparent, level)


def compare_within_folds(first: CrossValidated, second: CrossValidated) -> Comparison:
    """Compare two procedures that were cross-validated with the same folds.

    Parameters
    ----------
    first, second : CrossValidated
        From the same cases, in the same order, with the same folds.

    Returns
    -------
    Comparison
        First minus second.  The variance of one repeat's difference is multiplied as for the
        procedure that learned less.

    Examples
    --------
    >>> folds, event = [0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 0, 1, 1, 0]
    >>> one = within_fold_auc([0.1, 0.4, 0.35, 0.8, 0.2, 0.7, 0.6, 0.3], folds, event)
    >>> compare_within_folds(one, one).p
    1.0
    """
    same = (first.name, first.n, first.events, first.influence.shape)
    if same != (second.name, second.n, second.events, second.influence.shape):
        raise TableError(
            what="a paired comparison needs the same cases and repeats",
            got=f"{first.name} of {first.n} and {second.name} of {second.n}",
            fix="Cross-validate both procedures with the same folds.",
        )
    gap = first.influence - second.influence
    learned = min(first.learned, second.learned)
    return compared(
        first.name,
        first.estimate,
        second.estimate,
        _standard_error(gap, first.events, learned),
        method="paired, within folds",
        level=first.level,
    )


@dataclass(slots=True)
class _Walked:
    """Estimates, pairs and influences of every repeat."""

    estimates: Float[np.ndarray, " repeat"]
    pairs: Float[np.ndarray, " repeat"]
    influence: Float[np.ndarray, "repeat unit"]


def _walk(
    scores: ArrayLike,
    folds: ArrayLike,
    pairs_of: _Pairs,
    units: ArrayLike | None,
    weights: Weights | None = None,
) -> _Walked:
    """Count pairs fold by fold, repeat by repeat."""
    table, which = np.atleast_2d(floats("score", scores)), np.atleast_2d(np.asarray(folds))
    n = pairs_of.n
    if table.shape != which.shape or table.shape[1] != n:
        raise TableError(
            what="every score of every case needs the number of its fold",
            got=f"scores {table.shape}, folds {which.shape}, {n} cases",
            fix="Pass (repeat, case) tables in the order of the cases.",
        )
    labels = np.arange(n) if units is None else np.asarray(units)
    _, unit = np.unique(labels, return_inverse=True)
    counted = [_one_repeat(row, fold, pairs_of) for row, fold in zip(table, which, strict=True)]
    shares = np.array([[agree.sum() / 2, count.sum() / 2] for agree, count in counted])
    if (shares[:, 1] == 0).any():
        raise NotEstimableError(
            what="discrimination within folds needs a pair whose order is known in a fold",
            got=f"{pairs_of.events} events in {n} cases, {np.unique(which[0]).size} folds",
            fix="Use fewer folds.",
        )
    estimates = shares[:, 0] / shares[:, 1]
    own = []
    for (agree, count), estimate, pairs in zip(counted, estimates, shares[:, 1], strict=True):
        pull = (agree - estimate * count) / pairs
        if weights is not None:
            pull = pull + weights.through_censoring(pull)
        own.append(np.bincount(unit, weights=pull))
    return _Walked(estimates, shares[:, 1], np.array(own))


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """How pairs are counted: ``count(scores, rows)`` gives each row's agreeing pairs, and all."""

    count: Callable[[Floats, Int[np.ndarray, " row"]], tuple[Floats, Floats]]
    n: int
    events: int


def _ordered(time: Floats, event: Bool[np.ndarray, " case"]) -> _Pairs:
    """Count the pairs of which one had the event, and the other later or not at all."""

    def count(score: Floats, rows: Int[np.ndarray, " row"]) -> tuple[Floats, Floats]:
        hits = np.flatnonzero(event[rows])
        pairs = count_pairs(score, time[rows], event[rows], np.ones(rows.size), hits)
        return pairs.agree, pairs.count

    return _Pairs(count, event.size, int(event.sum()))


def _weighed(weights: Weights) -> _Pairs:
    """Count the pairs of a case and a control at the horizon by their weights."""

    def count(score: Floats, rows: Int[np.ndarray, " row"]) -> tuple[Floats, Floats]:
        part = weights.take(rows)
        below, above = wins(score, part)
        w, case = part.weight, part.case
        against = np.where(case, w[part.control].sum(), w[case].sum())
        known = case | part.control
        agree = np.where(case, below, np.where(known, above, 0.0))
        return w * agree, np.where(known, w * against, 0.0)

    return _Pairs(count, weights.time.size, int(weights.case.sum()))


def _one_repeat(
    score: Floats, fold: Int[np.ndarray, " case"], pairs_of: _Pairs
) -> tuple[Floats, Floats]:
    """Pairs of every case in the right order, and all its comparable pairs."""
    agree, count = np.zeros(score.size), np.zeros(score.size)
    for one in np.unique(fold):
        rows = np.flatnonzero(fold == one)
        agree[rows], count[rows] = pairs_of.count(score[rows], rows)
    return agree, count


def _standard_error(
    influence: Float[np.ndarray, "repeat unit"], events: int, learned: float
) -> float:
    """Error of the mean over repeats: repeats share all cases, and count as one."""
    fixed = float((influence**2).sum(axis=1).mean()) * events / max(events - 1, 1)
    return float(np.sqrt(fixed * (2 - learned)))


def _conclude(
    name: str,
    found: _Walked,
    event: Bool[np.ndarray, " case"],
    apparent: float | None,
    level: float,
) -> CrossValidated:
    estimate, events = float(found.estimates.mean()), int(event.sum())
    learned = 0.0
    if apparent is not None and apparent > 0.5:
        honest, seen = special.ndtri(np.clip([estimate, apparent], 1e-3, 1 - 1e-3))
        learned = float(np.clip(honest / seen, 0.0, 1.0))
    se = _standard_error(found.influence, events, learned)
    reach = z_of(level) * se
    return CrossValidated(
        name=name,
        estimate=estimate,
        low=max(estimate - reach, 0.0),
        high=min(estimate + reach, 1.0),
        se=se,
        n=event.size,
        events=events,
        pairs=float(found.pairs.mean()),
        influence=found.influence,
        learned=learned,
        method="within folds",
        level=level,
    )
