# SPDX-License-Identifier: Apache-2.0
"""Radiotherapy structure sets: contours on slices as regions of voxels.

Source: DICOM PS3.3 C.8.8.6 (ROI Contour Module).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import EmptyRegionError, GeometryError, HepacastError, ImageFileError
from hepacast.core.events import Listener, Noticed, ignore
from hepacast.core.volume import Region
from hepacast.io.dicom.header import MALFORMED, open_dicom, quiet, spoken
from hepacast.io.dicom.seg import Segment, chosen_segments

if TYPE_CHECKING:
    from pathlib import Path

    from jaxtyping import Bool, Float
    from pydicom import Dataset

    from hepacast.core.geometry import Grid
    from hepacast.io.voxels import MaskRule


def list_structures(dataset: Dataset) -> tuple[Segment, ...]:
    """Return number and name of every structure."""
    return tuple(
        Segment(int(item.ROINumber), str(item.get("ROIName", "")).strip())
        for item in dataset.get("StructureSetROISequence") or []
    )


def read_rtstruct(
    path: Path, name: str, grid: Grid, rule: MaskRule, *, on_event: Listener = ignore
) -> Region:
    """Fill the contours of a structure on the slices of its image.

    A voxel is inside when its centre is; a contour within another one cuts a hole.

    Parameters
    ----------
    path : Path
        The structure set.
    name : str
        Name of the region.
    grid : Grid
        Grid of the image.
    rule : MaskRule
        ``label`` is the number or name of the structure.
    on_event : callable
        Told of slices without a contour between slices that have one.

    Raises
    ------
    ImageFileError
        If the structure is not there, or its contours are no closed polygons.
    GeometryError
        If a contour lies outside the image or oblique to its slices.
    EmptyRegionError
        If no voxel centre lies inside.
    """
    dataset = open_dicom(path)
    try:
        with quiet():
            numbers = chosen_segments(list_structures(dataset), rule)
            mask = np.zeros(grid.shape, dtype=bool)
            for item in dataset.get("ROIContourSequence") or []:
                if int(item.ReferencedROINumber) in numbers:
                    mask |= _filled(item, grid)
    except HepacastError as error:
        error.at(file=path)
        raise
    except MALFORMED as error:
        raise ImageFileError(
            what="a structure set must be complete",
            got=spoken(error),
            fix="The file is damaged: send it from the archive again.",
        ).at(file=path) from error
    if not mask.any() and not rule.allow_empty:
        raise EmptyRegionError(
            what="a structure needs at least one voxel centre inside",
            got="none",
            fix="Draw it again, or take the case out.",
        ).at(file=path, region=name)
    used = np.flatnonzero(mask.any(axis=(1, 2)))
    if used.size and used[-1] - used[0] + 1 > used.size:
        text = f"{used[-1] - used[0] + 1 - used.size} slices without contour inside {name}"
        on_event(Noticed(path.name, text))
    return Region(mask, grid, name)


def _filled(item: Dataset, grid: Grid) -> Bool[np.ndarray, "k j i"]:
    mask = np.zeros(grid.shape, dtype=bool)
    for contour in item.get("ContourSequence") or []:
        kind = str(contour.get("ContourGeometricType", ""))
        if kind == "POINT":
            continue
        if not kind.startswith("CLOSED"):
            raise ImageFileError(
                what="a structure is made of closed contours",
                got=f"{kind or 'no type'}",
                fix="Close the contours in the planning system.",
            )
        points = np.asarray(contour.ContourData, dtype=np.float64).reshape(-1, 3)
        index = grid.to_index(points)
        k = _slice_of(index[:, 0], grid, points)
        # Even-odd: drawing a hole's contour over its outline takes the hole out again.
        mask[k] ^= fill_polygon(index[:, 1:], (grid.shape[1], grid.shape[2]))
    return mask


def _slice_of(k: Float[np.ndarray, " point"], grid: Grid, points: np.ndarray) -> int:
    nearest = int(np.round(k.mean()))
    if np.abs(k - nearest).max() > 0.5 or not 0 <= nearest < grid.shape[0]:
        low, high = np.round(points.min(axis=0), 1), np.round(points.max(axis=0), 1)
        raise GeometryError(
            what="a contour must lie in one slice of the image",
            got=f"{low.tolist()} to {high.tolist()} mm (LPS), image {grid.describe()}",
            fix="Check that structure set and image belong to the same scan.",
        )
    return nearest


def fill_polygon(
    corners: Float[np.ndarray, "corner 2"], shape: tuple[int, int]
) -> Bool[np.ndarray, "j i"]:
    """Fill a polygon on a grid: inside are the pixels whose centre is.

    Parameters
    ----------
    corners : (corner, 2) float
        Continuous (row, column) indices; the last joins the first.
    shape : tuple of int
        Rows and columns.

    Examples
    --------
    >>> square = np.array([[0.5, 0.5], [0.5, 3.5], [2.5, 3.5], [2.5, 0.5]])
    >>> int(fill_polygon(square, (5, 5)).sum())
    6
    """
    inside = np.zeros(shape, dtype=bool)
    start, end = corners, np.roll(corners, -1, axis=0)
    columns = np.arange(shape[1])
    first = max(0, int(np.ceil(corners[:, 0].min())))
    last = min(shape[0] - 1, int(np.floor(corners[:, 0].max())))
    for row in range(first, last + 1):
        # Half-open, so that a corner on the row counts once.
        cross = (start[:, 0] <= row) != (end[:, 0] <= row)
        a, b = start[cross], end[cross]
        at = np.sort(a[:, 1] + (row - a[:, 0]) / (b[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1]))
        inside[row] = np.searchsorted(at, columns, side="right") % 2 == 1
    return inside
