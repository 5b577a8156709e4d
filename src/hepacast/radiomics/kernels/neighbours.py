# SPDX-License-Identifier: Apache-2.0
"""One pass over a region that counts what GLCM, GLDM and NGTDM need."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def neighbourhoods(levels, places, offsets, n_levels, alpha):
    """Count level pairs, dependences and differences to the neighbourhood mean.

    Parameters
    ----------
    levels : (padded voxel,) uint8 or uint16
        Level volume, flat; 0 outside the region, padded by the longest offset.
    places : (voxel,) int64
        Flat index of every voxel of the region.
    offsets : (direction,) int64
        Flat step of every direction; its opposite is a neighbour too.
    n_levels : int
        Highest level.
    alpha : int
        Largest level difference at which a neighbour counts as dependent.

    Returns
    -------
    pairs : (level, direction, level) uint32
        How often the second level lies one step ahead of the first; row and
        column 0 are outside.
    dependence : (level, neighbour + 1) int64
        How many voxels of a level have so many dependent neighbours.
    difference : (level, neighbour + 1) int64
        Sum of ``|level * n - sum of its n neighbours|`` over voxels with n
        neighbours: whole numbers, so that the order of counting cannot matter.
    """
    n = offsets.size
    pairs = np.zeros((n_levels + 1, n, n_levels + 1), np.uint32)
    dependence = np.zeros((n_levels + 1, 2 * n + 1), np.int64)
    difference = np.zeros((n_levels + 1, 2 * n + 1), np.int64)
    for voxel in range(places.size):
        here = np.uint64(places[voxel])
        level = np.int64(levels[here])
        alike, total, neighbours = 0, 0, 0
        for d in range(n):
            ahead = np.int64(levels[here + np.uint64(offsets[d])])
            pairs[level, d, ahead] += np.uint32(1)
            behind = np.int64(levels[here - np.uint64(offsets[d])])
            total += ahead + behind
            neighbours += (ahead > 0) + (behind > 0)
            alike += (ahead > 0) & (abs(ahead - level) <= alpha)
            alike += (behind > 0) & (abs(behind - level) <= alpha)
        dependence[level, alike] += 1
        difference[level, neighbours] += abs(level * neighbours - total)
    return pairs, dependence, difference


# Flat stretches of a whole slice, not rows: a view of a row costs more than its arithmetic.
@njit(nogil=True, cache=True)
def surroundings(levels, offsets, shape, across, bits, alike, total):
    """Compare every voxel with its neighbours, and add the neighbours up, in parallel lanes.

    Parameters
    ----------
    levels : (padded voxel,) uint8 or uint16
        Level volume, flat, padded by one voxel of 0 on every side.
    offsets : (direction,) int64
        Flat steps of distance 1, at most 16; their opposites are neighbours too.
    shape : tuple of int
        Of the padded volume.
    across : int
        Axis along which voxels are no neighbours (flat neighbourhoods); 3 for none.
    bits : (padded voxel,) uint16
        Zeros, written: bit n is set if the voxel one step n behind has the same level.
    alike : (padded voxel,) uint8
        Zeros, written: neighbours of the same level.
    total : (padded voxel,) uint16 or uint32
        Written: sum of the levels of all voxels within distance 1, its own included.
    """
    plane, row = shape[1] * shape[2], shape[2]
    reach = plane + row + 1
    nine = np.zeros_like(total)
    for k in range(shape[0]):
        first = max(k * plane, row + 1)
        size = np.uint64(min((k + 1) * plane, levels.size - row - 1) - first)
        p = np.uint64(first)
        for dj in range(0 if across == 1 else -1, 1 if across == 1 else 2):
            for di in range(0 if across == 2 else -1, 1 if across == 2 else 2):
                q = np.uint64(first + dj * row + di)
                for i in range(size):
                    nine[p + i] += levels[q + i]
    for k in range(1, shape[0] - 1):
        first = max(k * plane, reach)
        size = np.uint64(min((k + 1) * plane, levels.size - reach) - first)
        p = np.uint64(first)
        for d in range(offsets.size):
            flag = np.uint16(1 << d)
            behind, ahead = np.uint64(first - offsets[d]), np.uint64(first + offsets[d])
            for i in range(size):
                bits[p + i] |= flag if levels[p + i] == levels[behind + i] else np.uint16(0)
            for i in range(size):
                alike[p + i] += levels[p + i] == levels[behind + i]
            for i in range(size):
                alike[p + i] += levels[p + i] == levels[ahead + i]
        for i in range(size):
            total[p + i] = nine[p + i]
        if across != 0:
            below, above = np.uint64(first - plane), np.uint64(first + plane)
            for i in range(size):
                total[p + i] += nine[below + i]
            for i in range(size):
                total[p + i] += nine[above + i]


@njit(nogil=True, cache=True)
def tally(levels, places, alike, total, neighbours, size, dependence, difference):
    """Tally what :func:`surroundings` found by level; the results of :func:`neighbourhoods`.

    Parameters
    ----------
    levels, alike, total : (padded voxel,)
        Flat volumes.
    places : (voxel,) int64
        Flat index of every voxel of the region.
    neighbours : (voxel,) uint8
        How many neighbours every voxel has inside the region.
    size : int
        Neighbours that a voxel can have, plus one.
    dependence, difference : (level * size,) int64
        Zeros, to be filled in.
    """
    for voxel in range(places.size):
        here = np.uint64(places[voxel])
        level, n = np.int64(levels[here]), np.int64(neighbours[voxel])
        row = level * size
        dependence[np.uint64(row + np.int64(alike[here]))] += 1
        gap = level * (n + 1) - np.int64(total[here])
        difference[np.uint64(row + n)] += gap if gap > 0 else -gap


@njit(nogil=True, cache=True)
def pairs_alone(levels, places, offsets, pairs, wide):
    """Count level pairs only, into (wide * direction * wide,) zeros; see :func:`neighbourhoods`."""
    n = offsets.size
    for voxel in range(places.size):
        here = np.uint64(places[voxel])
        row = np.uint64(levels[here]) * np.uint64(n * wide)
        for d in range(n):
            pairs[row + np.uint64(levels[here + np.uint64(offsets[d])])] += np.uint32(1)
            row += np.uint64(wide)


@njit(nogil=True, cache=True)
def pairs_by_two(levels, places, offsets, pairs):
    """Count level pairs for at most fifteen levels, two directions at a time.

    One counter takes a level and the levels ahead of it in two directions, so
    that six counts stand for twelve.  Needs thirteen directions; ``pairs`` is
    (16 * 13 * 16,) zeros, uint32.
    """
    joint = np.zeros(7 << 12, np.uint32)
    for voxel in range(places.size):
        here = np.uint64(places[voxel])
        base = np.uint64(levels[here])
        for g in range(6):
            a = np.uint64(levels[here + np.uint64(offsets[2 * g])])
            b = np.uint64(levels[here + np.uint64(offsets[2 * g + 1])])
            joint[np.uint64(g << 12) | base | a << np.uint64(4) | b << np.uint64(8)] += np.uint32(1)
        last = np.uint64(levels[here + np.uint64(offsets[12])])
        joint[np.uint64(6 << 12) | base | last << np.uint64(4)] += np.uint32(1)
    for g in range(7):
        for at in range(1 << 12):
            count = joint[g << 12 | at]
            if count > 0:
                for n in range(2 if g < 6 else 1):
                    pairs[((at & 15) * 13 + 2 * g + n) * 16 + (at >> 4 * (n + 1) & 15)] += count
