# SPDX-License-Identifier: Apache-2.0
"""Where a mask begins and ends, in one pass."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def extent(mask):
    """Count the voxels of a mask and find its box.

    Parameters
    ----------
    mask : (k, j, i) bool
        Of any size.

    Returns
    -------
    size : int
        Voxels inside.
    low, high : (3,) int64
        First and last (k, j, i); ``high < low`` in an empty mask.
    """
    nk, nj, ni = mask.shape
    low = np.array([nk, nj, ni], np.int64)
    high = np.full(3, -1, np.int64)
    size = 0
    for k in range(nk):
        for j in range(nj):
            row = mask[k, j]
            here = 0
            for i in range(ni):
                here += row[i]
            if here > 0:
                size += here
                low[0], high[0] = min(low[0], k), k
                low[1], high[1] = min(low[1], j), max(high[1], j)
                first = 0
                while not row[first]:
                    first += 1
                last = ni - 1
                while not row[last]:
                    last -= 1
                low[2], high[2] = min(low[2], first), max(high[2], last)
    return size, low, high
