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
"""Lines that run side by side: enough that no step waits for the one before it."""
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


# Flat arrays and unsigned indices, so that lanes run in parallel and compiling takes little;
# np.int64(0), because a function is compiled anew for an argument that is a plain constant.
@njit(nogil=True, cache=True)
def _begin(x, y, at, way, back, c, row):
    """Compute one of the first four values of lines, whose feedback comes from the border.

    ``way`` is 1 forward and -1 backward, ``back`` how far behind the line begins,
    ``row`` the row of ``c`` for the signal; that for the border follows at 3 or 4.
    """
    edge = 3 + row // 2
    here = at - (0 if row == 0 else way)
    for w in range(LANES):
        v = x[here * LANES + w] * c[row, 0] + x[(here - way) * LANES + w] * c[row, 1]
        v = v + x[(here - 2 * way) * LANES + w] * c[row, 2]
        v = v + x[(here - 3 * way) * LANES + w] * c[row, 3]
        border = x[(at - way * back) * LANES + w]
        total = 0.0
        for n in range(4):
            if back > n:
                part = y[(at - (n + 1) * way) * LANES + w] * c[1, n]
            else:
                part = border * c[edge, n]
            total = part if n == 0 else total + part
        y[at * LANES + w] = v - total


@njit(nogil=True, cache=True)
def _filter_lines(x, forward, backward, n, c, start, stop):
    """Filter lines side by side: all arrays are (line + 8, lane), flat.

    Four rows before and after the line hold its first and last value.  The
    result is ``forward + backward``, from row 4 on; only ``[start, stop)`` of it is complete.
    """
    for t in range(min(n, 4)):
        for side in range(2):
            at, out = (4 + t, forward) if side == 0 else (n + 3 - t, backward)
            _begin(x, out, at, 1 - 2 * side, t, c, 2 * side)
    one, lanes = np.uint64(LANES), range(np.uint64(LANES))
    two, three, four = np.uint64(2) * one, np.uint64(3) * one, np.uint64(4) * one
    d1, d2, d3, d4 = c[1, 0], c[1, 1], c[1, 2], c[1, 3]
    n0, n1, n2, n3 = c[0, 0], c[0, 1], c[0, 2], c[0, 3]
    for at in range(8, max(stop, 4) + 4):
        for w in lanes:
            q = np.uint64(at) * one + w
            v = x[q] * n0 + x[q - one] * n1 + x[q - two] * n2 + x[q - three] * n3
            back = forward[q - one] * d1 + forward[q - two] * d2
            forward[q] = v - (back + forward[q - three] * d3 + forward[q - four] * d4)
    m1, m2, m3, m4 = c[2, 0], c[2, 1], c[2, 2], c[2, 3]
    for at in range(n - 1, min(start, n - 4) + 3, -1):
        for w in lanes:
            q = np.uint64(at) * one + w
            v = x[q + one] * m1 + x[q + two] * m2 + x[q + three] * m3 + x[q + four] * m4
            back = backward[q + one] * d1 + backward[q + two] * d2
            backward[q] = v - (back + backward[q + three] * d3 + backward[q + four] * d4)


@njit(nogil=True, cache=True)
def _load(image, at, size, step, lane, width, x, to):
    """Copy a part of lines from a volume to consecutive lanes of ``x``."""
    one = np.uint64(LANES)
    if lane == 1:
        for t in range(size):
            p, q = np.uint64(at + t * step), np.uint64((t + 4) * LANES + to)
            for w in range(np.uint64(width)):
                x[q + w] = image[p + w]
    else:
        for w in range(width):
            p, q = np.uint64(at + w * lane), np.uint64(4 * LANES + to + w)
            for _ in range(size):
                x[q] = image[p]
                p += np.uint64(1)
                q += one
    for t in range(4):
        for w in range(to, to + width):
            x[t * LANES + w] = x[4 * LANES + w]
            x[(size + 4 + t) * LANES + w] = x[(size + 3) * LANES + w]


@njit(nogil=True, cache=True)
def _store(forward, backward, row, factor, out, at, size, step, lane, width, to):
    """Copy or add a part of both passes' sum to a volume."""
    for t in range(size):
        q = np.uint64((t + row) * LANES + to)
        p, jump = np.uint64(at + t * step), np.uint64(lane)
        if lane == 1 and factor == 0.0:
            for w in range(np.uint64(width)):
                out[p + w] = np.float32(forward[q + w] + backward[q + w])
        elif factor == 0.0:
            for w in range(np.uint64(width)):
                out[p + w * jump] = np.float32(forward[q + w] + backward[q + w])
        else:
            for w in range(np.uint64(width)):
                part = np.float64(np.float32(forward[q + w] + backward[q + w]))
                out[p + w * jump] = np.float32(np.float64(out[p + w * jump]) + part * factor)


@njit(nogil=True, cache=True)
def _layout(shape, axis):
    """Find the steps along a line, between lanes and between rows of lanes, and a row's lanes."""
    _, nj, ni = shape
    if axis == 0:
        return nj * ni, 1, 0, nj * ni
    if axis == 1:
        return ni, 1, nj * ni, ni
    return 1, ni, 0, shape[0] * nj


@njit(nogil=True, cache=True)
def filter_axis(image, shape, axis, c, start, length, factor, out):
    """Filter a volume along one axis; only a part of every line is kept.

    Parameters
    ----------
    image : (voxel,) float32 or float64
        Volume, flat.
    shape : tuple of int
        (k, j, i) of the volume.
    axis : int
        0, 1 or 2.
    c : (5, 4) float64
        From :func:`coefficients`.
    start, length : int
        The part of every line to keep.
    factor : float
        0 to write the result; otherwise it is multiplied and added to ``out``.
    out : (voxel,) float32
        Written, flat; ``length`` voxels long along ``axis``.
    """
    n = shape[axis]
    kept = (
        length if axis == 0 else shape[0],
        length if axis == 1 else shape[1],
        length if axis == 2 else shape[2],
    )
    step, lane, row, many = _layout(shape, axis)
    to_step, to_lane, to_row, _ = _layout(kept, axis)
    size = (n + 8) * LANES
    work = np.zeros(3 * size + 8)
    # A vector that lies across two cache lines costs two loads.
    first = (-(work.ctypes.data // 8)) % 8
    x = work[first : first + size]
    forward = work[first + size : first + 2 * size]
    backward = work[first + 2 * size : first + 3 * size]
    lines = shape[0] * shape[1] * shape[2] // n
    for block in range(0, lines, LANES):
        full = min(LANES, lines - block)
        done = np.int64(0)
        while done < full:
            a, b = (block + done) // many, (block + done) % many
            width = min(full - done, many - b)
            _load(image, a * row + b * lane, n, step, lane, width, x, done)
            done += width
        _filter_lines(x, forward, backward, n, c, start, start + length)
        done = np.int64(0)
        while done < full:
            a, b = (block + done) // many, (block + done) % many
            width = min(full - done, many - b)
            at = a * to_row + b * to_lane
            _store(
                forward, backward, start + 4, factor,
                out, at, length, to_step, to_lane, width, done,
            )  # fmt: skip
            done += width
