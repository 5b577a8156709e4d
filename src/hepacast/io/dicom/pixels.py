# SPDX-License-Identifier: Apache-2.0
"""Stored pixels to intensities: codecs, padding, inversion, rescaling, grey from colour."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hepacast.core.errors import HepacastError, ImageFileError
from hepacast.core.events import Listener, Noticed
from hepacast.io.dicom.header import MALFORMED, SliceHeader, open_dicom, quiet, spoken
from hepacast.io.streams import require_size

if TYPE_CHECKING:
    from pathlib import Path

    from jaxtyping import Float32
    from pydicom import Dataset

    from hepacast.io.options import ReadOptions

AIR_HU = -1024.0
_CODECS = {
    "JPEG 2000": "pylibjpeg-openjpeg",
    "High-Throughput JPEG 2000": "pylibjpeg-openjpeg",
    "JPEG-LS": "pyjpegls or pylibjpeg-libjpeg",
    "JPEG": "pylibjpeg-libjpeg",
    "MPEG": "av",
    "HEVC": "av",
}
_SAFE_DECODERS = ("pydicom", "pylibjpeg", "pyjpegls", "pillow")
"""In order of preference.  GDCM aborts the process on damaged JPEG 2000, and is left out."""
_GREY_TOLERANCE = 2
"""Colour channels that differ by no more than this are grey: rounding of JPEG."""


@dataclass(slots=True)
class Notes:
    """Say each thing about a series once, not once per slice."""

    place: str
    listener: Listener
    said: set[str]

    def once(self, text: str) -> None:
        """Report, unless it was reported before."""
        if text not in self.said:
            self.said.add(text)
            self.listener(Noticed(self.place, text))


def fingerprint(header: SliceHeader) -> str:
    """Digest of the stored pixels of one image: equal for copies with other identifiers."""
    dataset = open_dicom(header.file)
    try:
        stored = dataset.get("PixelData") or b""
    except MALFORMED as error:
        raise _undecodable(error).at(file=header.file) from error
    return hashlib.sha256(bytes(stored) + str(header.frame).encode()).hexdigest()


def read_frames(
    path: Path, headers: list[SliceHeader], options: ReadOptions, notes: Notes
) -> Float32[np.ndarray, "frame j i"]:
    """Read the intensities of some frames of one file.

    Parameters
    ----------
    path : Path
        The file.
    headers : list of SliceHeader
        Its frames that are wanted, in that order.
    options : ReadOptions
        May carry the rescaling of CT files that lack it.
    notes : Notes
        Told of every repair.

    Returns
    -------
    (frame, row, column) float32
        HU for CT, else the modality's rescaled unit.

    Raises
    ------
    ImageFileError
        If the pixels are cut short, need a codec that is not installed, are in
        colour, or a CT says nothing of its rescaling.
    """
    dataset = open_dicom(path)
    try:
        with quiet():
            stored = grey_pixels(dataset, notes)[[header.frame for header in headers]]
            return np.stack(
                [
                    _intensity(plane, dataset, header, options, notes)
                    for plane, header in zip(stored, headers, strict=True)
                ]
            )
    except HepacastError as error:
        error.at(file=path)
        raise
    except MALFORMED as error:
        raise _undecodable(error).at(file=path) from error


def grey_pixels(dataset: Dataset, notes: Notes) -> np.ndarray:
    """Decode all frames as stored grey values, (frame, row, column)."""
    plugin = require_codec(dataset)
    frames = int(dataset.get("NumberOfFrames") or 1)
    samples = int(dataset.get("SamplesPerPixel") or 1)
    bits = int(dataset.get("BitsAllocated") or 8)
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    require_size(frames * rows * columns * samples * max(1, bits // 8))
    from pydicom.pixels.processing import apply_color_lut  # noqa: PLC0415 - loads slowly
    from pydicom.pixels.utils import pixel_array  # noqa: PLC0415

    if dataset.get("PhotometricInterpretation") == "PALETTE COLOR":
        indices = pixel_array(dataset, decoding_plugin=plugin)
        pixels = apply_color_lut(indices, dataset)
        # Sixteen-bit palettes repeat the eight-bit colour in both bytes.
        pixels = pixels >> 8 if pixels.dtype.itemsize == 2 else pixels
        samples = 3
    else:
        pixels = pixel_array(dataset, raw=False, decoding_plugin=plugin)
    shape = (frames, rows, columns, 3) if samples > 1 else (frames, rows, columns)
    pixels = np.asarray(pixels).reshape(shape)
    return _grey(pixels, notes) if samples > 1 else pixels


def require_codec(dataset: Dataset) -> str:
    """Choose the package that decodes a file, or refuse it.

    Returns
    -------
    str
        Name of a decoder of pydicom; empty for uncompressed pixels.

    Raises
    ------
    ImageFileError
        Naming the syntax and the package to install.
    """
    from pydicom.pixels.decoders.base import get_decoder  # noqa: PLC0415 - loads slowly

    meta = getattr(dataset, "file_meta", None)
    syntax = meta.get("TransferSyntaxUID") if meta else None
    if syntax is None or not syntax.is_compressed:
        return ""
    try:
        installed = get_decoder(syntax).available_plugins
    except NotImplementedError:
        installed = ()
    for plugin in _SAFE_DECODERS:
        if plugin in installed:
            return plugin
    package = next((name for word, name in _CODECS.items() if word in syntax.name), "a codec")
    raise ImageFileError(
        what="compressed pixels need their codec",
        got=f"{syntax.name} ({syntax}), which no installed package decodes",
        fix=f"Install {package}, or send the series uncompressed.",
    )


def _undecodable(error: Exception) -> ImageFileError:
    return ImageFileError(
        what="the pixels of a DICOM image must be complete",
        got=f"bytes that cannot be decoded ({spoken(error)})",
        fix="The file is damaged: send it from the archive again.",
    )


def _grey(pixels: np.ndarray, notes: Notes) -> np.ndarray:
    apart = int(np.max(pixels.max(axis=-1).astype(int) - pixels.min(axis=-1)))
    if apart > _GREY_TOLERANCE:
        share = float(np.mean(np.ptp(pixels, axis=-1) > _GREY_TOLERANCE))
        raise ImageFileError(
            what="an image has one grey value per pixel",
            got=f"colour in {share:.1%} of its pixels (Doppler, overlay or map)",
            fix="Take a frame without colour, or a region outside the overlay.",
        )
    notes.once("grey pixels were stored as colour")
    return pixels[..., 0]


def _intensity(
    stored: np.ndarray, dataset: Dataset, header: SliceHeader, options: ReadOptions, notes: Notes
) -> Float32[np.ndarray, "j i"]:
    padding = _padding(stored, dataset)
    if header.photometric == "MONOCHROME1":
        notes.once("MONOCHROME1 was inverted")
        bits = int(dataset.get("BitsStored") or 8 * stored.dtype.itemsize)
        top = (1 << bits) - 1 if not dataset.get("PixelRepresentation") else -1
        stored = top - stored.astype(np.int64)
    slope, intercept = _rescaling(dataset, header, options, notes)
    data = (stored * np.float64(slope) + np.float64(intercept)).astype(np.float32)
    if padding is not None:
        _fill_padding(data, padding, header, notes)
    return data


def _padding(stored: np.ndarray, dataset: Dataset) -> np.ndarray | None:
    """Pixels that the scanner declares to be no measurement."""
    value = dataset.get("PixelPaddingValue")
    if value is None:
        return None
    bits = 8 * stored.dtype.itemsize
    signed = np.issubdtype(stored.dtype, np.signedinteger)
    # -2000 is often written as 63536, the same bits read without a sign.
    low, high = sorted(
        _as_stored(int(n), bits, signed=signed)
        for n in (value, dataset.get("PixelPaddingRangeLimit", value))
    )
    return (stored >= low) & (stored <= high)


def _as_stored(value: int, bits: int, *, signed: bool) -> int:
    value %= 1 << bits
    return value - (1 << bits) if signed and value >= 1 << (bits - 1) else value


def _fill_padding(
    data: Float32[np.ndarray, "j i"], padding: np.ndarray, header: SliceHeader, notes: Notes
) -> None:
    if not padding.any():
        return
    fill = AIR_HU if header.modality == "CT" else 0.0
    value = float(data[padding].max())
    if header.modality == "CT" and value > -900.0:
        notes.once(f"declared padding has {value:g} HU, which can be tissue: it was kept")
        return
    data[padding] = fill
    notes.once(f"padding set to {fill:g}")


def _rescaling(
    dataset: Dataset, header: SliceHeader, options: ReadOptions, notes: Notes
) -> tuple[float, float]:
    if options.rescale is not None:
        notes.once(f"declared rescaling {options.rescale} was used")
        return options.rescale
    slope, intercept = dataset.get("RescaleSlope"), dataset.get("RescaleIntercept")
    for macro in _transformations(dataset, header.frame):
        slope, intercept = (
            macro.get("RescaleSlope", slope),
            macro.get("RescaleIntercept", intercept),
        )
    if header.modality == "CT" and (slope is None or intercept is None):
        raise ImageFileError(
            what="a CT image must say how its pixels become HU",
            got="no RescaleSlope and RescaleIntercept",
            fix="Declare rescale: [slope, intercept] in the study file (often [1, -1024]).",
        )
    factor = 1.0 if slope is None else float(slope)
    if factor == 0:
        notes.once("RescaleSlope 0 was taken for 1")
        factor = 1.0
    return factor, 0.0 if intercept is None else float(intercept)


def _transformations(dataset: Dataset, frame: int) -> list[Any]:
    """Per-frame and shared rescaling of enhanced objects, the shared one first."""
    shared = list(dataset.get("SharedFunctionalGroupsSequence") or [])
    frames = dataset.get("PerFrameFunctionalGroupsSequence")
    groups = shared + ([frames[frame]] if frames else [])
    found = (group.get("PixelValueTransformationSequence") for group in groups)
    return [sequence[0] for sequence in found if sequence]
