# SPDX-License-Identifier: Apache-2.0
"""Numbers that describe a texture matrix, for all matrices of a region at once."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

EPS = 2.220446049250313e-16
"""Spacing of float64 at 1: PyRadiomics adds it inside every logarithm."""

N_PAIR = 23
"""Numbers that :func:`describe_pairs` gives."""
N_SIZE = 16
"""Numbers that :func:`describe_sizes` gives."""


@njit(nogil=True, cache=True)
def describe_pairs(p, levels, highest):
    """Describe one normalised co-occurrence matrix.

    Parameters
    ----------
    p : (level, level) float64
        Probabilities that sum to 1.
    levels : (level,) float64
        Grey level of every row and column, whole numbers, ascending.
    highest : int
        Highest grey level, for the features normalised by it.

    Returns
    -------
    numbers : (23,) float64
        In the order of the names in ``families.glcm``, without MCC.
    """
    n = levels.size
    px, py = np.zeros(n), np.zeros(n)
    sums, differences = np.zeros(2 * highest + 1), np.zeros(highest)
    out = np.zeros(N_PAIR)
    energy, entropy, product, largest = 0.0, 0.0, 0.0, 0.0
    # Means and variances are added up pair by pair, as PyRadiomics does: whether the variance of
    # one level is 0 or a last bit decides what the correlation is.
    ux, uy, varx, vary = 0.0, 0.0, 0.0, 0.0
    for a in range(n):
        for b in range(n):
            q = p[a, b]
            if q > 0.0:
                px[a] += q
                py[b] += q
                ux += levels[a] * q
                uy += levels[b] * q
                sums[int(levels[a] + levels[b])] += q
                differences[int(abs(levels[a] - levels[b]))] += q
                energy += q * q
                entropy -= q * math.log2(q + EPS)
                product += q * levels[a] * levels[b]
                largest = max(largest, q)
    hx, hy = 0.0, 0.0
    for a in range(n):
        hx -= px[a] * math.log2(px[a] + EPS)
        hy -= py[a] * math.log2(py[a] + EPS)
    covariance, hxy1, hxy2 = 0.0, 0.0, 0.0
    for a in range(n):
        for b in range(n):
            both = px[a] * py[b]
            if both > 0.0:
                bits = math.log2(both + EPS)
                hxy2 -= both * bits
                q = p[a, b]
                if q > 0.0:
                    varx += q * (levels[a] - ux) ** 2
                    vary += q * (levels[b] - uy) ** 2
                    hxy1 -= q * bits
                    covariance += q * (levels[a] - ux) * (levels[b] - uy)
    out[0] = product
    out[1] = ux
    sigma = math.sqrt(varx) * math.sqrt(vary)
    out[6] = covariance / (sigma + EPS) if sigma > 0.0 else 1.0
    _describe_sums(sums, ux + uy, out)
    _describe_differences(differences, float(highest), out)
    out[10] = energy
    out[11] = entropy
    most = max(hx, hy)
    out[12] = (entropy - hxy1) / most if most != 0.0 else 0.0
    if hxy2 == entropy:
        out[13] = 0.0
    else:
        inner = 1.0 - math.exp(-2.0 * (hxy2 - entropy))
        out[13] = math.sqrt(inner) if inner >= 0.0 else np.nan
    out[19] = largest
    out[22] = varx
    return out


@njit(nogil=True, cache=True)
def _describe_sums(sums, mean, out):
    """Fill in what follows from the distribution of the sum of both levels."""
    for s in range(sums.size):
        q = sums[s]
        if q > 0.0:
            d = s - mean
            out[2] += q * d**4
            out[3] += q * d**3
            out[4] += q * d**2
            out[20] += q * s
            out[21] -= q * math.log2(q + EPS)


@njit(nogil=True, cache=True)
def _describe_differences(differences, highest, out):
    """Fill in what follows from the distribution of the difference of both levels."""
    for k in range(differences.size):
        q = differences[k]
        if q > 0.0:
            out[5] += q * k * k
            out[7] += q * k
            out[8] -= q * math.log2(q + EPS)
            out[14] += q / (1.0 + k * k)
            out[15] += q / (1.0 + k * k / (highest * highest))
            out[16] += q / (1.0 + k)
            out[17] += q / (1.0 + k / highest)
            if k > 0:
                out[18] += q / (k * k)
    for k in range(differences.size):
        out[9] += differences[k] * (k - out[7]) ** 2


@njit(nogil=True, cache=True)
def describe_sizes(counts, levels, sizes, voxels):
    """Describe one matrix of counts by grey level and size (run, zone, dependence, distance).

    Parameters
    ----------
    counts : (level, size) float64
        How many runs, zones or voxels.
    levels : (level,) float64
        Grey level of every row.
    sizes : (size,) float64
        Size of every column.
    voxels : float
        Denominator of the percentage.

    Returns
    -------
    numbers : (16,) float64
        Short, long, level non-uniformity, the same normalised, size non-uniformity, the same
        normalised, percentage, level variance, size variance, entropy, low, high, short low,
        short high, long low, long high.
    """
    total = counts.sum()
    out = np.zeros(N_SIZE)
    by_level, by_size = np.zeros(levels.size), np.zeros(sizes.size)
    for a in range(levels.size):
        low = 1.0 / (levels[a] * levels[a])
        for b in range(sizes.size):
            c = counts[a, b]
            if c > 0.0:
                by_level[a] += c
                by_size[b] += c
                q = c / total
                squared = sizes[b] * sizes[b]
                out[9] -= q * math.log2(q + EPS)
                out[12] += q * low / squared
                out[13] += q / (low * squared)
                out[14] += q * low * squared
                out[15] += q * squared / low
    mean_level, mean_size = 0.0, 0.0
    for a in range(levels.size):
        q = by_level[a] / total
        mean_level += q * levels[a]
        out[2] += by_level[a] * q
        out[3] += q * q
        out[10] += q / (levels[a] * levels[a])
        out[11] += q * levels[a] * levels[a]
    for b in range(sizes.size):
        q = by_size[b] / total
        mean_size += q * sizes[b]
        out[0] += q / (sizes[b] * sizes[b])
        out[1] += q * sizes[b] * sizes[b]
        out[4] += by_size[b] * q
        out[5] += q * q
    out[6] = total / voxels
    for a in range(levels.size):
        out[7] += by_level[a] / total * (levels[a] - mean_level) ** 2
    for b in range(sizes.size):
        out[8] += by_size[b] / total * (sizes[b] - mean_size) ** 2
    return out
