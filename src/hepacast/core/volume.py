# SPDX-License-Identifier: Apache-2.0
"""An image, a region, and the grid they live on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import numpy as np

from hepacast.core.errors import EmptyRegionError, GeometryError

if TYPE_CHECKING:
    from jaxtyping import Bool, Float32

    from hepacast.core.geometry import Grid

    Intensity = Annotated[Float32[np.ndarray, "k j i"], "modality units: HU, a.u. or dB"]

Box = tuple[slice, slice, slice]


def _freeze(data: np.ndarray, grid: Grid) -> None:
    """Check the shape and make the array read-only."""
    if data.shape != grid.shape:
        raise GeometryError(
            what="array and grid disagree",
            got=f"array {data.shape}, grid {grid.shape}",
            fix="Pass the grid that the array was resampled to.",
        )
    data.flags.writeable = False


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """Voxel intensities on a grid; the array is read-only from the start.

    Parameters
    ----------
    data : (k, j, i) float32
        Intensities in the modality's unit (HU, arbitrary units, grey levels).
    grid : Grid
        Where the voxels sit.
    """

    data: Intensity
    grid: Grid

    def __post_init__(self) -> None:
        """Check the shape and freeze the array."""
        _freeze(self.data, self.grid)

    def crop(self, box: Box) -> Volume:
        """Cut a box out, with its grid."""
        return Volume(self.data[box], self.grid.crop(box))


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A set of voxels on a grid, with its name.

    Parameters
    ----------
    mask : (k, j, i) bool
        True inside.
    grid : Grid
        Where the voxels sit.
    name : str
        What the study file calls it.
    """

    mask: Bool[np.ndarray, "k j i"]
    grid: Grid
    name: str = "region"

    def __post_init__(self) -> None:
        """Check the shape and freeze the array."""
        _freeze(self.mask, self.grid)

    @property
    def size(self) -> int:
        """Voxels inside."""
        return int(np.count_nonzero(self.mask))

    @property
    def volume_ml(self) -> float:
        """Volume by voxel counting, mL."""
        return self.size * self.grid.voxel_volume_mm3 / 1000.0

    def box(self, margin_voxels: int = 0) -> Box:
        """Smallest box around the region, widened by a margin and kept inside the grid.

        Raises
        ------
        EmptyRegionError
            If the region has no voxel.
        """
        slices = []
        for axis, length in enumerate(self.mask.shape):
            others = tuple(a for a in range(3) if a != axis)
            hits = np.flatnonzero(self.mask.any(axis=others))
            if hits.size == 0:
                raise EmptyRegionError(
                    what="a region needs at least one voxel",
                    got="an empty mask",
                    fix="Draw the region, or take the case out of the case table.",
                ).at(region=self.name)
            start = max(0, int(hits[0]) - margin_voxels)
            slices.append(slice(start, min(length, int(hits[-1]) + 1 + margin_voxels)))
        k, j, i = slices
        return k, j, i

    def crop(self, box: Box) -> Region:
        """Cut a box out, with its grid."""
        return Region(self.mask[box], self.grid.crop(box), self.name)

    def named(self, name: str) -> Region:
        """Return the same voxels under another name."""
        return replace(self, name=name)
