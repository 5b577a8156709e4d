# SPDX-License-Identifier: Apache-2.0
"""Run lengths along many directions in one sweep over the slices."""

from __future__ import annotations

import numpy as np
from numba import njit

SLOTS = 13
"""Directions counted, used or not: a loop of known length takes half the time."""


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
        (k, j, i) of at most 13 directions, of -1, 0 and 1; the first that is not 0 is 1.
    n_levels, longest : int
        Highest level, and longest run that the region's box can hold.

    Returns
    -------
    counts : (level, direction, position) int64
        Row 0 and position 0 are not used.
    """
    _, nj, ni = shape
    plane, edge = nj * ni, ni + 1
    n, span, wide = SLOTS, plane + 2 * edge, longest + 1
    counts = np.zeros((n_levels + 1) * n * wide, np.int64)
    state = np.zeros(2 * n * span, np.uint16)
    jump, row = np.uint64(span), np.uint64(wide)
    voxel, end = 0, 0
    while voxel < places.size:
        # What lies before the voxels of a slice, or behind them, is outside: any position will do.
        first = places[voxel]
        k = first // plane
        while end < places.size and places[end] < (k + 1) * plane:
            end += 1
        size = places[end - 1] + 1 - first
        now, before = (k & 1) * n * span + edge, (1 - (k & 1)) * n * span + edge
        for d in range(steps.shape[0]):
            step = steps[d, 1] * ni + steps[d, 2]
            to = now + d * span + first - k * plane
            if steps[d, 0] == 1:
                past = before + d * span + first - k * plane - step
                _advance(levels, first, first - plane - step, state, past, to, size)
            elif steps[d, 1] == 1:
                for at in range(0, size, ni - 1):
                    part = min(ni - 1, size - at)
                    here, target = first + at, to + at
                    _advance(levels, here, here - step, state, target - step, target, part)
            else:
                _advance_along(levels, first, state, to, size)
        for at in range(voxel, end):
            here = np.uint64(places[at])
            q = here - np.uint64(k * plane) + np.uint64(now)
            base = np.uint64(levels[here]) * np.uint64(n * wide)
            for _ in range(SLOTS):
                counts[base + np.uint64(state[q])] += 1
                base += row
                q += jump
        voxel = end
    return counts.reshape(n_levels + 1, n, wide)[:, : steps.shape[0]]


@njit(nogil=True, cache=True)
def _advance(levels, here, theirs, state, before, now, size):
    """Advance the positions of a stretch of voxels by one step of a direction."""
    for p in range(np.uint64(size)):
        alike = levels[np.uint64(here) + p] == levels[np.uint64(theirs) + p]
        state[np.uint64(now) + p] = state[np.uint64(before) + p] * alike + 1


@njit(nogil=True, cache=True)
def _advance_along(levels, first, state, now, size):
    """Advance a stretch of voxels one by one, along itself."""
    position, last = np.uint32(0), np.uint32(0)
    for p in range(np.uint64(size)):
        level = np.uint32(levels[np.uint64(first) + p])
        position = position * np.uint32(level == last) + np.uint32(1)
        state[np.uint64(now) + p] = position
        last = level
