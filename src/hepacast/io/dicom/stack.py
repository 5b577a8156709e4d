# SPDX-License-Identifier: Apache-2.0
"""From slice positions to a grid: spacing, gaps and gantry tilt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import GeometryError, ImageFileError
from hepacast.core.events import Listener, Noticed
from hepacast.core.geometry import Grid
from hepacast.io.dicom.sort import SAME_PLACE_MM, Series, positions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Float, Float32

    from hepacast.io.options import ReadOptions

_TILT_PIXELS = 0.5
"""Slices that slide by less than this over the whole stack count as upright."""


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """How the slices of a series lie in space.

    Parameters
    ----------
    grid : Grid
        Of the finished volume before any shear is removed.
    at : (slice,) float
        Distance of every slice from the first, mm, along the normal.
    shift : (slice, 2) float
        How far every slice has slid along its columns' and rows' direction (row
        index, column index), pixels; zero without gantry tilt.
    """

    grid: Grid
    at: Float[np.ndarray, " slice"]
    shift: Float[np.ndarray, "slice 2"]


def plan_stack(series: Series, options: ReadOptions, on_event: Listener) -> Stack:
    """Work out where the slices lie, and refuse what a volume cannot be made of.

    Raises
    ------
    GeometryError
        If orientation, position or spacing are missing, or slices are missing,
        uneven, or slide in no straight line.
    ImageFileError
        If several images share a place.
    """
    head = series.first
    spacing = options.spacing_mm[1:] if options.spacing_mm else head.spacing
    if spacing is None:
        raise GeometryError(
            what="an image must say how large its pixels are",
            got="neither PixelSpacing nor one calibrated ultrasound region",
            fix="Declare spacing_mm in the study file.",
        )
    if head.orientation is None or any(s.position is None for s in series.slices):
        return _unplaced(series, spacing, options, on_event)
    row, column = np.array(head.orientation[:3]), np.array(head.orientation[3:])
    normal = np.cross(row, column)
    along = positions(series.slices)
    _require_distinct(series, along)
    step = _step(series, along, options, on_event)
    shift = _shift(series, along, np.stack([column, row]), spacing, on_event)
    first = head.position
    assert first is not None  # noqa: S101 - checked above
    affine = np.eye(4)
    affine[:3, :3] = np.stack([normal * step, column * spacing[0], row * spacing[1]]).T
    affine[:3, 3] = first
    at = along - along[0]
    count = len(at) if len(at) == 1 else round(float(at[-1]) / step) + 1
    return Stack(Grid.from_affine(affine, (count, head.rows, head.columns)), at, shift)


def _unplaced(
    series: Series, spacing: Sequence[float], options: ReadOptions, on_event: Listener
) -> Stack:
    """Place a single image that has no position: ultrasound, a photograph."""
    if len(series.slices) > 1:
        raise GeometryError(
            what="the slices of a volume must have a position and an orientation",
            got=f"{len(series.slices)} slices without them",
            fix="Take another series; these images cannot be stacked.",
        )
    depth = options.spacing_mm[0] if options.spacing_mm else series.first.thickness or 1.0
    on_event(Noticed(f"series {series.uid}", "no position: the image is put at 0, 0, 0"))
    shape = (1, series.first.rows, series.first.columns)
    grid = Grid(shape, (depth, spacing[0], spacing[1]))
    return Stack(grid, np.zeros(1), np.zeros((1, 2)))


def _require_distinct(series: Series, along: Float[np.ndarray, " slice"]) -> None:
    shared = np.flatnonzero(np.diff(along) < SAME_PLACE_MM)
    if shared.size:
        names = ", ".join(series.slices[n + 1].file.name for n in shared[:4].tolist())
        raise ImageFileError(
            what="every slice of a stack has its own place",
            got=f"{shared.size} different images at a place that is taken, the first are {names}",
            fix="Separate the phases, or remove the repeated slices.",
        )


def _step(
    series: Series, along: Float[np.ndarray, " slice"], options: ReadOptions, on_event: Listener
) -> float:
    """Distance between slices, mm."""
    if len(along) == 1:
        if options.spacing_mm:
            return options.spacing_mm[0]
        if series.first.thickness is None:
            on_event(Noticed(f"series {series.uid}", "one slice without thickness: 1 mm is used"))
        return series.first.thickness or 1.0
    steps = np.diff(along)
    middle = float(np.median(steps))
    off = np.flatnonzero(np.abs(steps - middle) > np.maximum(0.01 * middle, 0.02))
    if off.size == 0:
        return float(along[-1] - along[0]) / (len(along) - 1)
    missing = steps / middle
    if np.all(np.abs(missing - np.round(missing)) < 0.05) and np.all(np.round(missing) >= 1):
        _gaps(series, along, np.round(missing).astype(int) - 1, options, on_event)
    elif not options.even_out:
        raise GeometryError(
            what="slices must be evenly spaced (within 1 %)",
            got=f"steps of {steps.min():.3g} to {steps.max():.3g} mm, {middle:.3g} in the middle",
            fix="Take another series, or declare even_out: true to resample it.",
        )
    else:
        text = (
            f"slices {steps.min():.3g} to {steps.max():.3g} mm apart resampled to {middle:.3g} mm"
        )
        on_event(Noticed(f"series {series.uid}", text))
        return float(along[-1] - along[0]) / max(1, round(float(along[-1] - along[0]) / middle))
    return float(along[-1] - along[0]) / int(np.round(missing).sum())


def _gaps(
    series: Series,
    along: Float[np.ndarray, " slice"],
    missing: np.ndarray,
    options: ReadOptions,
    on_event: Listener,
) -> None:
    where = ", ".join(f"{along[n]:.5g}" for n in np.flatnonzero(missing)[:4].tolist())
    count = int(missing.sum())
    if not options.fill_gaps or missing.max() > 1:
        raise GeometryError(
            what="a series must have all its slices",
            got=f"{count} missing after position {where} mm, at most {int(missing.max())} in a row",
            fix="Send the series again; single missing slices can be interpolated (fill_gaps).",
        )
    on_event(Noticed(f"series {series.uid}", f"{count} missing slices interpolated at {where} mm"))


def _shift(
    series: Series,
    along: Float[np.ndarray, " slice"],
    plane: Float[np.ndarray, "2 3"],
    spacing: Sequence[float],
    on_event: Listener,
) -> Float[np.ndarray, "slice 2"]:
    places = np.asarray([s.position for s in series.slices], dtype=np.float64)
    shift: Float[np.ndarray, "slice 2"] = (places - places[0]) @ plane.T / np.asarray(spacing)
    worst = np.abs(shift).max()
    if worst <= _TILT_PIXELS or len(along) < 2:
        return np.zeros_like(shift)
    at = along - along[0]
    slope = (at @ shift) / (at @ at)
    if np.abs(shift - np.outer(at, slope)).max() > _TILT_PIXELS:
        raise GeometryError(
            what="the slices of a stack must lie on one straight line",
            got=f"slices that slide by up to {worst:.1f} pixels, unevenly",
            fix="The series mixes stacks: separate them.",
        )
    tilt = np.degrees(np.arctan(np.linalg.norm(slope * np.asarray(spacing))))
    on_event(Noticed(f"series {series.uid}", f"gantry tilt of {tilt:.1f} degrees was removed"))
    return shift


def assemble(
    slices: Float32[np.ndarray, "slice j i"], stack: Stack, fill: float
) -> tuple[Float32[np.ndarray, "k j i"], Grid]:
    """Make the volume: shear removed, gaps and uneven steps interpolated.

    Parameters
    ----------
    slices : (slice, row, column) float32
        In order of position.
    stack : Stack
        From :func:`plan_stack`.
    fill : float
        Value of corners that the tilted gantry did not see.

    Returns
    -------
    data : (k, j, i) float32
    grid : Grid
    """
    grid = stack.grid
    if np.any(stack.shift):
        slices, grid = _upright(slices, stack, fill)
    wanted = np.arange(grid.shape[0]) * grid.spacing[0]
    if len(wanted) == len(stack.at) and np.allclose(wanted, stack.at, atol=0.05 * grid.spacing[0]):
        return slices, grid
    above = np.clip(np.searchsorted(stack.at, wanted), 1, len(stack.at) - 1)
    low, high = stack.at[above - 1], stack.at[above]
    t = np.clip((wanted - low) / (high - low), 0, 1).astype(np.float32)[:, None, None]
    return slices[above - 1] * (1 - t) + slices[above] * t, grid


def _upright(
    slices: Float32[np.ndarray, "slice j i"], stack: Stack, fill: float
) -> tuple[Float32[np.ndarray, "slice j i"], Grid]:
    """Slide every slice back to the normal through the first, on a canvas that holds all."""
    from scipy.ndimage import shift as slide  # noqa: PLC0415 - scipy loads slowly

    before = np.ceil(np.maximum(0, -stack.shift.min(axis=0)) - 1e-6).astype(int)
    after = np.ceil(np.maximum(0, stack.shift.max(axis=0)) - 1e-6).astype(int)
    rows, columns = np.array(slices.shape[1:]) + before + after
    out = np.empty((len(slices), rows, columns), dtype=np.float32)
    for n, (plane, by) in enumerate(zip(slices, stack.shift, strict=True)):
        padded = np.pad(plane, list(zip(before, after, strict=True)), constant_values=fill)
        slide(padded, by, output=out[n], order=1, mode="constant", cval=fill)
    start = (0, -int(before[0]), -int(before[1]))
    stop = (stack.grid.shape[0], start[1] + int(rows), start[2] + int(columns))
    k, j, i = (slice(a, b) for a, b in zip(start, stop, strict=True))
    return out, stack.grid.crop((k, j, i))
