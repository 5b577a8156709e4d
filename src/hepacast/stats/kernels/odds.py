# SPDX-License-Identifier: Apache-2.0
"""Logistic regressions of one feature each: Newton's method with all sums in registers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

if TYPE_CHECKING:
    from jaxtyping import Float

    Llvm = Any

# Sums may be reordered (for vector instructions); NaN and infinity keep their meaning.
compiled = njit(
    cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"}
)

_TOGETHER = 8
"""Features fetched together: one cache line of a row of cases."""

STILL = 1e-9
"""A step of Newton's method that is the last but one, in standard deviations."""

QUANTITIES = 7
SLOPE, INFORMATION, VALUE, SCALE, FLAT, APART, MOVED = range(QUANTITIES)
"""Columns of what :func:`one_by_one` fills in."""


def _reread(source: Llvm, target: Llvm) -> Llvm:
    """Make a function that reads the 64 bits of one type as another."""

    def typed(typing: Llvm, value: Llvm) -> Llvm:  # noqa: ARG001
        def build(context: Llvm, builder: Llvm, signature: Llvm, values: Llvm) -> Llvm:  # noqa: ARG001
            return builder.bitcast(values[0], context.get_value_type(target))

        return target(source), build

    return intrinsic(typed)


_as_float, _as_bits = _reread(types.int64, types.float64), _reread(types.float64, types.int64)


# No reordering here: it would cancel the rounding by a large number.
@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _exp(t: float) -> float:
    """Exponential to the last two digits; a library's would keep the loop from vectorising."""
    t = min(max(t, -700.0), 700.0)
    # Adding this number rounds to a whole one and leaves it in the lowest bits.
    shifted = t * 1.4426950408889634 + 6755399441055744.0
    whole = shifted - 6755399441055744.0
    r = (t - whole * 0.693147180369123816490) - whole * 1.90821492927058770002e-10
    p = 1.0 / 479001600.0
    p = p * r + 1.0 / 39916800.0
    p = p * r + 1.0 / 3628800.0
    p = p * r + 1.0 / 362880.0
    p = p * r + 1.0 / 40320.0
    p = p * r + 1.0 / 5040.0
    p = p * r + 1.0 / 720.0
    p = p * r + 1.0 / 120.0
    p = p * r + 1.0 / 24.0
    p = p * r + 1.0 / 6.0
    p = p * r + 0.5
    p = p * r + 1.0
    p = p * r + 1.0
    power: float = _as_float((_as_bits(shifted) + 1023) << 52)
    return p * power


@compiled
def _turn(
    x: Float[np.ndarray, " case"], a: float, b: float
) -> tuple[float, float, float, float, float]:
    """Return sums over cases: probability, with x, and weight, with x, with x squared."""
    m0, m1, w0, w1, w2 = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(len(x)):
        mu = 1.0 / (1.0 + _exp(-(a + b * x[i])))
        weight = mu - mu * mu
        m0 += mu
        m1 += mu * x[i]
        w0 += weight
        w1 += weight * x[i]
        w2 += weight * x[i] * x[i]
    return m0, m1, w0, w1, w2


@compiled
def _log_sum(
    x: Float[np.ndarray, " case"], a: float, b: float, room: Float[np.ndarray, " case"]
) -> float:
    """Sum of log(1 + exp(-odds)); one logarithm serves sixteen cases."""
    n = len(x)
    top = 0.0
    for i in range(n):
        room[i] = 1.0 + _exp(-(a + b * x[i]))
        top = max(top, room[i])
    if top < 1e15:
        for _ in range(4):
            half = n // 2
            if half == 0:
                break
            if n % 2:
                room[0] *= room[n - 1]
            for i in range(half):
                room[i] *= room[half + i]
            n = half
    total = 0.0
    for i in range(n):
        total += np.log(room[i])
    return total


@compiled
def _standardise(
    x: Float[np.ndarray, " case"], events: int, out: Float[np.ndarray, " quantity"]
) -> None:
    """Centre and scale in place; say whether x varies, and whether the classes overlap."""
    n = len(x)
    centre = 0.0
    for i in range(n):
        centre += x[i]
    centre /= n
    spread = 0.0
    for i in range(n):
        x[i] -= centre
        spread += x[i] * x[i]
    scale = np.sqrt(spread / n)
    out[FLAT] = scale <= 1e-12 * max(abs(centre), 1e-300)
    out[SCALE] = 1.0 if out[FLAT] else scale
    low, high = np.inf, -np.inf
    for i in range(events):
        x[i] /= out[SCALE]
        low, high = min(low, x[i]), max(high, x[i])
    below, above = np.inf, -np.inf
    for i in range(events, n):
        x[i] /= out[SCALE]
        below, above = min(below, x[i]), max(above, x[i])
    out[APART] = low >= above or high <= below


@compiled
def _climb(
    x: Float[np.ndarray, " case"],
    events: int,
    steps: int,
    room: Float[np.ndarray, " case"],
    out: Float[np.ndarray, " quantity"],
) -> None:
    """Walk to the maximum of the likelihood from where two normal classes would end."""
    n = len(x)
    sxy, sx = 0.0, 0.0
    for i in range(events):
        sxy += x[i]
    for i in range(n):
        sx += x[i]
    share = events / n
    scale = n * share * (1.0 - share)
    b = sxy / scale / max(1.0 - sxy * sxy / (n * scale), 0.05)
    a = np.log(share / (1.0 - share))
    at_a, at_b, settled = a, b, False
    for _ in range(steps):
        m0, m1, w0, w1, w2 = _turn(x, a, b)
        g0, g1 = events - m0, sxy - m1
        det = max(w0 * w2 - w1 * w1, 1e-30)
        da, db = (w2 * g0 - w1 * g1) / det, (w0 * g1 - w1 * g0) / det
        out[MOVED] = max(abs(da), abs(db))
        limit = min(1.0, 4.0 / max(out[MOVED], 1e-30))
        at_a, at_b = a, b
        a, b = a + limit * da, b + limit * db
        out[INFORMATION] = det / max(w0, 1e-300)
        # The sums belong to the start of the step: it must be far below what counts.
        if out[MOVED] < 1e-11 or settled:
            break
        settled = out[MOVED] < STILL
    out[SLOPE] = b
    out[VALUE] = (events - n) * at_a + (sxy - sx) * at_b - _log_sum(x, at_a, at_b, room)


@compiled
def one_by_one(
    table: Float[np.ndarray, "case feature"],
    events: int,
    features: tuple[int, int],
    steps: int,
    out: Float[np.ndarray, "feature quantity"],
) -> None:
    """Fit every feature of a range alone.

    ``table`` has the cases with the event first.  Columns of ``out`` hold slope and information
    on the scale of the standardised feature, log-likelihood, scale, flags (does not vary;
    classes do not overlap: then nothing is fitted) and the last step.
    """
    n = len(table)
    rows = np.empty((_TOGETHER, n))
    room = np.empty(n)
    for start in range(features[0], features[1], _TOGETHER):
        width = min(_TOGETHER, features[1] - start)
        for i in range(n):
            for j in range(width):
                rows[j, i] = table[i, start + j]
        for j in range(width):
            out[start + j] = 0.0
            _standardise(rows[j], events, out[start + j])
            if not (out[start + j, FLAT] or out[start + j, APART]):
                _climb(rows[j], events, steps, room, out[start + j])
