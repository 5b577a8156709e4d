# SPDX-License-Identifier: Apache-2.0
"""Run lengths along many directions in one sweep over the slices."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def positions_in_runs(levels, steps, n_levels):
    """Count voxels by level and by their position in the run that they are part of.

    A run of length r has one voxel at each position 1 .. r, so the number of
    runs of length r is the count at r less the count at r + 1; no end of a run
    has to be looked for.  Positions of a slice depend on the slice before it
    only, hence two slices per direction are all the memory this takes.

    Parameters
    ----------
    levels : (k, j, i) uint8 or uint16
        Level volume, padded by one voxel of 0 on every side.
    steps : (direction, 3) int64
        (k, j, i) of each direction, with components -1, 0 or 1; the first that is not 0 is 1.
    n_levels : int
        Highest level.

    Returns
    -------
    counts : (level, direction, position) int64
        Row 0 and position 0 are not used.
    """
    nk, nj, ni = levels.shape
    n = steps.shape[0]
    counts = np.zeros((n_levels + 1, n, max(nk, nj, ni)), np.int64)
    state = np.zeros((2, n, nj, ni), np.uint16)
    for k in range(1, nk - 1):
        now, before = k & 1, 1 - (k & 1)
        for d in range(n):
            dk, dj, di = steps[d]
            source = before if dk == 1 else now
            for j in range(1, nj - 1):
                mine = levels[k, j, 1 : ni - 1]
                theirs = levels[k - dk, j - dj, 1 - di : ni - 1 - di]
                past = state[source, d, j - dj, 1 - di : ni - 1 - di]
                out = state[now, d, j, 1 : ni - 1]
                for i in range(mine.size):
                    out[i] = past[i] * (mine[i] == theirs[i]) + 1
        for j in range(1, nj - 1):
            for i in range(1, ni - 1):
                level = levels[k, j, i]
                if level > 0:
                    for d in range(n):
                        counts[level, d, state[now, d, j, i]] += 1
    return counts


@njit(nogil=True, cache=True)
def has_neighbour(levels, places, offsets):
    """Tell for every direction whether any line along it holds two voxels of the region.

    Two voxels on one line need not touch, so lines are walked from every voxel
    without a neighbour behind it until the volume ends or a voxel is met.

    Parameters
    ----------
    levels : (k, j, i) uint8 or uint16
        Level volume, padded by one voxel of 0 on every side.
    places : (voxel, 3) int64
        (k, j, i) of the voxels of the region.
    offsets : (direction, 3) int64
        (k, j, i) of each direction.
    """
    nk, nj, ni = levels.shape
    found = np.zeros(offsets.shape[0], np.bool_)
    for d in range(offsets.shape[0]):
        dk, dj, di = offsets[d]
        for voxel in range(places.shape[0]):
            k, j, i = places[voxel, 0] + dk, places[voxel, 1] + dj, places[voxel, 2] + di
            while 0 <= k < nk and 0 <= j < nj and 0 <= i < ni:
                if levels[k, j, i] > 0:
                    found[d] = True
                    break
                k, j, i = k + dk, j + dj, i + di
            if found[d]:
                break
    return found
