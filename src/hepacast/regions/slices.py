# SPDX-License-Identifier: Apache-2.0
"""Slices and boxes for two-dimensional features and networks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import EmptyRegionError

if TYPE_CHECKING:
    from jaxtyping import Int

    from hepacast.core.volume import Box, Region


def slice_areas(region: Region) -> Int[np.ndarray, " k"]:
    """Voxels of the region in every slice."""
    areas: Int[np.ndarray, " k"] = np.count_nonzero(region.mask, axis=(1, 2))
    return areas


def largest_slice(region: Region) -> int:
    """Slice in which the region is largest; of equals the middle one.

    Raises
    ------
    EmptyRegionError
        If the region has no voxel.

    Examples
    --------
    >>> from hepacast.core.geometry import Grid
    >>> from hepacast.core.volume import Region
    >>> mask = np.zeros((5, 2, 2), bool)
    >>> mask[1:4, 0, 0] = True
    >>> largest_slice(Region(mask, Grid((5, 2, 2), (5.0, 1.0, 1.0))))
    2
    """
    areas = slice_areas(region)
    if not areas.any():
        raise EmptyRegionError(
            what="a region needs at least one voxel", got="an empty mask", fix="Draw the region."
        ).at(region=region.name)
    equals = np.flatnonzero(areas == areas.max())
    return int(equals[len(equals) // 2])


def central_slices(region: Region, count: int = 3) -> tuple[int, ...]:
    """Return consecutive slices around the largest one, kept inside the image.

    Parameters
    ----------
    region : Region
        To cut.
    count : int
        Odd, so that the largest slice is in the middle (unless the image ends).

    Raises
    ------
    EmptyRegionError
        If the image has fewer slices.

    Examples
    --------
    >>> from hepacast.core.geometry import Grid
    >>> from hepacast.core.volume import Region
    >>> mask = np.zeros((5, 2, 2), bool)
    >>> mask[0] = True
    >>> central_slices(Region(mask, Grid((5, 2, 2), (5.0, 1.0, 1.0))))
    (0, 1, 2)
    """
    total = region.mask.shape[0]
    if total < count:
        raise EmptyRegionError(
            what=f"{count} slices are needed",
            got=f"an image of {total}",
            fix="Ask for fewer slices.",
        ).at(region=region.name)
    start = min(max(0, largest_slice(region) - count // 2), total - count)
    return tuple(range(start, start + count))


def margin_box(region: Region, *, mm: float = 0.0, voxels: int = 0, square: bool = False) -> Box:
    """Box around a region with a margin in true millimetres and in voxels.

    Parameters
    ----------
    region : Region
        To enclose.
    mm : float
        Margin on every side, mm, rounded up to whole voxels.
    voxels : int
        Further margin in plane, pixels (not across slices).
    square : bool
        Widen the shorter in-plane side, in millimetres, where the image allows.

    Returns
    -------
    tuple of slice
        Kept inside the image.

    Raises
    ------
    EmptyRegionError
        If the region has no voxel.
    """
    tight = region.box()
    spacing, shape = region.grid.spacing, region.mask.shape
    spans: list[tuple[float, float]] = []
    for axis, s in enumerate(tight):
        margin = math.ceil(mm / spacing[axis] - 1e-9) + (voxels if axis else 0)
        spans.append((s.start - margin, s.stop + margin))
    if square:
        side = max((b - a) * d for (a, b), d in zip(spans[1:], spacing[1:], strict=True))
        for axis in (1, 2):
            a, b = spans[axis]
            half = (side / spacing[axis] - (b - a)) / 2
            spans[axis] = (math.floor(a - half + 1e-9), math.ceil(b + half - 1e-9))
    k, j, i = (
        slice(max(0, int(a)), min(n, int(b))) for (a, b), n in zip(spans, shape, strict=True)
    )
    return k, j, i
