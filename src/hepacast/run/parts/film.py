# SPDX-License-Identifier: Apache-2.0
"""From a contrast ultrasound clip to the one frame that is measured, with its evidence.

The frame of peak contrast is that of the fitted time-intensity curve of the lesion, not
of the raw one, whose maximum is the frame of the largest noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import PositiveFloat

from hepacast.core.errors import GeometryError, TableError
from hepacast.core.events import Noticed, ignore
from hepacast.core.params import Params
from hepacast.core.volume import Volume
from hepacast.imaging.perfusion import (
    Model,
    analyse_curve,
    displacements,
    fitted_curve,
    linearise,
    time_intensity,
)
from hepacast.io.clip import ClipOptions, read_clip
from hepacast.io.images import read_region
from hepacast.io.voxels import MaskRule

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hepacast.core.events import Listener
    from hepacast.core.volume import Region
    from hepacast.imaging.perfusion import Curve, Perfusion
    from hepacast.io.clip import Clip
    from hepacast.run.parts.rows import ImageRow

VIDEOS = {".mp4", ".avi", ".mov", ".m4v"}
_SAME_SPACING = 0.01


class FilmParams(Params):
    """How the frame of peak contrast is found in a clip."""

    read: ClipOptions = ClipOptions()
    """Pane with the contrast image, and what the clip does not say of itself."""
    tissue: ClipOptions | None = None
    """Pane with the tissue image beside it, in which motion is measured; the contrast pane is
    not used for that, because contrast itself looks like motion."""
    lesion: str = "tumour"
    """Mask whose mean intensity makes the curve."""
    drawn_on: str | None = None
    """Column of the case table with the frame, from 0, on which the masks were drawn; the peak
    frame if left out, and motion is then measured from the middle of the clip."""
    model: Model = "smooth"
    """Shape that is fitted; ``smooth`` assumes none.  Where the scanner's log compression makes a
    plateau, bolus models put its peak up to 15 s late on the phantom, and ``smooth`` does not."""
    gate_pixels: PositiveFloat = 12.0
    """Frames in which the lesion moved farther are left out."""
    dynamic_range_db: PositiveFloat | None = None
    """Undo the log compression of the scanner with this range; amplitudes stay relative if it is
    not known."""
    perfusion: bool = True
    """Measure peak, time to peak, wash-in, wash-out and area of the curve as features."""


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """What a clip gave, for the features and for the eye.

    Parameters
    ----------
    image : Volume
        The peak frame, one slice, on the grid of the masks.
    curve : Curve
        Of the lesion.
    fitted : (frame,) float
        The fitted curve at the kept frames.
    perfusion : Perfusion
        Parameters of the fit.
    lesion : Region
        Whose curve it is.
    """

    image: Volume
    curve: Curve
    fitted: np.ndarray
    perfusion: Perfusion
    lesion: Region


def is_film(path: Path) -> bool:
    """Tell a clip over time from an image: a video file, or a DICOM file of many flat frames."""
    if path.suffix.lower() in VIDEOS:
        return True
    if path.is_dir() or not path.is_file():
        return False
    with path.open("rb") as file:
        if file.read(132)[128:] != b"DICM":
            return False
    from hepacast.io.dicom.header import read_headers  # noqa: PLC0415 - loads slowly

    first = read_headers(path)[0]
    return first.frames > 1 and first.position is None and first.modality == "US"


def read_film(row: ImageRow, params: FilmParams, *, on_event: Listener = ignore) -> Film:
    """Find the peak frame of a clip.

    Parameters
    ----------
    row : ImageRow
        With the clip as image, and the mask of the lesion.
    params : FilmParams
        Settings.
    on_event : callable
        Told how the frame was found.

    Raises
    ------
    ImageFileError
        If the clip does not say when its frames were taken, or cannot be read.
    GeometryError
        If the mask has other pixels than the pane.
    NotEstimableError
        If there is no enhancement, or the model does not fit.
    """
    clip = read_clip(row.image, params.read)
    times = clip.require_times()
    lesion = _lesion(row, params, clip, on_event)
    still = lesion.mask[0]
    drawn_on = _reference(row, len(clip.frames))
    moved = None
    if params.tissue is not None:
        tissue = read_clip(row.image, params.tissue).frames
        moved = displacements(tissue, still, reference=drawn_on)
    frames: np.ndarray = clip.frames
    if params.dynamic_range_db is not None:
        frames = linearise(frames, params.dynamic_range_db)
    curve = time_intensity(frames, times, still, moved=moved, gate_pixels=params.gate_pixels)
    found = analyse_curve(curve, params.model)
    fitted = fitted_curve(curve, params.model)
    at = found.peak_frame
    plane = clip.frames[at].astype(np.float32)
    if moved is not None:
        # The masks stay where they were drawn; the frame comes to them.
        down, right = (round(float(step)) for step in moved[at])
        plane = _shifted(plane, -down, -right)
    text = f"peak frame {at} at {times[at]:.1f} s by the {params.model} fit (R2 {found.r2:.2f})"
    on_event(Noticed("clip", text))
    image = Volume(np.ascontiguousarray(plane[None]), lesion.grid)
    return Film(image, curve, fitted, found, lesion)


def perfusion_features(film: Film) -> Mapping[str, float]:
    """Name the parameters of the curve as features; amplitudes are relative grey levels."""
    seen = film.perfusion
    return {
        "Peak": seen.peak,
        "TimeToPeak": seen.time_to_peak_s,
        "Arrival": seen.arrival_s,
        "WashIn": seen.wash_in,
        "WashOut": seen.wash_out,
        "AreaUnderCurve": seen.auc,
    }


def _lesion(row: ImageRow, params: FilmParams, clip: Clip, on_event: Listener) -> Region:
    """Read the mask of the lesion and check that its pixels are those of the pane."""
    if params.lesion not in row.masks:
        raise TableError(
            what=f"a clip needs the mask {params.lesion!r} for its curve",
            got="an empty cell in the case table",
            fix="Give the mask's path, or name another mask in cases.film.lesion.",
        )
    drawn = row.masks[params.lesion]
    rule = MaskRule(label=drawn.label)
    lesion = read_region(drawn.path, params.lesion, rule=rule, on_event=on_event)
    shape = (1, *clip.frames.shape[1:])
    if lesion.grid.shape != shape:
        raise GeometryError(
            what="the mask of a clip has the pixels of its pane, in one slice",
            got=f"mask {lesion.grid.shape}, pane {shape}",
            fix="Draw it on a frame of this pane, or choose the pane in cases.film.read.",
        )
    own = clip.spacing_mm
    if own is not None:
        apart = np.abs(np.array(lesion.grid.spacing[1:]) / np.array(own) - 1)
        if apart.max() > _SAME_SPACING:
            raise GeometryError(
                what="the mask of a clip has the pixel size of its calibration",
                got=f"mask {lesion.grid.spacing[1:]} mm, clip {own} mm",
                fix="Save the mask with the clip's spacing, or declare cases.film.read.spacing_mm.",
            )
    return lesion


def _reference(row: ImageRow, frames: int) -> int | None:
    """Return the frame on which the masks were drawn."""
    if row.frame is None:
        return None
    if not 0 <= row.frame < frames:
        raise TableError(
            what="the frame on which a mask was drawn is one of the clip's, from 0",
            got=f"{row.frame} of {frames}",
            fix="Correct the column that cases.film.drawn_on names.",
        )
    return row.frame


def _shifted(plane: np.ndarray, down: int, right: int) -> np.ndarray:
    """Shift by whole pixels; what comes in repeats the border."""
    rows = np.clip(np.arange(plane.shape[0]) - down, 0, plane.shape[0] - 1)
    columns = np.clip(np.arange(plane.shape[1]) - right, 0, plane.shape[1] - 1)
    taken: np.ndarray = plane[np.ix_(rows, columns)]
    return taken
