# SPDX-License-Identifier: Apache-2.0
"""Where voxels sit in the patient."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import GeometryError

if TYPE_CHECKING:
    from jaxtyping import Float

Triple = tuple[float, float, float]
Axes = tuple[Triple, Triple, Triple]

UPRIGHT: Axes = ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))
"""Axes of an axial scan without rotation: k runs to the head, j to the back, i to the left."""


@dataclass(frozen=True, slots=True)
class Grid:
    """A regular voxel grid in patient space (LPS, millimetres).

    Parameters
    ----------
    shape : tuple of int
        Voxels along (k, j, i): slice, row, column.
    spacing : tuple of float
        Centre-to-centre distance along (k, j, i), mm.
    origin : tuple of float
        Centre of voxel (0, 0, 0) as (x, y, z) in LPS, mm.
    axes : tuple of three tuples
        Unit vectors (x, y, z) in LPS along k, j and i, mutually perpendicular.

    Raises
    ------
    GeometryError
        If no scanner could have produced the grid.

    Examples
    --------
    >>> Grid((2, 3, 4), (5.0, 1.0, 1.0)).to_world((1, 0, 2)).tolist()
    [2.0, 0.0, 5.0]
    """

    shape: tuple[int, int, int]
    spacing: Triple
    origin: Triple = (0.0, 0.0, 0.0)
    axes: Axes = UPRIGHT

    def __post_init__(self) -> None:
        """Refuse a grid that no scanner could have produced."""
        if min(self.shape) < 1:
            raise GeometryError(
                what="a grid needs at least one voxel along every axis",
                got=f"shape_kji={self.shape}",
                fix="Check the file: a 2D image is a volume of one slice.",
            )
        if not all(np.isfinite(s) and s > 0 for s in self.spacing):
            raise GeometryError(
                what="voxel spacing must be positive on every axis",
                got=f"spacing_kji={self.spacing} mm",
                fix="Read the series again: PixelSpacing or the slice positions are missing.",
            )
        if not np.allclose(self._axes @ self._axes.T, np.eye(3), atol=1e-4):
            raise GeometryError(
                what="grid axes must be perpendicular unit vectors",
                got=f"axes_kji={self.axes}",
                fix="A sheared grid (gantry tilt) must be resampled before use.",
            )

    @property
    def _axes(self) -> Float[np.ndarray, "3 3"]:
        return np.asarray(self.axes, dtype=np.float64)

    @property
    def voxel_volume_mm3(self) -> float:
        """Volume of one voxel, mm3."""
        k, j, i = self.spacing
        return k * j * i

    @property
    def affine(self) -> Float[np.ndarray, "4 4"]:
        """Matrix from index (k, j, i, 1) to LPS (x, y, z, 1), mm."""
        matrix = np.eye(4)
        matrix[:3, :3] = self._axes.T * np.asarray(self.spacing)
        matrix[:3, 3] = self.origin
        return matrix

    @classmethod
    def from_affine(cls, affine: Float[np.ndarray, "4 4"], shape: tuple[int, int, int]) -> Grid:
        """Read the grid of a (k, j, i, 1) to LPS matrix; the inverse of :attr:`affine`."""
        steps = np.asarray(affine, dtype=np.float64)[:3, :3].T
        spacing = np.linalg.norm(steps, axis=1)
        if not np.all(np.isfinite(spacing) & (spacing > 0)):
            raise GeometryError(
                what="an affine needs three axes of positive length",
                got=np.array2string(np.asarray(affine), precision=4),
                fix="Check the header of the file that it came from.",
            )
        k, j, i = (steps / spacing[:, None]).tolist()
        return cls(
            shape=shape,
            spacing=(float(spacing[0]), float(spacing[1]), float(spacing[2])),
            origin=(float(affine[0, 3]), float(affine[1, 3]), float(affine[2, 3])),
            axes=((k[0], k[1], k[2]), (j[0], j[1], j[2]), (i[0], i[1], i[2])),
        )

    def to_world(self, index: object) -> Float[np.ndarray, "... 3"]:
        """Centre of voxels at (k, j, i), as (x, y, z) in LPS, mm."""
        steps = np.asarray(index, dtype=np.float64) * np.asarray(self.spacing)
        point: Float[np.ndarray, "... 3"] = np.asarray(self.origin) + steps @ self._axes
        return point

    def to_index(self, point: object) -> Float[np.ndarray, "... 3"]:
        """Continuous (k, j, i) index of points (x, y, z) in LPS, mm."""
        offset = np.asarray(point, dtype=np.float64) - np.asarray(self.origin)
        index: Float[np.ndarray, "... 3"] = (offset @ self._axes.T) / np.asarray(self.spacing)
        return index

    def crop(self, box: tuple[slice, slice, slice]) -> Grid:
        """Grid of the part that ``box`` (slices along k, j, i with explicit ends) cuts out."""
        start = tuple(s.start for s in box)
        k, j, i = (s.stop - s.start for s in box)
        x, y, z = self.to_world(start).tolist()
        return replace(self, shape=(k, j, i), origin=(x, y, z))

    def distance_mm(self, other: Grid) -> float:
        """Largest distance between equal corners of two grids of one shape, mm."""
        if self.shape != other.shape:
            return float("inf")
        ends = [(0, n - 1) for n in self.shape]
        corners = np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(-1, 3)
        gaps = self.to_world(corners) - other.to_world(corners)
        return float(np.linalg.norm(gaps, axis=1).max())

    def require_same(self, other: Grid, *, what: str, tolerance_mm: float = 1e-3) -> None:
        """Raise :class:`GeometryError` unless both grids are one within the tolerance.

        Parameters
        ----------
        other : Grid
            The grid to compare with.
        what : str
            What is being compared, for the message: ``"image and mask tumour"``.
        tolerance_mm : float
            Largest distance between equal corners, mm.
        """
        if self.distance_mm(other) > tolerance_mm:
            raise GeometryError(
                what=f"{what} must lie on one grid (within {tolerance_mm:g} mm)",
                got=f"{self.describe()} against {other.describe()}",
                fix="Resample the mask to its image (nearest neighbour), or draw it again.",
            )

    def describe(self) -> str:
        """One line for messages: shape, spacing and origin."""
        spacing = " x ".join(f"{s:.4g}" for s in self.spacing)
        origin = ", ".join(f"{o:.5g}" for o in self.origin)
        return f"{self.shape} voxels of {spacing} mm at ({origin})"
