# SPDX-License-Identifier: Apache-2.0
"""The grid that a network's picture lies on, and the scale of its intensities."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field as Setting
from pydantic import PositiveFloat, model_validator

from hepacast.core.errors import ImageFileError
from hepacast.core.params import Params

if TYPE_CHECKING:
    from jaxtyping import Float32

    from hepacast.core.geometry import Grid
    from hepacast.core.volume import Box

Percentile = Annotated[float, Setting(ge=0, le=100)]


class ScaleParams(Params):
    """How intensities become numbers between 0 and 1."""

    window: tuple[float, PositiveFloat] | None = None
    """Level and width, in the modality's unit: for CT, where numbers mean the same everywhere."""
    percentiles: tuple[Percentile, Percentile] = (1.0, 99.0)
    """Of the picture itself, all its slices together; used without a window, as for MR."""

    @model_validator(mode="after")
    def _rising(self) -> ScaleParams:
        """Ask for a low and a high end."""
        if self.percentiles[0] >= self.percentiles[1]:
            msg = f"percentiles must rise, got {self.percentiles}"
            raise ValueError(msg)
        return self


def scaled(
    data: Float32[np.ndarray, "*space"], params: ScaleParams
) -> Float32[np.ndarray, "*space"]:
    """Return intensities between 0 and 1, those beyond the ends cut off.

    Parameters
    ----------
    data : (..., j, i) float32
        Modality units; resampled already.
    params : ScaleParams
        Where 0 and 1 lie.

    Raises
    ------
    ImageFileError
        If the picture is flat between its percentiles: nothing could be seen in it.

    Examples
    --------
    >>> window = ScaleParams(window=(100.0, 200.0))
    >>> scaled(np.array([-50.0, 50.0, 100.0, 300.0], np.float32), window).tolist()
    [0.0, 0.25, 0.5, 1.0]
    """
    if params.window is not None:
        level, width = params.window
        low, high = level - width / 2, level + width / 2
    else:
        low, high = (float(end) for end in np.percentile(data, params.percentiles))
        if not low < high:
            raise ImageFileError(
                what="a picture needs more than one grey level",
                got=f"{low:g} at both percentiles {params.percentiles}",
                fix="Check the image, or give a window.",
            )
    cut: Float32[np.ndarray, "*space"] = np.clip((data - low) / (high - low), 0, 1)
    return cut.astype(np.float32)


def cover_slices(grid: Grid, box: Box, side: int) -> Grid:
    """Return the grid of square pictures of some slices, with the same centre as a box.

    Parameters
    ----------
    grid : Grid
        Of the image.
    box : tuple of slice
        Slices to show, and the part of the plane.
    side : int
        Pixels of each side; the longer side of the box fills it.

    Examples
    --------
    >>> from hepacast.core.geometry import Grid
    >>> whole = Grid((9, 100, 100), (5.0, 0.5, 0.5))
    >>> shown = cover_slices(whole, (slice(3, 6), slice(10, 42), slice(20, 40)), 64)
    >>> shown.shape, shown.spacing
    ((3, 64, 64), (5.0, 0.25, 0.25))
    """
    k, j, i = box
    long = max((s.stop - s.start) * d for s, d in zip((j, i), grid.spacing[1:], strict=True))
    step = long / side
    shape, spacing = (k.stop - k.start, side, side), (grid.spacing[0], step, step)
    return _centred(grid, box, shape, spacing)


def cover_box(grid: Grid, box: Box, side: int, spacing_mm: float) -> Grid:
    """Return the grid of a cube with the same centre as a box.

    Parameters
    ----------
    grid : Grid
        Of the image.
    box : tuple of slice
        What must be shown whole.
    side : int
        Voxels of each side.
    spacing_mm : float
        Voxel size, mm; larger only where the box would not fit.

    Examples
    --------
    >>> from hepacast.core.geometry import Grid
    >>> whole = Grid((40, 100, 100), (3.0, 1.0, 1.0))
    >>> cover_box(whole, (slice(0, 9), slice(0, 30), slice(0, 30)), 64, 1.0).spacing
    (1.0, 1.0, 1.0)
    >>> cover_box(whole, (slice(0, 9), slice(0, 96), slice(0, 30)), 64, 1.0).spacing
    (1.5, 1.5, 1.5)
    """
    long = max((s.stop - s.start) * d for s, d in zip(box, grid.spacing, strict=True))
    step = max(spacing_mm, long / side)
    return _centred(grid, box, (side, side, side), (step, step, step))


def _centred(
    grid: Grid, box: Box, shape: tuple[int, int, int], spacing: tuple[float, float, float]
) -> Grid:
    """Lay a grid of another shape and spacing around the middle of a box."""
    first = [
        (s.start + s.stop - 1) / 2 - (n - 1) / 2 * new / old
        for s, n, new, old in zip(box, shape, spacing, grid.spacing, strict=True)
    ]
    x, y, z = grid.to_world(first).tolist()
    return replace(grid, shape=shape, spacing=spacing, origin=(x, y, z))
