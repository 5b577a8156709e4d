# SPDX-License-Identifier: Apache-2.0
"""Recursive Gaussian filtering along one axis, bit for bit as ITK does it.

Fourth-order recursive filters approximate a Gaussian and its second derivative
(Deriche 1993, INRIA RR-1893; coefficients of Farneback and Westin 2006).  A line
is computed in double precision and stored in single precision.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

LANES = 32
"""Lines that run side by side."""

_W = (0.6681, 2.0787)
_L = (-1.3932, -1.3732)
_SMOOTH = ((1.3530, 1.8151), (-0.3531, 0.0902))
_SECOND = ((-1.3563, 5.2318), (0.3446, -2.2355))


def coefficients(sigma: float, *, second: bool, scale: float = 1.0) -> np.ndarray:
    """Coefficients N, D, M, and those of the border, of one filter.

    Parameters
    ----------
    sigma : float
        Standard deviation of the Gaussian, voxels.
    second : bool
        Take the second derivative instead of smoothing.
    scale : float
        Multiplies the result.

    Returns
    -------
    rows : (5, 4) float64
        N0-N3, D1-D4, M1-M4, and the border's part of the feedback, forward and backward.
    """
    d, sums_d = _feedback(sigma)
    n0, sums_0 = _feedforward(sigma, _SMOOTH)
    if second:
        n2, sums_2 = _feedforward(sigma, _SECOND)
        (sn0, dn0, en0), (sn2, dn2, en2), (sd, dd, ed) = sums_0, sums_2, sums_d
        beta = -(2 * sn2 - sd * n2[0]) / (2 * sn0 - sd * n0[0])
        n = [a + beta * b for a, b in zip(n2, n0, strict=True)]
        sn, dn, en = sn2 + beta * sn0, dn2 + beta * dn0, en2 + beta * en0
        alpha = en * sd * sd - ed * sn * sd - 2 * dn * dd * sd + 2 * dd * dd * sn
        alpha /= sd * sd * sd
    else:
        n = n0
        alpha = 2 * sums_0[0] / sums_d[0] - n0[0]
    n = [value * (scale / alpha) for value in n]
    m = [n[1] - d[0] * n[0], n[2] - d[1] * n[0], n[3] - d[2] * n[0], -d[3] * n[0]]
    sn, sm, sd = n[0] + n[1] + n[2] + n[3], m[0] + m[1] + m[2] + m[3], 1 + d[0] + d[1] + d[2] + d[3]
    return np.array([n, d, m, [v * sn / sd for v in d], [v * sm / sd for v in d]])


def _feedback(sigma: float) -> tuple[list[float], tuple[float, float, float]]:
    """D1-D4 and their three moments."""
    cos1, cos2 = (math.cos(w / sigma) for w in _W)
    exp1, exp2 = (math.exp(v / sigma) for v in _L)
    d4 = exp1 * exp1 * exp2 * exp2
    d3 = -2 * cos1 * exp1 * exp2 * exp2
    d3 += -2 * cos2 * exp2 * exp1 * exp1
    d2 = 4 * cos2 * cos1 * exp1 * exp2
    d2 += exp1 * exp1 + exp2 * exp2
    d1 = -2 * (exp2 * cos2 + exp1 * cos1)
    moments = (
        1.0 + d1 + d2 + d3 + d4,
        d1 + 2 * d2 + 3 * d3 + 4 * d4,
        d1 + 4 * d2 + 9 * d3 + 16 * d4,
    )
    return [d1, d2, d3, d4], moments


def _feedforward(
    sigma: float, series: tuple[tuple[float, float], tuple[float, float]]
) -> tuple[list[float], tuple[float, float, float]]:
    """N0-N3 and their three moments."""
    (a1, b1), (a2, b2) = series
    sin1, sin2 = (math.sin(w / sigma) for w in _W)
    cos1, cos2 = (math.cos(w / sigma) for w in _W)
    exp1, exp2 = (math.exp(v / sigma) for v in _L)
    n0 = a1 + a2
    n1 = exp2 * (b2 * sin2 - (a2 + 2 * a1) * cos2)
    n1 += exp1 * (b1 * sin1 - (a1 + 2 * a2) * cos1)
    n2 = (a1 + a2) * cos2 * cos1
    n2 -= b1 * cos2 * sin1 + b2 * cos1 * sin2
    n2 *= 2 * exp1 * exp2
    n2 += a2 * exp1 * exp1 + a1 * exp2 * exp2
    n3 = exp2 * exp1 * exp1 * (b2 * sin2 - a2 * cos2)
    n3 += exp1 * exp2 * exp2 * (b1 * sin1 - a1 * cos1)
    return [n0, n1, n2, n3], (n0 + n1 + n2 + n3, n1 + 2 * n2 + 3 * n3, n1 + 4 * n2 + 9 * n3)


@njit(nogil=True, cache=True)
def _begin(x, y, at, way, edge, c, row):
    """Compute one of the first four values of lines, whose feedback comes from the border.

    ``way`` is 1 forward and -1 backward, ``edge`` the row where the line begins,
    ``row`` the rows of ``c`` for the signal and the border.
    """
    t = (at - edge) * way
    shift = 0 if way == 1 else 1
    for w in range(LANES):
        from_here = at - way * shift
        x0, x1 = x[from_here, w], x[from_here - way, w]
        x2, x3 = x[from_here - 2 * way, w], x[from_here - 3 * way, w]
        v = x0 * c[row[0], 0] + x1 * c[row[0], 1] + x2 * c[row[0], 2] + x3 * c[row[0], 3]
        border = x[edge, w]
        y1 = y[at - way, w] * c[1, 0] if t > 0 else border * c[row[1], 0]
        y2 = y[at - 2 * way, w] * c[1, 1] if t > 1 else border * c[row[1], 1]
        y3 = y[at - 3 * way, w] * c[1, 2] if t > 2 else border * c[row[1], 2]
        y[at, w] = v - (y1 + y2 + y3 + border * c[row[1], 3])


@njit(nogil=True, cache=True)
def _filter_lines(data, forward, backward, c, start, stop):
    """Filter lines side by side: ``data``, ``forward`` and ``backward`` are (line + 8, lane).

    Four rows before and after the line hold its first and last value.  The
    result is ``forward + backward``, from row 4 on; only ``[start, stop)`` of it is complete.
    """
    n = data.shape[0] - 8
    d1, d2, d3, d4 = c[1, 0], c[1, 1], c[1, 2], c[1, 3]
    for t in range(min(n, 4)):
        _begin(data, forward, 4 + t, 1, 4, c, (0, 3))
        _begin(data, backward, n + 3 - t, -1, n + 3, c, (2, 4))
    # Two short loops over the lanes each, because longer ones are not run in parallel lanes.
    n0, n1, n2, n3 = c[0, 0], c[0, 1], c[0, 2], c[0, 3]
    for at in range(8, max(stop, 4) + 4):
        x0, x1, x2, x3 = data[at], data[at - 1], data[at - 2], data[at - 3]
        out = forward[at]
        for w in range(LANES):
            out[w] = x0[w] * n0 + x1[w] * n1 + x2[w] * n2 + x3[w] * n3
        y1, y2, y3, y4 = forward[at - 1], forward[at - 2], forward[at - 3], forward[at - 4]
        for w in range(LANES):
            out[w] -= y1[w] * d1 + y2[w] * d2 + y3[w] * d3 + y4[w] * d4
    m1, m2, m3, m4 = c[2, 0], c[2, 1], c[2, 2], c[2, 3]
    for t in range(4, n - min(start, n - 4)):
        at = n + 3 - t
        x1, x2, x3, x4 = data[at + 1], data[at + 2], data[at + 3], data[at + 4]
        out = backward[at]
        for w in range(LANES):
            out[w] = x1[w] * m1 + x2[w] * m2 + x3[w] * m3 + x4[w] * m4
        y1, y2, y3, y4 = backward[at + 1], backward[at + 2], backward[at + 3], backward[at + 4]
        for w in range(LANES):
            out[w] -= y1[w] * d1 + y2[w] * d2 + y3[w] * d3 + y4[w] * d4


# Rows that lie together in memory and rows that do not need loops of their own: one view for
# both would have an unknown stride, and no parallel lanes.
@njit(nogil=True, cache=True)
def _load(image, axis, a, first, width, data):
    """Copy lines from a volume to the rows of ``data``."""
    n = data.shape[0] - 8
    if axis == 2:
        for w in range(width):
            line = image[a, first + w]
            for t in range(n):
                data[t + 4, w] = line[t]
    else:
        for t in range(n):
            source = image[t, a] if axis == 0 else image[a, t]
            row = data[t + 4]
            for w in range(width):
                row[w] = source[first + w]


@njit(nogil=True, cache=True)
def _store(forward, backward, axis, a, first, width, start, out):
    """Copy the sum of both passes to lines of a volume."""
    if axis == 2:
        for w in range(width):
            line = out[a, first + w]
            for t in range(line.size):
                at = t + start + 4
                line[t] = np.float32(forward[at, w] + backward[at, w])
    else:
        for t in range(out.shape[axis]):
            target = out[t, a] if axis == 0 else out[a, t]
            one, two = forward[t + start + 4], backward[t + start + 4]
            for w in range(width):
                target[first + w] = np.float32(one[w] + two[w])


@njit(nogil=True, cache=True)
def filter_axis(image, axis, c, start, out):
    """Filter a volume along one axis; only a part of every line is kept.

    Parameters
    ----------
    image : (k, j, i) float32
        Volume.
    axis : int
        0, 1 or 2.
    c : (5, 4) float64
        From :func:`coefficients`.
    start : int
        Where the part of the line to keep begins; ``out`` says how long it is.
    out : (k, j, i) float32
        Written; as long as the part along ``axis``.
    """
    nk, nj, ni = image.shape
    n = image.shape[axis]
    data = np.zeros((n + 8, LANES), np.float64)
    forward, backward = np.zeros_like(data), np.zeros_like(data)
    outer = nj if axis == 0 else nk
    inner = nj if axis == 2 else ni
    for a in range(outer):
        for first in range(0, inner, LANES):
            width = min(LANES, inner - first)
            _load(image, axis, a, first, width, data)
            for t in range(4):
                data[t] = data[4]
                data[n + 4 + t] = data[n + 3]
            _filter_lines(data, forward, backward, c, start, start + out.shape[axis])
            _store(forward, backward, axis, a, first, width, start, out)
    return out
