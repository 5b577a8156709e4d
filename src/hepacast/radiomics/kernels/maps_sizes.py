# SPDX-License-Identifier: Apache-2.0
"""Runs, zones, dependences and grey tones of the window around every voxel.

Arguments of the functions: see ``maps_pairs.pair_maps``; ``first`` and ``second`` are the places
of the two ends of every pair.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from hepacast.radiomics.kernels.maps_pairs import ranks
from hepacast.radiomics.kernels.matrices import EPS, N_SIZE


@njit(nogil=True, cache=True)
def _add(joint, touched, used, cell, weight):
    """Add to one cell of a matrix of levels and sizes; returns how many cells are in use."""
    if joint[cell] == 0.0:
        touched[used] = cell
        used += 1
    joint[cell] += weight
    return used


@njit(nogil=True, cache=True)
def _describe(touched, joint, wide, grey, by_level, by_size, out):
    """Describe one matrix, as ``matrices.describe_sizes``, and empty it.

    Parameters
    ----------
    touched : (cell,) int64
        Cells in use: level rank times ``wide`` plus size.
    joint, by_level, by_size : float64
        The matrix; two scratch arrays of zeros, left as they were.
    """
    total, voxels = 0.0, 0.0
    out[:] = 0.0
    for cell in touched:
        total += joint[cell]
    for cell in touched:
        a = cell // wide
        b = cell - a * wide
        c = joint[cell]
        by_level[a] += c
        by_size[b] += c
        voxels += c * b
        q = c / total
        level, size = grey[a] * grey[a], float(b * b)
        out[0] += q / size
        out[1] += q * size
        out[9] -= q * math.log2(q + EPS)
        out[10] += q / level
        out[11] += q * level
        out[12] += q / (level * size)
        out[13] += q * level / size
        out[14] += q * size / level
        out[15] += q * level * size
    mean_level, mean_size = 0.0, voxels / total
    for cell in touched:
        mean_level += joint[cell] / total * grey[cell // wide]
    for cell in touched:
        a = cell // wide
        b = cell - a * wide
        c = joint[cell] / total
        out[7] += c * (grey[a] - mean_level) ** 2
        out[8] += c * (b - mean_size) ** 2
        # A level or size that several cells share counts once.
        out[2] += by_level[a] * by_level[a]
        out[4] += by_size[b] * by_size[b]
        by_level[a] = 0.0
        by_size[b] = 0.0
        joint[cell] = 0.0
    out[2] /= total
    out[4] /= total
    out[3] = out[2] / total
    out[5] = out[4] / total
    out[6] = total / voxels


@njit(nogil=True, cache=True)
def run_maps(levels, centres, window, path, start, highest, weights, out):
    """Describe the runs within the window around every voxel, averaged over directions.

    Parameters
    ----------
    path : (step,) int64
        Places along every line of a window, -1 at the end of each, direction by direction.
    start : (direction + 1,) int64
        Where the lines of a direction begin.
    weights : (direction,) float64
        Weights of directions, summed to one matrix; empty to average over directions.
    out : (voxel, 16) float64
        Written; NaN where no line holds two voxels.
    """
    size = window.size
    wide = size + 1
    rank, local, grey = np.zeros(highest + 1, np.int64), np.empty(size, np.int64), np.empty(size)
    joint, by_level, by_size = np.zeros(size * wide), np.zeros(size), np.zeros(wide)
    touched, one = np.empty(size * start.size, np.int64), np.empty(N_SIZE)
    for voxel in range(centres.size):
        ranks(levels, centres[voxel], window, rank, local, grey)
        out[voxel] = 0.0
        used, known = 0, 0
        for d in range(start.size - 1):
            weight = weights[d] if weights.size > 0 else 1.0
            if _line_of_two(local, path, start[d], start[d + 1]):
                level, length = 0, 0
                for m in range(start[d], start[d + 1]):
                    here = local[path[m]] if path[m] >= 0 else 0
                    if here == level:
                        length += 1
                        continue
                    if level > 0:
                        used = _add(joint, touched, used, (level - 1) * wide + length, weight)
                    level, length = here, 1
            last = d + 2 == start.size
            if used > 0 and (weights.size == 0 or last):
                _describe(touched[:used], joint, wide, grey, by_level, by_size, one)
                out[voxel] += one
                known += 1
                used = 0
        for m in range(N_SIZE):
            out[voxel, m] = out[voxel, m] / known if known > 0 else np.nan


@njit(nogil=True, cache=True)
def _line_of_two(local, path, begin, end):
    """Tell whether any line holds two voxels of the region."""
    inside = 0
    for m in range(begin, end):
        if path[m] < 0:
            inside = 0
        elif local[path[m]] > 0:
            inside += 1
            if inside == 2:
                return True
    return False


@njit(nogil=True, cache=True)
def zone_maps(levels, centres, window, beside, start, highest, out):
    """Describe the zones within the window around every voxel.

    Parameters
    ----------
    beside : (neighbour,) int64
        Places next to every place of a window.
    start : (place + 1,) int64
        Where the neighbours of a place begin.
    out : (voxel, 16) float64
        Written.
    """
    size = window.size
    wide = size + 1
    rank, local, grey = np.zeros(highest + 1, np.int64), np.empty(size, np.int64), np.empty(size)
    joint, by_level, by_size = np.zeros(size * wide), np.zeros(size), np.zeros(wide)
    touched, stack = np.empty(size, np.int64), np.empty(size, np.int64)
    for voxel in range(centres.size):
        ranks(levels, centres[voxel], window, rank, local, grey)
        used = 0
        for seed in range(size):
            level = local[seed]
            if level == 0:
                continue
            local[seed] = 0
            stack[0] = seed
            waiting, voxels = 1, 0
            while waiting > 0:
                waiting -= 1
                here = stack[waiting]
                voxels += 1
                for m in range(start[here], start[here + 1]):
                    there = beside[m]
                    if local[there] == level:
                        local[there] = 0
                        stack[waiting] = there
                        waiting += 1
            used = _add(joint, touched, used, (level - 1) * wide + voxels, 1.0)
        _describe(touched[:used], joint, wide, grey, by_level, by_size, out[voxel])


@njit(nogil=True, cache=True)
def dependence_maps(levels, centres, window, first, second, highest, alpha, out):
    """Describe the dependences within the window around every voxel.

    Parameters
    ----------
    alpha : int
        Largest level difference at which two voxels depend on one another.
    out : (voxel, 16) float64
        Written.
    """
    size = window.size
    wide = size + 1
    rank, local, grey = np.zeros(highest + 1, np.int64), np.empty(size, np.int64), np.empty(size)
    joint, by_level, by_size = np.zeros(size * wide), np.zeros(size), np.zeros(wide)
    touched, alike = np.empty(size, np.int64), np.empty(size, np.int64)
    for voxel in range(centres.size):
        ranks(levels, centres[voxel], window, rank, local, grey)
        alike[:] = 1
        for m in range(first.size):
            a, b = first[m], second[m]
            if (
                local[a] > 0
                and local[b] > 0
                and abs(grey[local[a] - 1] - grey[local[b] - 1]) <= alpha
            ):
                alike[a] += 1
                alike[b] += 1
        used = 0
        for m in range(size):
            if local[m] > 0:
                used = _add(joint, touched, used, (local[m] - 1) * wide + alike[m], 1.0)
        _describe(touched[:used], joint, wide, grey, by_level, by_size, out[voxel])


@njit(nogil=True, cache=True)
def tone_maps(levels, centres, window, first, second, highest, out):
    """Describe the grey tone differences within the window around every voxel.

    Parameters
    ----------
    out : (voxel, 5) float64
        Written: coarseness, contrast, busyness, complexity, strength.
    """
    size = window.size
    rank, local, grey = np.zeros(highest + 1, np.int64), np.empty(size, np.int64), np.empty(size)
    count, gap = np.empty(size), np.empty(size)
    around, total = np.empty(size), np.empty(size)
    for voxel in range(centres.size):
        n = ranks(levels, centres[voxel], window, rank, local, grey)
        around[:] = 0.0
        total[:] = 0.0
        for m in range(first.size):
            a, b = first[m], second[m]
            if local[a] > 0 and local[b] > 0:
                around[a] += 1.0
                around[b] += 1.0
                total[a] += grey[local[b] - 1]
                total[b] += grey[local[a] - 1]
        count[:n] = 0.0
        gap[:n] = 0.0
        for m in range(size):
            if local[m] > 0:
                at = local[m] - 1
                count[at] += 1.0
                if around[m] > 0.0:
                    gap[at] += abs(grey[at] - total[m] / around[m])
        _describe_tones(grey, count, gap, n, out[voxel])


@njit(nogil=True, cache=True)
def _describe_tones(grey, count, gap, n, out):
    """Describe one matrix, as ``families.ngtdm.describe``."""
    voxels, total, coarse = 0.0, 0.0, 0.0
    for a in range(n):
        voxels += count[a]
        total += gap[a]
    for a in range(n):
        coarse += count[a] / voxels * gap[a]
    spread, weighted, strength, complexity = 0.0, 0.0, 0.0, 0.0
    for a in range(n):
        p = count[a] / voxels
        # The two orders of a pair say the same.
        for b in range(a):
            q = count[b] / voxels
            apart = grey[a] - grey[b]
            spread += 2.0 * p * q * apart * apart
            weighted += 2.0 * abs(grey[a] * p - grey[b] * q)
            strength += 2.0 * (p + q) * apart * apart
            complexity += 2.0 * apart * (p * gap[a] + q * gap[b]) / (p + q)
    out[0] = 1.0 / coarse if coarse != 0.0 else 1e6
    out[1] = spread * total / voxels / (n * (n - 1)) if n > 1 else 0.0
    out[2] = coarse / weighted if weighted != 0.0 else 0.0
    out[3] = complexity / voxels
    out[4] = strength / total if total != 0.0 else 0.0
