# SPDX-License-Identifier: Apache-2.0
"""Features of the neighbourhood of every voxel."""

from __future__ import annotations

import numpy as np
from numba import njit

from hepacast.radiomics.kernels.matrices import N_PAIR, describe_pairs


@njit(nogil=True, cache=True)
def _ranks(cube, found):
    """List the levels of a cube in ascending order; returns how many there are."""
    n = 0
    for level in cube.flat:
        if level == 0:
            continue
        at = 0
        while at < n and found[at] < level:
            at += 1
        if at < n and found[at] == level:
            continue
        for m in range(n, at, -1):
            found[m] = found[m - 1]
        found[at] = level
        n += 1
    return n


@njit(nogil=True, cache=True)
def local_pairs(levels, voxels, steps, radius, highest, symmetric):
    """Co-occurrence features within a cube around every voxel, averaged over directions.

    Parameters
    ----------
    levels : (k, j, i) uint8 or uint16
        Level volume, 0 outside the region, padded by ``radius``.
    voxels : (voxel, 3) int64
        Centres of the cubes.
    steps : (direction, 3) int64
        (k, j, i) of one half of the directions.
    radius, highest : int
        Half an edge of the cube, and highest level of the region.
    symmetric : bool
        Count pairs in both orders.

    Returns
    -------
    numbers : (voxel, 23) float64
        As ``matrices.describe_pairs``; NaN where no direction has a pair.
    """
    side = 2 * radius + 1
    result = np.empty((voxels.shape[0], N_PAIR))
    rank = np.zeros(highest + 1, np.int64)
    found = np.zeros(side**3, np.int64)
    for voxel in range(voxels.shape[0]):
        k, j, i = voxels[voxel]
        cube = levels[
            k - radius : k + radius + 1, j - radius : j + radius + 1, i - radius : i + radius + 1
        ]
        n = _ranks(cube, found)
        for m in range(n):
            rank[found[m]] = m
        grey = found[:n].astype(np.float64)
        sums, known = np.zeros(N_PAIR), np.zeros(N_PAIR)
        for d in range(steps.shape[0]):
            dk, dj, di = steps[d]
            p = np.zeros((n, n))
            total = 0.0
            for a in range(max(0, -dk), side - max(0, dk)):
                for b in range(max(0, -dj), side - max(0, dj)):
                    for c in range(max(0, -di), side - max(0, di)):
                        here, there = cube[a, b, c], cube[a + dk, b + dj, c + di]
                        if here > 0 and there > 0:
                            p[rank[here], rank[there]] += 1.0
                            total += 1.0
                            if symmetric:
                                p[rank[there], rank[here]] += 1.0
                                total += 1.0
            if total > 0.0:
                numbers = describe_pairs(p / total, grey, highest)
                for m in range(N_PAIR):
                    if not np.isnan(numbers[m]):
                        sums[m] += numbers[m]
                        known[m] += 1.0
        for m in range(N_PAIR):
            result[voxel, m] = sums[m] / known[m] if known[m] > 0 else np.nan
    return result


@njit(nogil=True, cache=True)
def local_tones(levels, voxels, steps, radius, highest):
    """Grey tone difference features within a cube around every voxel.

    See :func:`local_pairs` for the arguments.

    Returns
    -------
    numbers : (voxel, 5) float64
        Coarseness, contrast, busyness, complexity, strength.
    """
    side = 2 * radius + 1
    result = np.empty((voxels.shape[0], 5))
    count, difference = np.zeros(highest + 1), np.zeros(highest + 1)
    found = np.zeros(side**3, np.int64)
    for voxel in range(voxels.shape[0]):
        k, j, i = voxels[voxel]
        cube = levels[
            k - radius : k + radius + 1, j - radius : j + radius + 1, i - radius : i + radius + 1
        ]
        n = _ranks(cube, found)
        for m in range(n):
            count[found[m]] = 0.0
            difference[found[m]] = 0.0
        for a in range(side):
            for b in range(side):
                for c in range(side):
                    level = cube[a, b, c]
                    if level == 0:
                        continue
                    total, around = 0, 0
                    for d in range(steps.shape[0]):
                        for way in (-1, 1):
                            x, y, z = steps[d, 0] * way, steps[d, 1] * way, steps[d, 2] * way
                            inside = 0 <= a + x < side and 0 <= b + y < side and 0 <= c + z < side
                            if inside and cube[a + x, b + y, c + z] > 0:
                                total += cube[a + x, b + y, c + z]
                                around += 1
                    count[level] += 1.0
                    if around > 0:
                        difference[level] += abs(level - total / around)
        result[voxel] = _describe_tones(found[:n], count, difference)
    return result


@njit(nogil=True, cache=True)
def _describe_tones(grey, count, difference):
    """Compute the five features of one matrix; as ``families.ngtdm.describe``."""
    voxels, coarse, total = 0.0, 0.0, 0.0
    for g in grey:
        voxels += count[g]
        total += difference[g]
    for g in grey:
        coarse += count[g] / voxels * difference[g]
    spread, weighted, strength, complexity = 0.0, 0.0, 0.0, 0.0
    for g in grey:
        p = count[g] / voxels
        for h in grey:
            q = count[h] / voxels
            gap = abs(g - h)
            spread += p * q * gap * gap
            weighted += abs(g * p - h * q)
            strength += (p + q) * gap * gap
            complexity += gap * (p * difference[g] + q * difference[h]) / (p + q)
    n = grey.size
    out = np.zeros(5)
    out[0] = 1.0 / coarse if coarse != 0.0 else 1e6
    out[1] = spread * total / voxels / (n * (n - 1)) if n > 1 else 0.0
    out[2] = coarse / weighted if weighted != 0.0 else 0.0
    out[3] = complexity / voxels
    out[4] = strength / total if total != 0.0 else 0.0
    return out
