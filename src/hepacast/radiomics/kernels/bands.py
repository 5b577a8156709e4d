# SPDX-License-Identifier: Apache-2.0
"""Convolution with a short filter along one axis, summed in PyWavelets' order."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def _order(position, length, n, order):
    """Fill in the order in which PyWavelets adds the taps of one output.

    From the first tap on, except where the filter runs over the end of the
    signal: there the part beyond the end comes first, backwards.
    """
    over = position + n // 2 - length
    at = 0
    for t in range(over, -1, -1):
        order[at] = t
        at += 1
    for t in range(max(over + 1, 0), n):
        order[at] = t
        at += 1


@njit(nogil=True, cache=True)
def convolve_axis(image, taps, axis, first, length, out):
    """Convolve along one axis; only whole overlaps are kept.

    The sums are bit for bit those of PyWavelets: a coefficient near 0 may lie on
    the edge of a bin.

    Parameters
    ----------
    image : (k, j, i) float32 or float64
        Volume.
    taps : (tap,) float32 or float64
        Filter, in the type of the image.
    axis : int
        0, 1 or 2.
    first, length : int
        Position of the first output in the periodic signal, and the signal's length.
    out : (k, j, i) float32 or float64
        Written; shorter by the taps less one along the axis.
    """
    nk, nj, ni = out.shape
    n = taps.size
    order = np.empty(n, np.int64)
    for k in range(nk):
        for j in range(nj):
            row = out[k, j]
            at = first + k if axis == 0 else first + j
            _order(at % length if axis < 2 else 0, length + n, n, order)
            if axis < 2:
                _order(at % length, length, n, order)
            for m in range(n):
                t = order[m]
                tap, back = taps[t], n - 1 - t
                if axis == 0:
                    source = image[k + back, j]
                elif axis == 1:
                    source = image[k, j + back]
                else:
                    source = image[k, j, back : back + ni]
                if m == 0:
                    for i in range(ni):
                        row[i] = tap * source[i]
                else:
                    for i in range(ni):
                        row[i] += tap * source[i]
            if axis == 2:
                line = image[k, j]
                for i in range(ni):
                    if (first + i) % length + n // 2 >= length:
                        _order((first + i) % length, length, n, order)
                        total = taps[order[0]] * line[i + n - 1 - order[0]]
                        for m in range(1, n):
                            total += taps[order[m]] * line[i + n - 1 - order[m]]
                        row[i] = total
    return out
