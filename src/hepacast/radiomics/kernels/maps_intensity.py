# SPDX-License-Identifier: Apache-2.0
"""First-order features of the window around every voxel."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from hepacast.radiomics.kernels.maps_pairs import ranks
from hepacast.radiomics.kernels.matrices import EPS

N_FIRST = 19


@njit(nogil=True, cache=True)
def _sort(values, n):
    """Sort the first ``n`` values in place: by insertion, over ever smaller gaps (Shell)."""
    gap = 1
    while gap < n // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for m in range(gap, n):
            value, at = values[m], m
            while at >= gap and values[at - gap] > value:
                values[at] = values[at - gap]
                at -= gap
            values[at] = value
        gap //= 3


@njit(nogil=True, cache=True)
def _percentile(values, n, share):
    """Percentile of sorted values, linear between order statistics."""
    spot = (n - 1) * (share / 100.0)
    at = min(int(spot), n - 1)
    low, high, t = values[at], values[min(at + 1, n - 1)], spot - at
    # The two forms of one line: a value equal to its own percentile must stay equal to it.
    return low + (high - low) * t if t < 0.5 else high - (high - low) * (1.0 - t)


@njit(nogil=True, cache=True)
def intensity_maps(levels, values, centres, window, highest, shift, volume, out):
    """Describe the intensities within the window around every voxel.

    Parameters
    ----------
    levels : (padded voxel,) uint8 or uint16
        Level volume, 0 outside.
    values : (padded voxel,) float64
        Intensities.
    centres, window, highest
        See ``maps_pairs.pair_maps``.
    shift : float
        Added to every intensity in energies.
    volume : float
        Of a voxel, mm3.
    out : (voxel, 19) float64
        Written, in the order of the catalogue of ``families.firstorder``.
    """
    size = window.size
    rank, local, grey = np.zeros(highest + 1, np.int64), np.empty(size, np.int64), np.empty(size)
    kept, count = np.empty(size), np.zeros(size)
    for voxel in range(centres.size):
        levelled = ranks(levels, centres[voxel], window, rank, local, grey)
        n, total, energy = 0, 0.0, 0.0
        for m in range(size):
            if local[m] > 0:
                value = values[centres[voxel] + window[m]]
                kept[n] = value
                n += 1
                total += value
                energy += (value + shift) * (value + shift)
                count[local[m] - 1] += 1.0
        entropy, uniformity = 0.0, 0.0
        for a in range(levelled):
            p = count[a] / n
            entropy -= p * math.log2(p + EPS)
            uniformity += p * p
            count[a] = 0.0
        _sort(kept, n)
        # A flat window has no spread, not even that of rounding.
        mean = total / n if kept[0] < kept[n - 1] else kept[0]
        s2, s3, s4, absolute = 0.0, 0.0, 0.0, 0.0
        for m in range(n):
            d = kept[m] - mean
            s2 += d * d
            s3 += d * d * d
            s4 += d * d * d * d
            absolute += abs(d)
        variance = s2 / n
        spread = variance if variance > 0.0 else 1.0
        low, high = _percentile(kept, n, 10.0), _percentile(kept, n, 90.0)
        row = out[voxel]
        row[0] = low
        row[1] = high
        row[2] = energy
        row[3] = entropy
        row[4] = _percentile(kept, n, 75.0) - _percentile(kept, n, 25.0)
        row[5] = s4 / n / (spread * spread)
        row[6] = kept[n - 1]
        row[7] = absolute / n
        row[8] = mean
        row[9] = _percentile(kept, n, 50.0)
        row[10] = kept[0]
        row[11] = kept[n - 1] - kept[0]
        row[12] = _trimmed(kept, n, low, high)
        row[13] = math.sqrt(energy / n)
        row[14] = s3 / n / (spread * math.sqrt(spread))
        row[15] = energy * volume
        row[16] = uniformity
        row[17] = variance
        row[18] = math.sqrt(variance)


@njit(nogil=True, cache=True)
def _trimmed(values, n, low, high):
    """Mean absolute deviation of the values within ``[low, high]`` from their own mean."""
    total, size, absolute = 0.0, 0, 0.0
    for m in range(n):
        if low <= values[m] <= high:
            total += values[m]
            size += 1
    if size == 0:
        return np.nan
    for m in range(n):
        if low <= values[m] <= high:
            absolute += abs(values[m] - total / size)
    return absolute / size
