# SPDX-License-Identifier: Apache-2.0
"""Run lengths along many directions in one sweep over the slices."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def positions_in_runs(levels, shape, places, steps, n_levels, longest):
    """Count voxels by level and by their position in the run that they are part of.

    A run of length r has one voxel at each position 1 .. r, so the number of
    runs of length r is the count at r less the count at r + 1; no end of a run
    has to be looked for.  Positions of a slice depend on the slice before it
    only, hence two slices per direction are all the memory this takes.

    Parameters
    ----------
    levels : (padded voxel,) uint8 or uint16
        Level volume, flat, padded by one voxel of 0 on every side.
    shape : tuple of int
        Of the padded volume.
    places : (voxel,) int64
        Flat index of every voxel of the region, ascending.
    steps : (direction, 3) int64
        (k, j, i) of each direction, with components -1, 0 or 1; the first that is not 0 is 1.
    n_levels, longest : int
        Highest level, and longest run that the region's box can hold.

    Returns
    -------
    counts : (level, direction, position) int64
        Row 0 and position 0 are not used.
    """
    nk, nj, ni = shape
    plane = nj * ni
    n = steps.shape[0]
    wide = longest + 1
    counts = np.zeros((n_levels + 1) * n * wide, np.int64)
    state = np.zeros((2, n, plane + 2 * ni + 2), np.uint16)
    edge = ni + 1
    voxel = 0
    for k in range(1, nk - 1):
        now, before = k & 1, 1 - (k & 1)
        mine = levels[k * plane : (k + 1) * plane]
        for d in range(n):
            dk, dj, di = steps[d]
            if dk == 1:
                _advance(
                    levels, mine, state[before, d], state[now, d], k, plane, dj * ni + di, edge
                )
            else:
                _advance_rows(mine, state[now, d], dj, di, nj, ni, edge)
        while voxel < places.size and places[voxel] < (k + 1) * plane:
            here = np.uint64(places[voxel])
            at = here - np.uint64(k * plane) + np.uint64(edge)
            base = np.uint64(levels[here]) * np.uint64(n * wide)
            for d in range(n):
                counts[base + np.uint64(state[now, d, at])] += 1
                base += np.uint64(wide)
            voxel += 1
    return counts.reshape(n_levels + 1, n, wide)


@njit(nogil=True, cache=True)
def _advance(levels, mine, past, out, k, plane, step, edge):
    """Advance one slice along a direction that crosses slices."""
    first = (k - 1) * plane - step
    size = plane - 2 * edge
    theirs = levels[first + edge : first + edge + size]
    here = mine[edge : edge + size]
    source = past[2 * edge - step : 2 * edge - step + size]
    target = out[2 * edge : 2 * edge + size]
    for i in range(size):
        target[i] = source[i] * (here[i] == theirs[i]) + 1


@njit(nogil=True, cache=True)
def _advance_rows(mine, state, dj, di, nj, ni, edge):
    """Advance row by row along a direction within slices."""
    step = dj * ni + di
    for j in range(1, nj - 1):
        first = j * ni + 1
        if dj == 0:
            here, theirs = mine[first : first + ni - 2], mine[first - 1 : first + ni - 3]
            target = state[first + edge : first + edge + ni - 2]
            length = np.uint32(0)
            for i in range(ni - 2):
                length = length * np.uint32(here[i] == theirs[i]) + np.uint32(1)
                target[i] = length
        else:
            here, theirs = mine[first : first + ni - 2], mine[first - step : first - step + ni - 2]
            source = state[first + edge - step : first + edge - step + ni - 2]
            target = state[first + edge : first + edge + ni - 2]
            for i in range(ni - 2):
                target[i] = source[i] * (here[i] == theirs[i]) + 1


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
