# SPDX-License-Identifier: Apache-2.0
"""A logistic regression of every feature alone."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from hepacast.core.errors import NotEstimableError
from hepacast.stats.inputs import both_classes, flags
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

_COMPILED_FROM = 1_000_000
"""Numbers in a table from which on loading the compiled loop pays."""
_STILL = 1e-9
"""Last step of Newton's method, standard deviations."""


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
) -> Found:
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
    settled = False
    for _ in range(STEPS):
        turn = _turn(x, squares, a, b, goal)
        at = a, b
        a, b = a + turn.da, b + np.where(apart, 0.0, turn.db)
        moved = np.where(apart, 0.0, np.maximum(np.abs(turn.da), np.abs(turn.db)))
        # The sums belong to the start of the step: it must be far below what counts.
        if settled or moved.max(initial=0.0) < 1e-11:
            break
        settled = bool(moved.max(initial=0.0) < _STILL)
    else:
        raise _still_moving(moved)
    null = _null_value(event)
    # log(1 + exp(odds)) = odds + log(1 + exp(-odds)); the columns are centred.
    value = (goal[0] - n) * at[0] + (sxy - x.sum(axis=1)) * at[1] - _sum_log(turn.inverse)
    gain = value - null
    found = Found(b, turn.det / np.maximum(turn.i00, 1e-300), gain, apart)
    _settle_separated(found, columns[:, apart], event)
    return found


def _still_moving(moved: Float[np.ndarray, " feature"]) -> NotEstimableError:
    return NotEstimableError(
        what="every univariate likelihood must reach its maximum",
        got=f"{int((moved >= _STILL).sum())} features still moving after {STEPS} steps",
        fix="Look for extreme outliers in these features, or take their logarithm.",
    )


def _null_value(event: Bool[np.ndarray, " case"]) -> float:
    """Log likelihood without any feature."""
    share = float(event.mean())
    return event.size * float(special.xlogy(share, share) + special.xlog1py(1 - share, -share))


def _settle_separated(
    found: Found, columns: Float[np.ndarray, "case apart"], event: Bool[np.ndarray, " case"]
) -> None:
    """Give the features without overlap of the classes an infinite slope and their gain."""
    apart = found.separated
    if not apart.any():
        return
    found.gain[apart] = _separated_gain(columns, event, _null_value(event))
    difference = columns[event].mean(axis=0) - columns[~event].mean(axis=0)
    found.beta[apart] = np.copysign(np.inf, difference)


def _screen_compiled(
    table: Float[np.ndarray, "case feature"], event: Bool[np.ndarray, " case"]
) -> tuple[Found, Float[np.ndarray, " feature"], Bool[np.ndarray, " feature"]]:
    """Fit all features in the compiled loop, on all cores; return also scale and constancy."""
    from hepacast.stats.kernels import odds  # noqa: PLC0415 - numba is slow to load

    events, features = int(event.sum()), table.shape[1]
    ordered = table[np.argsort(~event, kind="stable")]
    out = np.empty((features, odds.QUANTITIES))
    cores = len(os.sched_getaffinity(0))
    edges = np.linspace(0, features, cores + 1).astype(int)
    with ThreadPoolExecutor(cores) as pool:
        ranges = [(int(low), int(high)) for low, high in pairwise(edges)]
        list(pool.map(lambda part: odds.one_by_one(ordered, events, part, STEPS, out), ranges))
    moved = out[:, odds.MOVED]
    if moved.max(initial=0.0) >= _STILL:
        raise _still_moving(moved)
    flat, apart = out[:, odds.FLAT] > 0, out[:, odds.APART] > 0
    gain = out[:, odds.VALUE] - _null_value(event)
    found = Found(out[:, odds.SLOPE].copy(), out[:, odds.INFORMATION], gain, apart & ~flat)
    _settle_separated(found, table[:, found.separated], event)
    return found, out[:, odds.SCALE], flat


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
        Maximum likelihood to a step of 1e-9 standard deviations.

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
    table = feature_table(X, happened.size)
    name = "univariate logistic regression"
    if table.size >= _COMPILED_FROM:
        found, scale, flat = _screen_compiled(table, happened)
        return gather([found], [scale], [flat], name, happened)
    parts, scales, flats = [], [], []
    for columns in feature_blocks(*table.shape):
        x, scale, flat = scale_block(table[:, columns])
        x[:, flat] = np.where(happened, 1.0, -1.0)[:, None]  # solved apart, overwritten below
        parts.append(_logistic_block(x, happened))
        scales.append(scale)
        flats.append(flat)
    return gather(parts, scales, flats, name, happened)
