# SPDX-License-Identifier: Apache-2.0
"""DICOM segmentations as regions, and regions as DICOM segmentations.

Source: DICOM PS3.3 A.51 and C.8.20 (Segmentation IOD and modules).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import GeometryError, HepacastError, ImageFileError
from hepacast.core.geometry import Grid
from hepacast.core.volume import Region
from hepacast.io.dicom.header import (
    MALFORMED,
    SliceHeader,
    open_dicom,
    quiet,
    read_headers,
    spoken,
)
from hepacast.io.dicom.pixels import require_codec
from hepacast.io.streams import require_size

if TYPE_CHECKING:
    from pathlib import Path

    from jaxtyping import Bool
    from pydicom import Dataset

    from hepacast.io.voxels import MaskRule

_OFF_VOXELS = 0.05
"""How far a frame may lie from the image's own voxels."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment of a segmentation object.

    Parameters
    ----------
    number : int
        SegmentNumber.
    label : str
        SegmentLabel.
    """

    number: int
    label: str


def list_segments(dataset: Dataset) -> tuple[Segment, ...]:
    """Return the segments of a segmentation, in order of their number."""
    found = [
        Segment(int(item.SegmentNumber), str(item.get("SegmentLabel", "")).strip())
        for item in dataset.get("SegmentSequence") or []
    ]
    return tuple(sorted(found, key=lambda segment: segment.number))


def read_seg(path: Path, name: str, grid: Grid | None, rule: MaskRule) -> Region:
    """Read one segment (or several) of a segmentation object as a region.

    Parameters
    ----------
    path : Path
        BINARY, FRACTIONAL (with a threshold between 0 and 1) or LABELMAP.
    name : str
        Name of the region.
    grid : Grid or None
        Grid of the image; ``None`` takes the grid that the frames span.
    rule : MaskRule
        ``label`` is a segment number, several, or a segment label; ``None`` if
        there is one segment only.

    Raises
    ------
    ImageFileError
        If the segment is not there, or the file is damaged.
    GeometryError
        If the frames do not lie on the image's voxels.
    """
    dataset = open_dicom(path)
    try:
        with quiet():
            numbers = chosen_segments(list_segments(dataset), rule)
            frames = _frames(dataset, numbers, rule)
            headers = read_headers(path)
            target = grid or _own_grid(headers)
            mask = np.zeros(target.shape, dtype=bool)
            for header, plane in zip(headers, frames, strict=True):
                if plane is not None:
                    _place(mask, target, header, plane)
    except HepacastError as error:
        error.at(file=path)
        raise
    except MALFORMED as error:
        raise ImageFileError(
            what="a segmentation must be complete",
            got=spoken(error),
            fix="The file is damaged: send it from the archive again.",
        ).at(file=path) from error
    return Region(mask, target, name)


def chosen_segments(segments: tuple[Segment, ...], rule: MaskRule) -> tuple[int, ...]:
    """Return the numbers of the segments that a rule means.

    Raises
    ------
    ImageFileError
        If the rule names none or more than the object has.
    """
    listing = ", ".join(f"{s.number} {s.label!r}" for s in segments)
    wanted: tuple[int, ...]
    if rule.label is None:
        wanted = tuple(s.number for s in segments)
        if len(wanted) == 1:
            return wanted
        wanted = ()
    elif isinstance(rule.label, str):
        wanted = tuple(s.number for s in segments if s.label.lower() == rule.label.lower())
    else:
        labels = rule.label if isinstance(rule.label, tuple) else (rule.label,)
        known = {s.number for s in segments}
        wanted = tuple(labels) if known.issuperset(labels) else ()
    if not wanted:
        raise ImageFileError(
            what="the study file must say which segment is meant",
            got=f"{rule.label!r}; the object has {listing}",
            fix="Declare its number or its label.",
        )
    return wanted


def _frames(
    dataset: Dataset, numbers: tuple[int, ...], rule: MaskRule
) -> list[Bool[np.ndarray, "j i"] | None]:
    """Masks of the frames that belong to the segments, ``None`` for the others."""
    from pydicom.pixels.utils import pixel_array  # noqa: PLC0415 - loads slowly

    plugin = require_codec(dataset)
    count = int(dataset.get("NumberOfFrames") or 1)
    require_size(count * int(dataset.Rows) * int(dataset.Columns))
    pixels = np.asarray(pixel_array(dataset, decoding_plugin=plugin)).reshape(
        count, dataset.Rows, dataset.Columns
    )
    kind = str(dataset.get("SegmentationType", "BINARY"))
    if kind == "LABELMAP":
        return list(np.isin(pixels, numbers))
    inside = pixels > 0
    if kind == "FRACTIONAL":
        if rule.threshold is None:
            raise ImageFileError(
                what="a fractional segmentation needs a threshold",
                got="none",
                fix="Declare one between 0 and 1 in the study file.",
            )
        inside = pixels > rule.threshold * float(dataset.get("MaximumFractionalValue") or 255)
    shared = dataset.get("SharedFunctionalGroupsSequence") or [{}]
    frames: list[Bool[np.ndarray, "j i"] | None] = []
    for plane, group in zip(inside, dataset.PerFrameFunctionalGroupsSequence, strict=True):
        identity = group.get("SegmentIdentificationSequence") or shared[0].get(
            "SegmentIdentificationSequence"
        )
        number = int(identity[0].ReferencedSegmentNumber)
        frames.append(plane if number in numbers else None)
    return frames


def _plane_axes(header: SliceHeader) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if header.orientation is None or header.position is None or header.spacing is None:
        raise GeometryError(
            what="the frames of a segmentation must have a place",
            got="no position, orientation or spacing",
            fix="Export the segmentation again.",
        )
    row, column = np.array(header.orientation[:3]), np.array(header.orientation[3:])
    return row, column, np.array(header.position)


def _own_grid(headers: tuple[SliceHeader, ...]) -> Grid:
    """Grid that the frames span; slices without a frame lie between them."""
    head = headers[0]
    row, column, _ = _plane_axes(head)
    normal = np.cross(row, column)
    places = np.array([_plane_axes(header)[2] for header in headers])
    along = np.unique(np.round(places @ normal, 3))
    steps = np.diff(along)
    step = float(steps.min()) if steps.size else head.thickness or 1.0
    spacing = head.spacing
    assert spacing is not None  # noqa: S101 - checked with the axes
    affine = np.eye(4)
    affine[:3, :3] = np.stack([normal * step, column * spacing[0], row * spacing[1]]).T
    affine[:3, 3] = places[np.argmin(places @ normal)]
    count = round(float(along[-1] - along[0]) / step) + 1
    require_size(count * head.rows * head.columns)
    return Grid.from_affine(affine, (count, head.rows, head.columns))


def _place(
    mask: Bool[np.ndarray, "k j i"], grid: Grid, header: SliceHeader, plane: np.ndarray
) -> None:
    """Put one frame on the grid's voxels, turned and flipped as its axes say."""
    row, column, corner = _plane_axes(header)
    down, right = header.spacing or (1.0, 1.0)
    start = grid.to_index(corner)
    across = (
        grid.to_index(corner + column * down) - start,
        grid.to_index(corner + row * right) - start,
    )
    rows, columns = np.nonzero(plane)
    exact = start + rows[:, None] * across[0] + columns[:, None] * across[1]
    index = np.round(exact).astype(np.intp)
    if exact.size == 0:
        return
    outside = np.any(index < 0) or np.any(index >= np.asarray(grid.shape))
    if outside or np.abs(exact - index).max() > _OFF_VOXELS:
        raise GeometryError(
            what="segmentation and image must lie on one grid",
            got=f"a frame at {np.round(corner, 2).tolist()} mm, image {grid.describe()}",
            fix="Read it without a grid and resample it, or segment this image.",
        )
    mask[tuple(index.T)] = True
