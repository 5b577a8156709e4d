# SPDX-License-Identifier: Apache-2.0
"""Where a mask begins and ends, and along which directions it is more than one voxel long."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Bool, Int

FEW = 4096
"""Voxels to try first: some two of them nearly always touch."""


def extent(
    mask: Bool[np.ndarray, "k j i"],
) -> tuple[int, Int[np.ndarray, " 3"], Int[np.ndarray, " 3"]]:
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

    Examples
    --------
    >>> size, low, high = extent(np.eye(3, dtype=bool)[None])
    >>> size, low.tolist(), high.tolist()
    (3, [0, 0, 0], [0, 2, 2])
    """
    # Rows of memory stop at their first voxel inside; then only what is left is looked at.
    by_slice = mask.reshape(len(mask), -1) if mask.flags.c_contiguous else np.any(mask, axis=1)
    slices = np.flatnonzero(np.any(by_slice, axis=1))
    if slices.size == 0:
        return 0, np.array(mask.shape), np.full(3, -1)
    inside = mask[slices[0] : slices[-1] + 1]
    shadow = np.any(inside, axis=0)
    ends = slices, np.flatnonzero(np.any(shadow, axis=1)), np.flatnonzero(np.any(shadow, axis=0))
    low, high = np.array([at[0] for at in ends]), np.array([at[-1] for at in ends])
    return int(np.count_nonzero(inside)), low, high


def holds_a_pair(
    mask: Bool[np.ndarray, "k j i"],
    voxels: Int[np.ndarray, "voxel 3"],
    steps: Int[np.ndarray, "direction 3"],
) -> Bool[np.ndarray, " direction"]:
    """Tell for every direction whether any line along it holds two voxels, touching or not.

    Parameters
    ----------
    mask : (k, j, i) bool
        Padded by one voxel of False on every side.
    voxels : (voxel, 3) int64
        (k, j, i) of the voxels inside.
    steps : (direction, 3) int64
        (k, j, i) of each direction, with components -1, 0 or 1.

    Examples
    --------
    >>> mask = np.zeros((5, 3, 3), dtype=bool)
    >>> mask[1, 1, 1] = mask[3, 1, 1] = True
    >>> holds_a_pair(mask, np.argwhere(mask), np.array([[1, 0, 0], [0, 1, 0]])).tolist()
    [True, False]
    """
    found = np.zeros(len(steps), dtype=bool)
    for n, step in enumerate(steps):
        axis = int(np.flatnonzero(step)[0])
        found[n] = any(mask[tuple((part + step).T)].any() for part in (voxels[:FEW], voxels))
        if not found[n]:
            # Where the line of every voxel meets the plane through 0.
            feet = voxels - voxels[:, [axis]] * (step * step[axis])
            found[n] = len(np.unique(feet, axis=0)) < len(feet)
    return found
