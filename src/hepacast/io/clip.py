# SPDX-License-Identifier: Apache-2.0
"""Ultrasound clips: frames over time from DICOM, AVI or MP4, pane by pane."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from hepacast.core.errors import GeometryError, HepacastError, ImageFileError
from hepacast.core.params import Params
from hepacast.io.dicom.header import MALFORMED, open_dicom, quiet, spoken
from hepacast.io.dicom.pixels import require_codec
from hepacast.io.streams import require_size, unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jaxtyping import Float, UInt8
    from pydicom import Dataset

# MPEG-2, MPEG-4 AVC and HEVC are numbered in one row (PS3.5 A.4.5 to A.4.14).
MPEG = tuple(f"1.2.840.10008.1.2.4.{n}" for n in range(100, 109))
_FRAME_LIMIT = 20_000
# JPEG turns equal channels into nearly equal ones; a tint or an overlay is far above this.
_GREY_TOLERANCE = 12
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


class ClipOptions(Params):
    """What to do where a clip leaves a choice."""

    pane: int | None = None
    """Which calibrated region of the screen to take, from 0, left to right."""
    box: tuple[int, int, int, int] | None = None
    """Or which part of the screen: first row, end row, first column, end column."""
    spacing_mm: tuple[float, float] | None = None
    """Distance of rows and of columns, mm, for clips without calibration."""
    frame_time_s: float | None = None
    """Time between frames, for clips that do not say it."""
    colour: Literal["refuse", "luminance"] = "refuse"
    """Tinted contrast maps have to be declared; Doppler and overlays stay refused by default."""


_STRICT = ClipOptions()


@dataclass(frozen=True, slots=True)
class Pane:
    """A calibrated region of the screen (PS3.3 C.8.5.5).

    Parameters
    ----------
    box : tuple of int
        First row, end row, first column, end column.
    spacing_mm : tuple of float or None
        Distance of rows and of columns, mm; ``None`` if it is no image of tissue.
    """

    box: tuple[int, int, int, int]
    spacing_mm: tuple[float, float] | None


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """Frames over time.

    Parameters
    ----------
    frames : (frame, j, i) uint8
        Grey values, log-compressed by the scanner: relative, not linear.
    times_s : (frame,) float or None
        Since the first frame; ``None`` if the clip does not say.
    spacing_mm : tuple of float or None
        Distance of rows and of columns, mm; ``None`` leaves shape undefined.
    """

    frames: UInt8[np.ndarray, "frame j i"]
    times_s: Float[np.ndarray, " frame"] | None
    spacing_mm: tuple[float, float] | None

    def require_times(self) -> Float[np.ndarray, " frame"]:
        """Return the times, or refuse what needs them.

        Raises
        ------
        ImageFileError
            If the clip does not say when its frames were taken.
        """
        if self.times_s is None:
            raise ImageFileError(
                what="a time-intensity curve needs the times of the frames",
                got="a clip without FrameTime, FrameTimeVector or frame rate",
                fix="Declare frame_time_s in the study file.",
            )
        return self.times_s

    def require_spacing(self) -> tuple[float, float]:
        """Return the pixel spacing, or refuse what needs it.

        Raises
        ------
        GeometryError
            If the clip is not calibrated.
        """
        if self.spacing_mm is None:
            raise GeometryError(
                what="sizes in millimetres need a calibrated clip",
                got="no calibrated ultrasound region",
                fix="Declare spacing_mm in the study file, or leave shape features out.",
            )
        return self.spacing_mm


def list_panes(dataset: Dataset) -> tuple[Pane, ...]:
    """Return the tissue images of the screen, left to right."""
    panes = []
    for region in dataset.get("SequenceOfUltrasoundRegions") or []:
        if region.get("RegionSpatialFormat", 1) != 1:
            continue
        rows = int(region.RegionLocationMinY0), int(region.RegionLocationMaxY1) + 1
        columns = int(region.RegionLocationMinX0), int(region.RegionLocationMaxX1) + 1
        centimetres = region.get("PhysicalUnitsXDirection") == 3
        y, x = region.get("PhysicalDeltaY"), region.get("PhysicalDeltaX")
        spacing = (10 * abs(float(y)), 10 * abs(float(x))) if centimetres and x and y else None
        panes.append(Pane((*rows, *columns), spacing))
    return tuple(sorted(set(panes), key=lambda pane: (pane.box[2], pane.box[0])))


def read_clip(path: Path | str, options: ClipOptions = _STRICT) -> Clip:
    """Read a clip.

    Parameters
    ----------
    path : Path or str
        A multi-frame DICOM file (JPEG, JPEG 2000, RLE, MPEG-2, MPEG-4, HEVC or raw),
        an AVI or an MP4 file.
    options : ClipOptions
        Decisions for clips that leave a choice.

    Raises
    ------
    ImageFileError
        If the clip is damaged, in colour, or has several panes and none is chosen.

    Notes
    -----
    Colours are decoded to RGB before they are made grey: taken raw, the channels of
    a JPEG clip are brightness and colour, and their mean is 69 grey levels off.
    """
    place = Path(path)
    try:
        with place.open("rb") as file:
            start = file.read(132)
    except OSError as error:
        raise unreadable(place, error) from error
    try:
        if start[128:] == b"DICM":
            return _read_dicom(place, options)
        return _read_video(place, options)
    except HepacastError as error:
        error.at(file=path)
        raise
    except MALFORMED as error:
        raise ImageFileError(
            what="a clip must be complete",
            got=spoken(error),
            fix="The file is damaged: export it again.",
        ).at(file=path) from error


def _read_dicom(path: Path, options: ClipOptions) -> Clip:
    dataset = open_dicom(path)
    with quiet():
        count = int(dataset.get("NumberOfFrames") or 1)
        rows, columns = int(dataset.Rows), int(dataset.Columns)
        require_size(count * rows * columns)
        pane = _chosen_pane(list_panes(dataset), options, (rows, columns))
        if dataset.file_meta.TransferSyntaxUID in MPEG:
            source: Iterable[np.ndarray] = mpeg_frames(dataset)
        else:
            source = _dicom_frames(dataset, require_codec(dataset))
        frames = _grey_frames(source, pane.box, options)
        times = _dicom_times(dataset, len(frames), options)
    return Clip(frames, times, options.spacing_mm or pane.spacing_mm)


def _chosen_pane(panes: tuple[Pane, ...], options: ClipOptions, screen: tuple[int, int]) -> Pane:
    whole = (0, screen[0], 0, screen[1])
    if options.box is not None:
        inside = [p for p in panes if _within(options.box, p.box)]
        pane = Pane(options.box, inside[0].spacing_mm if inside else None)
    elif options.pane is not None and options.pane < len(panes):
        pane = panes[options.pane]
    elif len(panes) > 1 or options.pane is not None:
        listing = "; ".join(f"{n}: rows and columns {p.box}" for n, p in enumerate(panes))
        raise ImageFileError(
            what="the study file must say which pane of the screen is meant",
            got=f"{len(panes)} panes ({listing})",
            fix="Declare pane (contrast and tissue image lie side by side) or box.",
        )
    else:
        pane = panes[0] if panes else Pane(whole, None)
    if not _within(pane.box, whole) or pane.box[0] >= pane.box[1] or pane.box[2] >= pane.box[3]:
        raise ImageFileError(
            what="a pane lies on the screen",
            got=f"rows and columns {pane.box} of {screen[0]} x {screen[1]}",
            fix="Declare box as first row, end row, first column, end column.",
        )
    return pane


def _within(inner: tuple[int, int, int, int], outer: tuple[int, int, int, int]) -> bool:
    return (
        inner[0] >= outer[0]
        and inner[1] <= outer[1]
        and inner[2] >= outer[2]
        and inner[3] <= outer[3]
    )


def _dicom_frames(dataset: Dataset, plugin: str) -> Iterable[np.ndarray]:
    from pydicom.pixels.processing import apply_color_lut  # noqa: PLC0415 - loads slowly
    from pydicom.pixels.utils import iter_pixels  # noqa: PLC0415

    palette = dataset.get("PhotometricInterpretation") == "PALETTE COLOR"
    for frame in iter_pixels(dataset, decoding_plugin=plugin):
        colour = apply_color_lut(frame, dataset) if palette else frame
        yield colour >> 8 if colour.dtype.itemsize == 2 else colour


def mpeg_frames(dataset: Dataset) -> Iterable[np.ndarray]:
    """Decode the frames of a film inside DICOM as RGB; the library has no decoder for them."""
    from pydicom.encaps import generate_fragments  # noqa: PLC0415 - loads slowly

    # The first fragment is the offset table; the others are one video stream.
    stream = b"".join(list(generate_fragments(dataset.PixelData))[1:])
    yield from (frame for frame, _ in _decode(io.BytesIO(stream)))


def _read_video(path: Path, options: ClipOptions) -> Clip:
    times: list[float] = []
    frames: list[np.ndarray] = []
    box: tuple[int, int, int, int] | None = None
    for frame, at in _decode(str(path)):
        if box is None:
            box = _chosen_pane((), options, (frame.shape[0], frame.shape[1])).box
        times.append(at)
        frames += list(_grey_frames([frame], box, options))
        _require_frames(len(frames), frames[0].size)
    if not frames:
        raise ImageFileError(what="a clip has frames", got="none", fix="Export the clip again.")
    seconds = np.array(times) - times[0]
    if options.frame_time_s is not None:
        seconds = np.arange(float(len(frames))) * options.frame_time_s
    known = bool(np.all(np.diff(seconds) > 0))
    return Clip(np.stack(frames), seconds if known else None, options.spacing_mm)


def _require_frames(count: int, pixels: int) -> None:
    require_size(count * pixels if count <= _FRAME_LIMIT else 1 << 62)


def _decode(source: Any) -> Iterable[tuple[np.ndarray, float]]:  # noqa: ANN401 - path or stream
    try:
        import av  # noqa: PLC0415 - optional
    except ImportError as error:
        raise ImageFileError(
            what="video clips need their decoder",
            got="no package av",
            fix="Install it: pip install av.",
        ) from error
    try:
        with av.open(source) as container:
            for frame in container.decode(video=0):
                yield frame.to_ndarray(format="rgb24"), float(frame.time or 0.0)
    except (av.FFmpegError, IndexError) as error:
        raise ImageFileError(
            what="a clip must be a video that can be decoded to its end",
            got=spoken(error),
            fix="Check the path; export the clip again as MP4, AVI or DICOM.",
        ) from error


def _grey_frames(
    source: Iterable[np.ndarray], box: tuple[int, int, int, int], options: ClipOptions
) -> UInt8[np.ndarray, "frame j i"]:
    top, bottom, left, right = box
    frames: list[np.ndarray] = []
    for frame in source:
        frames.append(_grey(frame[top:bottom, left:right], options))
        _require_frames(len(frames), frames[0].size)
    return np.stack(frames)


def _grey(frame: np.ndarray, options: ClipOptions) -> UInt8[np.ndarray, "j i"]:
    if frame.ndim == 2:
        return frame.astype(np.uint8)
    apart = frame.max(axis=-1).astype(np.int16) - frame.min(axis=-1)
    # Single pixels of ringing around burnt-in text do not make a clip coloured.
    share = float(np.mean(apart > _GREY_TOLERANCE))
    if share > 1e-3 and options.colour == "refuse":
        raise ImageFileError(
            what="a clip has one grey value per pixel",
            got=f"colour in {share:.1%} of a frame (Doppler, overlay or contrast map)",
            fix="Choose another pane, or declare colour: luminance.",
        )
    return np.round(frame[..., :3] @ _LUMA).astype(np.uint8)


def _dicom_times(
    dataset: Dataset, count: int, options: ClipOptions
) -> Float[np.ndarray, " frame"] | None:
    steps = dataset.get("FrameTimeVector")
    if options.frame_time_s is not None:
        return np.arange(count) * options.frame_time_s
    if steps is not None and len(steps) == count:
        return np.cumsum([float(s) / 1000 for s in steps]) - float(steps[0]) / 1000
    single = dataset.get("FrameTime")
    if single is not None and float(single) > 0:
        return np.arange(count) * (float(single) / 1000)
    for name in ("CineRate", "RecommendedDisplayFrameRate"):
        rate = dataset.get(name)
        if rate is not None and float(rate) > 0:
            return np.arange(count) / float(rate)
    return None


def blank_outside(
    frames: UInt8[np.ndarray, "frame j i"], panes: Iterable[Pane]
) -> UInt8[np.ndarray, "frame j i"]:
    """Blacken everything outside the declared panes: names and dates are burnt in there.

    No program can promise that nothing is burnt in inside them.

    >>> screen = np.full((1, 4, 6), 9, np.uint8)
    >>> int(blank_outside(screen, [Pane((1, 3, 2, 5), None)]).sum())
    54
    """
    kept = np.zeros_like(frames)
    for pane in panes:
        top, bottom, left, right = pane.box
        kept[:, top:bottom, left:right] = frames[:, top:bottom, left:right]
    return kept
