# SPDX-License-Identifier: Apache-2.0
"""Largest distances between points of a mask's surface."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def _cross(ax, ay, bx, by, cx, cy):
    """Twice the signed area of a triangle: positive if it turns left."""
    return (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)


@njit(nogil=True, cache=True)
def _hull(rows, lows, highs, keep):
    """Corners of the convex hull of row-wise extremes; returns how many are in ``keep``."""
    n = rows.size
    size = 0
    for side in range(2):
        start = size
        for m in range(n):
            at = m if side == 0 else n - 1 - m
            y = rows[at]
            x = lows[at] if side == 0 else highs[at]
            while (
                size >= start + 2
                and _cross(
                    keep[size - 2, 0], keep[size - 2, 1], keep[size - 1, 0], keep[size - 1, 1], y, x
                )
                <= 0
            ):
                size -= 1
            keep[size, 0], keep[size, 1] = y, x
            size += 1
    return size


@njit(nogil=True, cache=True)
def widest_in_planes(low, high, row_step, step):
    """Largest distance within any plane, and the hull corners of all planes.

    Parameters
    ----------
    low, high : (plane, row) int64
        Extreme positions, in half voxels, of surface points on every row of every
        plane; ``high < low`` where there is none.
    row_step, step : float
        Length of a half voxel across and along the rows, mm.

    Returns
    -------
    widest : float
        mm; 0 without points.
    corners : (corner, 3) int64
        Plane, row and position of hull corners, in half voxels.
    """
    planes, rows = low.shape
    best = 0.0
    corners = np.empty((2 * planes * rows + 2, 3), np.int64)
    used = 0
    at, lows, highs = np.empty(rows, np.int64), np.empty(rows, np.int64), np.empty(rows, np.int64)
    keep = np.empty((2 * rows + 2, 2), np.int64)
    for plane in range(planes):
        n = 0
        for row in range(rows):
            if high[plane, row] >= low[plane, row]:
                at[n], lows[n], highs[n] = row, low[plane, row], high[plane, row]
                n += 1
        if n == 0:
            continue
        size = _hull(at[:n], lows[:n], highs[:n], keep)
        for a in range(size):
            corners[used, 0], corners[used, 1], corners[used, 2] = plane, keep[a, 0], keep[a, 1]
            used += 1
            for b in range(a):
                across = (keep[a, 0] - keep[b, 0]) * row_step
                along = (keep[a, 1] - keep[b, 1]) * step
                best = max(best, across * across + along * along)
    return np.sqrt(best), corners[:used]


@njit(nogil=True, cache=True)
def surface_extremes(mask, low, high):
    """Extreme surface points on every row of every plane, in half voxels.

    A surface point lies half way between a voxel inside and a neighbour outside.

    Parameters
    ----------
    mask : (plane, row, position) bool
        Padded by one voxel of False on every side.

    low, high : (2 plane, 2 row) int64
        Lowered and raised to the extremes, in half voxels.
    """
    nk, nj, ni = mask.shape
    for k in range(nk - 1):
        for j in range(nj - 1):
            for i in range(ni - 1):
                here = mask[k, j, i]
                if here != mask[k, j, i + 1]:
                    low[2 * k, 2 * j] = min(low[2 * k, 2 * j], 2 * i + 1)
                    high[2 * k, 2 * j] = max(high[2 * k, 2 * j], 2 * i + 1)
                if here != mask[k, j + 1, i]:
                    low[2 * k, 2 * j + 1] = min(low[2 * k, 2 * j + 1], 2 * i)
                    high[2 * k, 2 * j + 1] = max(high[2 * k, 2 * j + 1], 2 * i)
                if here != mask[k + 1, j, i]:
                    low[2 * k + 1, 2 * j] = min(low[2 * k + 1, 2 * j], 2 * i)
                    high[2 * k + 1, 2 * j] = max(high[2 * k + 1, 2 * j], 2 * i)
    return low, high


@njit(nogil=True, cache=True)
def widest(points):
    """Largest distance between any two points.

    Parameters
    ----------
    points : (point, 3) float64
        mm.
    """
    best = 0.0
    for a in range(points.shape[0]):
        for b in range(a):
            d = (
                (points[a, 0] - points[b, 0]) ** 2
                + (points[a, 1] - points[b, 1]) ** 2
                + (points[a, 2] - points[b, 2]) ** 2
            )
            best = max(best, d)
    return np.sqrt(best)
