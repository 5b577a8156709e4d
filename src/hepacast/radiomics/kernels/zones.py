# SPDX-License-Identifier: Apache-2.0
"""Connected voxels of one level, by union-find over few unions.

Of the neighbours behind a voxel that share its level, those that touch one
another are one zone already; a table says for every set of them which few to
join.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numba import njit


@cache
def joins(steps: tuple[tuple[int, int, int], ...]) -> np.ndarray:
    """Tell for every set of equal neighbours which of them to join: one per connected part.

    Parameters
    ----------
    steps : tuple of (k, j, i)
        Directions; the neighbour n is one step n behind.

    Returns
    -------
    chosen : (2 ** direction,) uint32
        How many in the lowest four bits, then which, four bits each.

    Examples
    --------
    >>> [hex(n) for n in joins(((0, 1, 0), (0, 1, -1), (0, 0, 1)))[[0b000, 0b111, 0b110]]]
    ['0x0', '0x1', '0x212']
    """
    # In whole tables at a time: compiled, it would cost the first call more than this.
    n = len(steps)
    apart = np.abs(np.array(steps).reshape(-1, 1, 3) - np.array(steps).reshape(1, -1, 3))
    touching = (apart.max(axis=2, initial=0) <= 1) @ (1 << np.arange(n))
    sets = np.arange(1 << n)
    left, chosen = sets.copy(), np.zeros(1 << n, np.uint32)
    for a in range(n):
        start = np.flatnonzero(left >> a & 1)
        part, grown = np.full(start.size, 1 << a), np.zeros(start.size, np.int64)
        while not np.array_equal(part, grown):
            grown = part.copy()
            for b in range(n):
                part |= np.where(part >> b & 1, touching[b] & sets[start], 0)
        left[start] &= ~part
        chosen[start] += np.uint32(1)
        chosen[start] |= (a << 4 * (chosen[start] & 15)).astype(np.uint32)
    return chosen


@njit(nogil=True, cache=True)
def _root(parent, label):
    """Follow a label to the oldest one of its zone, halving the path on the way."""
    while parent[label] != label:
        parent[label] = parent[parent[label]]
        label = parent[label]
    return label


@njit(nogil=True, cache=True)
def zone_sizes(levels, bits, places, offsets, chosen):
    """Level and size of every zone of connected voxels of one level.

    Parameters
    ----------
    levels : (padded voxel,) uint8 or uint16
        Level volume, flat.
    bits : (padded voxel,) uint16
        Equal neighbours, from ``neighbours.surroundings``.
    places : (voxel,) int64
        Flat index of every voxel of the region, ascending.
    offsets : (direction,) int64
        Flat step of every direction.
    chosen : (2 ** direction,) uint32
        From :func:`joins`.

    Returns
    -------
    level, size : (zone,) int64
        In the order in which zones begin.
    """
    # Labels are looked up one slice back at most: a ring of them stays in the cache.
    ring = 1
    for n in range(offsets.size):
        while ring <= offsets[n]:
            ring *= 2
    wrap = np.uint64(ring - 1)
    label = np.empty(ring, np.int32)
    parent = np.empty(places.size + 1, np.int32)
    size = np.zeros(places.size + 1, np.int32)
    grey = np.empty(places.size + 1, np.uint16)
    used = 0
    for voxel in range(places.size):
        here = np.uint64(places[voxel])
        code = np.uint64(chosen[np.uint64(bits[here])])
        parts = np.int64(code & np.uint64(15))
        if parts == 0:
            used += 1
            parent[used] = used
            grey[used] = levels[here]
            mine = np.int32(used)
        else:
            d = code >> np.uint64(4) & np.uint64(15)
            mine = label[here - np.uint64(offsets[d]) & wrap]
            for n in range(2, parts + 1):
                d = code >> np.uint64(4 * n) & np.uint64(15)
                one = _root(parent, mine)
                two = _root(parent, label[here - np.uint64(offsets[d]) & wrap])
                if one < two:
                    parent[two] = one
                elif two < one:
                    parent[one] = two
        label[here & wrap] = mine
        size[np.uint64(mine)] += 1
    zones = 0
    for at in range(used, 0, -1):
        if parent[at] == at:
            zones += 1
        else:
            size[parent[at]] += size[at]
    out_level, out_size = np.empty(zones, np.int64), np.empty(zones, np.int64)
    n = 0
    for at in range(1, used + 1):
        if parent[at] == at:
            out_level[n], out_size[n] = grey[at], size[at]
            n += 1
    return out_level, out_size
