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
    places : (voxel,) uint64
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
        here = places[voxel]
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
