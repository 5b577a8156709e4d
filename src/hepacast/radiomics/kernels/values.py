# SPDX-License-Identifier: Apache-2.0
"""Passes over the intensities of one region: levels, order statistics, moments."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numba import njit

BUCKETS = 4096
"""Buckets of the first pass of a rank search; each of them then holds few values."""


@njit(nogil=True, cache=True)
def digitise(values, edges, places, levels):
    """Write the bin of every value (1 = first bin) to its place in a padded level volume.

    A bin holds its lower edge and not its upper one, as ``numpy.digitize`` has it.
    A guess by division is corrected against the edges themselves, because only
    they decide.  Returns how many values fell into each bin.

    Parameters
    ----------
    values : (voxel,) float64
        Intensities.
    edges : (bin + 1,) float64
        Ascending edges, equally spaced but for the last.
    places : (voxel,) int64
        Flat index into ``levels``.
    levels : (padded voxel,) uint8 or uint16
        Written in place.
    """
    last = edges.size - 2
    first = edges[0]
    step = 1.0 / (edges[1] - edges[0])
    counts = np.zeros(last + 1, np.int64)
    for n in range(values.size):
        v = values[n]
        at = min(max(int((v - first) * step), 0), last)
        while at < last and v >= edges[at + 1]:
            at += 1
        while at > 0 and v < edges[at]:
            at -= 1
        counts[at] += 1
        levels[places[n]] = at + 1
    return counts


def at_ranks(values: np.ndarray, low: float, high: float, ranks: np.ndarray) -> np.ndarray:
    """Values at ascending ranks (0 = smallest), without sorting all of them.

    Parameters
    ----------
    values : (voxel,) float64
        Intensities.
    low, high : float
        Their extremes.
    ranks : (rank,) int64
        Ascending.
    """
    if high <= low:
        return np.full(ranks.size, low)
    if not 1e-290 < high - low < 1e290:
        # The width of a bucket, or how many there are to a unit, would not be finite.
        sorted_values: np.ndarray = np.sort(values)[ranks]
        return sorted_values
    kept, start, slot, before = _gather(values, low, high, ranks)
    # Sorted by numpy: a compiled sort alone would double the time of the first call.
    for first, last in pairwise(start):
        kept[first:last].sort()
    found: np.ndarray = kept[start[slot] + ranks - before]
    return found


@njit(nogil=True, cache=True)
def _gather(values, low, high, ranks):
    """Gather the values of the buckets that hold the ranks, bucket by bucket."""
    scale = BUCKETS / (high - low)
    counts = np.zeros(BUCKETS, np.int64)
    for n in range(values.size):
        counts[min(int((values[n] - low) * scale), BUCKETS - 1)] += 1
    # Where the next value of a bucket goes, plus one; 0 for buckets that hold no rank.
    fill = np.zeros(BUCKETS, np.int64)
    start = np.zeros(ranks.size + 1, np.int64)
    slot = np.zeros(ranks.size, np.int64)
    before = np.zeros(ranks.size, np.int64)
    bucket, seen, used = 0, 0, 0
    for r in range(ranks.size):
        while seen + counts[bucket] <= ranks[r]:
            seen += counts[bucket]
            bucket += 1
        if fill[bucket] == 0:
            fill[bucket] = start[used] + 1
            used += 1
            start[used] = start[used - 1] + counts[bucket]
        slot[r] = used - 1
        before[r] = seen
    kept = np.zeros(start[used], np.float64)
    for n in range(values.size):
        b = min(int((values[n] - low) * scale), BUCKETS - 1)
        if fill[b] > 0:
            kept[fill[b] - 1] = values[n]
            fill[b] += 1
    return kept, start[: used + 1], slot, before


# Sums may be taken in any order: blocks of them run in parallel lanes.
@njit(nogil=True, cache=True, fastmath={"reassoc", "nsz"})
def power_sums(values, shift):
    """Add up the values, and the of the squares of ``values + shift``."""
    total, energy = 0.0, 0.0
    for n in range(values.size):
        v = values[n]
        total += v
        energy += (v + shift) * (v + shift)
    return total, energy


@njit(nogil=True, cache=True, fastmath={"reassoc", "nsz"})
def central_sums(values, mean):
    """Add up the second, third, fourth and absolute powers of ``values - mean``."""
    s2, s3, s4, absolute = 0.0, 0.0, 0.0, 0.0
    for n in range(values.size):
        d = values[n] - mean
        d2 = d * d
        s2 += d2
        s3 += d2 * d
        s4 += d2 * d2
        absolute += abs(d)
    return s2, s3, s4, absolute


@njit(nogil=True, cache=True, fastmath={"reassoc", "nsz"})
def trimmed_deviation(values, low, high):
    """Mean absolute deviation of the values within ``[low, high]`` from their own mean."""
    total, size = 0.0, 0
    for n in range(values.size):
        v = values[n]
        inside = (v >= low) & (v <= high)
        total += v if inside else 0.0
        size += 1 if inside else 0
    if size == 0:
        return np.nan
    mean = total / size
    absolute = 0.0
    for n in range(values.size):
        v = values[n]
        inside = (v >= low) & (v <= high)
        absolute += abs(v - mean) if inside else 0.0
    return absolute / size
