# SPDX-License-Identifier: Apache-2.0
"""Co-occurrence features of the window around every voxel."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from hepacast.radiomics.kernels.eigenvalues import spectral_radius
from hepacast.radiomics.kernels.matrices import EPS, N_PAIR, describe_pairs

N_ALL = N_PAIR + 1
"""With MCC, the last."""

# Counts are whole: where levels depend on one another at all, they do so by far more bits.
_NO_BITS = 1e-9


@njit(nogil=True, cache=True)
def ranks(levels, centre, window, rank, local, grey):
    """Give the levels of one window their ranks.

    Parameters
    ----------
    levels : (padded voxel,) uint8 or uint16
        Level volume, 0 outside.
    centre : int
        Flat index of the voxel in the middle.
    window : (voxel,) int64
        Flat steps from the middle to every voxel of the window.
    rank : (highest level + 1,) int64
        Zeros; scratch, left as it was.
    local : (voxel,) int64
        Written: 0 outside the region, then 1 for the lowest level of the window, and so on.
    grey : (voxel,) float64
        Written: the levels, ascending.

    Returns
    -------
    n : int
        How many levels there are.
    """
    low, high = rank.size, 0
    for m in range(window.size):
        level = np.int64(levels[centre + window[m]])
        local[m] = level
        if level > 0:
            rank[level] = 1
            low, high = min(low, level), max(high, level)
    n = 0
    for level in range(low, high + 1):
        if rank[level] > 0:
            grey[n] = level
            n += 1
            rank[level] = n
    for m in range(window.size):
        local[m] = rank[local[m]]
    for m in range(n):
        rank[int(grey[m])] = 0
    return n


@njit(nogil=True, cache=True)
def pair_maps(levels, centres, window, first, second, start, highest, with_mcc, out):
    """Describe symmetric pairs within the window around every voxel, averaged over directions.

    Counts are whole numbers here, so that a table stands in for logarithms, and every direction
    costs as much as it has pairs, not as there are levels.

    Parameters
    ----------
    levels : (padded voxel,) uint8 or uint16
        Level volume, 0 outside.
    centres : (voxel,) int64
        Flat index of the voxels to describe.
    window : (place,) int64
        Flat steps to the places of a window.
    first, second : (pair,) int64
        Places of the two ends of every pair, direction by direction.
    start : (direction + 1,) int64
        Where the pairs of a direction begin.
    highest : int
        Highest grey level of the region.
    with_mcc : bool
        Compute the maximal correlation coefficient, the dearest feature by far.
    out : (voxel, 24) float64
        Written: as ``matrices.describe_pairs``, and MCC; NaN where no direction has a pair.
    """
    size, most = window.size, 2 * first.size + 2
    bits = np.zeros(most)
    for m in range(2, most):
        bits[m] = m * math.log2(m)
    near = np.empty((5, highest + 1))
    for d in range(highest + 1):
        near[0, d] = 1.0 / (1.0 + d * d)
        near[1, d] = 1.0 / (1.0 + d * d / (highest * highest))
        near[2, d] = 1.0 / (1.0 + d)
        near[3, d] = 1.0 / (1.0 + d / highest)
        near[4, d] = 1.0 / (d * d) if d > 0 else 0.0
    rank, local, grey = np.zeros(highest + 1, np.int64), np.empty(size, np.int64), np.empty(size)
    joint, touched = np.zeros(size * size, np.int64), np.empty(first.size, np.int64)
    margin, where = np.zeros(size, np.int64), np.zeros(size, np.int64)
    sums, gaps = np.zeros(2 * highest + 1, np.int64), np.zeros(highest + 1, np.int64)
    matrix, head = np.empty(size * size), np.empty(size)
    diagonal, beside, root = np.empty(size), np.empty(size), np.empty(size)
    one, known = np.zeros(N_ALL), np.zeros(N_ALL)
    for voxel in range(centres.size):
        n = ranks(levels, centres[voxel], window, rank, local, grey)
        known[:] = 0.0
        out[voxel] = 0.0
        for d in range(start.size - 1):
            used, pairs = 0, 0
            for m in range(start[d], start[d + 1]):
                a, b = local[first[m]], local[second[m]]
                if a == 0 or b == 0:
                    continue
                low, high = min(a, b) - 1, max(a, b) - 1
                cell = low * n + high
                if joint[cell] == 0:
                    touched[used] = cell
                    used += 1
                joint[cell] += 1
                pairs += 1
            if pairs == 0:
                continue
            _describe(
                touched[:used], joint, 2 * pairs, n, grey, bits, near, margin, sums, gaps, one
            )
            if with_mcc or one[13] < 0.0:
                rows = _matrix(touched[:used], joint, 2.0 * pairs, n, margin, where, root, matrix)
                if one[13] < 0.0:
                    one[13] = _last_bits(touched[:used], joint, 2.0 * pairs, rows, n, where)
                # One level in the whole region is PyRadiomics' flat region.
                one[23] = 1.0
                if highest > 1:
                    one[23] = spectral_radius(matrix, rows, diagonal, beside, head)
            for m in range(used):
                joint[touched[m]] = 0
            margin[:n] = 0
            for m in range(N_ALL):
                if not np.isnan(one[m]):
                    out[voxel, m] += one[m]
                    known[m] += 1.0
        for m in range(N_ALL):
            out[voxel, m] = out[voxel, m] / known[m] if known[m] > 0.0 else np.nan


@njit(nogil=True, cache=True)
def _describe(touched, joint, total, n, grey, bits, near, margin, sums, gaps, out):
    """Describe one direction; a negative Imc2 asks for :func:`_last_bits`."""
    energy, inside, largest, product = 0, 0.0, 0, 0.0
    gap, gap2 = 0, 0
    out[14:19] = 0.0
    for m in range(touched.size):
        cell = touched[m]
        a = cell // n
        b = cell - a * n
        c = joint[cell]
        twice = 2 * c
        here, there = int(grey[a]), int(grey[b])
        k = there - here
        if a == b:
            energy += twice * twice
            inside += bits[twice]
            largest = max(largest, twice)
        else:
            energy += twice * c
            inside += 2.0 * bits[c]
            largest = max(largest, c)
        margin[a] += c
        margin[b] += c
        sums[here + there] += twice
        gaps[k] += twice
        gap += twice * k
        gap2 += twice * k * k
        product += twice * float(here * there)
        for f in range(5):
            out[14 + f] += twice * near[f, k]
    share = 1.0 / total
    whole = bits[total] * share
    mean, marginal = 0.0, 0.0
    for a in range(n):
        mean += margin[a] * grey[a]
        marginal += bits[margin[a]]
    mean *= share
    variance = 0.0
    for a in range(n):
        away = grey[a] - mean
        variance += margin[a] * away * away
    variance *= share
    covariance, m2, m3, m4, in_sums, in_gaps = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for m in range(touched.size):
        cell = touched[m]
        a = cell // n
        b = cell - a * n
        twice = 2.0 * joint[cell]
        x, y = grey[a] - mean, grey[b] - mean
        both = x + y
        squared = twice * both * both
        covariance += twice * x * y
        m2 += squared
        m3 += squared * both
        m4 += squared * both * both
        s, k = int(grey[a] + grey[b]), int(grey[b] - grey[a])
        # A sum or difference that several cells share counts once.
        in_sums += bits[sums[s]]
        sums[s] = 0
        in_gaps += bits[gaps[k]]
        gaps[k] = 0
    entropy, alone = whole - inside * share, whole - marginal * share
    together = 2.0 * alone - entropy
    out[0] = product * share
    out[1] = mean
    out[2] = m4 * share
    out[3] = m3 * share
    out[4] = m2 * share
    out[5] = gap2 * share
    out[6] = covariance * share / (variance + EPS) if variance > 0.0 else 1.0
    out[7] = gap * share
    out[8] = whole - in_gaps * share
    out[9] = (gap2 - gap * share * gap) * share
    out[10] = energy * share * share
    out[11] = entropy
    for f in range(5):
        out[14 + f] *= share
    out[19] = largest * share
    out[20] = 2.0 * mean
    out[21] = whole - in_sums * share
    out[22] = variance
    if touched.size == 1 and variance == 0.0:
        out[12], out[13] = 0.0, 0.0
    elif together < _NO_BITS:
        out[12], out[13] = 0.0, -1.0
    else:
        out[12] = -together / alone
        out[13] = math.sqrt(1.0 - math.exp(-2.0 * together))


@njit(nogil=True, cache=True)
def _matrix(touched, joint, total, n, margin, where, root, matrix):
    """Write the pairs over the roots of their margins, less what independence would give.

    PyRadiomics' ``Q`` is similar to the square of the former; its largest eigenvalue is 1, of the
    roots of the margins, and taking that away leaves the second one as the largest.  Returns how
    many levels have a pair.
    """
    rows = 0
    for a in range(n):
        if margin[a] > 0:
            where[a] = rows
            root[rows] = math.sqrt(margin[a] / total)
            rows += 1
    for a in range(rows):
        for b in range(rows):
            matrix[a * rows + b] = -root[a] * root[b]
    for m in range(touched.size):
        cell = touched[m]
        a = cell // n
        x, y = where[a], where[cell - a * n]
        c = joint[cell] / (total * (root[x] * root[y]))
        matrix[x * rows + y] += c
        # The diagonal holds both orders of a pair of one level.
        matrix[y * rows + x] += c
    return rows


@njit(nogil=True, cache=True)
def _last_bits(touched, joint, total, rows, n, where):
    """Imc2 of levels that do not depend on one another, in PyRadiomics' order of sums.

    It is 0; PyRadiomics gives 0, 1e-8 or nothing at all, as rounding has it.
    """
    p = np.zeros((rows, rows))
    for m in range(touched.size):
        cell = touched[m]
        a, b = where[cell // n], where[cell % n]
        c = float(joint[cell])
        p[a, b] = 2.0 * c / total if a == b else c / total
        p[b, a] = p[a, b]
    margin = np.zeros(rows)
    for a in range(rows):
        for b in range(rows):
            margin[a] += p[a, b]
    joined, alone = 0.0, 0.0
    for a in range(rows):
        for b in range(rows):
            q = p[a, b]
            both = margin[a] * margin[b]
            joined += q * math.log2(q + EPS)
            alone += both * math.log2(both + EPS)
    if joined == alone:
        return 0.0
    inner = 1.0 - math.exp(-2.0 * (joined - alone))
    return math.sqrt(inner) if inner >= 0.0 else np.nan


@njit(nogil=True, cache=True)
def any_pair_maps(levels, centres, window, first, second, start, highest, symmetric, weights, out):
    """Describe pairs that are counted in one order, or weighted; as :func:`pair_maps`.

    Parameters
    ----------
    symmetric : bool
        Count pairs in both orders.
    weights : (direction,) float64
        Weights of directions, summed to one matrix; empty to average over directions.
    out : (voxel, 24) float64
        Written.
    """
    size = window.size
    rank, local, grey = np.zeros(highest + 1, np.int64), np.empty(size, np.int64), np.empty(size)
    matrix, head = np.empty(size * size), np.empty(size)
    diagonal, beside, root = np.empty(size), np.empty(size), np.empty(size)
    one, known = np.zeros(N_ALL), np.zeros(N_ALL)
    for voxel in range(centres.size):
        n = ranks(levels, centres[voxel], window, rank, local, grey)
        p = np.zeros((n, n))
        known[:] = 0.0
        out[voxel] = 0.0
        for d in range(start.size - 1):
            weight = weights[d] if weights.size > 0 else 1.0
            for m in range(start[d], start[d + 1]):
                a, b = local[first[m]] - 1, local[second[m]] - 1
                if a < 0 or b < 0:
                    continue
                p[a, b] += weight
                if symmetric:
                    p[b, a] += weight
            if weights.size > 0 and d + 2 < start.size:
                continue
            total = p.sum()
            if total > 0.0:
                p /= total
                one[:N_PAIR] = describe_pairs(p, grey[:n], highest)
                if highest > 1:
                    _squared(p, root, matrix)
                    one[N_PAIR] = math.sqrt(spectral_radius(matrix, n, diagonal, beside, head))
                else:
                    one[N_PAIR] = 1.0
                for m in range(N_ALL):
                    if not np.isnan(one[m]):
                        out[voxel, m] += one[m]
                        known[m] += 1.0
            p[:] = 0.0
        for m in range(N_ALL):
            out[voxel, m] = out[voxel, m] / known[m] if known[m] > 0.0 else np.nan


@njit(nogil=True, cache=True)
def _squared(p, root, matrix):
    """Write a symmetric matrix with the eigenvalues of PyRadiomics' ``Q``, less the largest."""
    n = p.shape[0]
    columns = p.sum(axis=0)
    root[:n] = np.sqrt(p.sum(axis=1))
    for a in range(n):
        for b in range(a + 1):
            total = 0.0
            if root[a] > 0.0 and root[b] > 0.0:
                for k in range(n):
                    if columns[k] > 0.0:
                        total += p[a, k] * p[b, k] / columns[k]
                total = total / (root[a] * root[b]) - root[a] * root[b]
            matrix[a * n + b] = total
            matrix[b * n + a] = total
