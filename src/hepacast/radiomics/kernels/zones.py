# SPDX-License-Identifier: Apache-2.0
"""Connected voxels of one level, by union-find."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def _root(parent, label):
    """Follow a label to the oldest one of its zone, halving the path on the way."""
    while parent[label] != label:
        parent[label] = parent[parent[label]]
        label = parent[label]
    return label


@njit(nogil=True, cache=True)
def zone_sizes(levels, places, offsets):
    """Level and size of every zone of connected voxels of one level.

    Parameters
    ----------
    levels : (padded voxel,) uint8 or uint16
        Level volume, flat, padded by one voxel of 0.
    places : (voxel,) uint64
        Flat index of every voxel of the region, ascending.
    offsets : (direction,) int64
        Flat steps (all positive); a voxel touches those one step behind and ahead.

    Returns
    -------
    level, size : (zone,) int64
        In the order in which zones begin.
    """
    label = np.zeros(levels.size, np.int32)
    parent = np.empty(places.size + 1, np.int32)
    size = np.zeros(places.size + 1, np.int64)
    grey = np.zeros(places.size + 1, np.int64)
    used = 0
    for voxel in range(places.size):
        here = places[voxel]
        level = levels[here]
        mine = 0
        for d in range(offsets.size):
            there = here - np.uint64(offsets[d])
            if levels[there] == level:
                other = _root(parent, label[there])
                if mine == 0:
                    mine = other
                elif other != mine:
                    older, younger = min(mine, other), max(mine, other)
                    parent[younger] = older
                    size[older] += size[younger]
                    size[younger] = 0
                    mine = older
        if mine == 0:
            used += 1
            mine = used
            parent[mine] = mine
            grey[mine] = level
        label[here] = mine
        size[mine] += 1
    zones = np.flatnonzero(size[: used + 1])
    return grey[zones], size[zones]
