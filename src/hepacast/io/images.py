# SPDX-License-Identifier: Apache-2.0
"""One door for images and masks, whatever their format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hepacast.core.errors import HepacastError, ImageFileError
from hepacast.core.events import Listener, ignore
from hepacast.io.nifti import load_nifti
from hepacast.io.nrrd import load_nrrd
from hepacast.io.options import STRICT, ReadOptions
from hepacast.io.voxels import MaskRule, Voxels, as_region, as_volume

if TYPE_CHECKING:
    from hepacast.core.geometry import Grid
    from hepacast.core.volume import Region, Volume

_ANY_LABEL = MaskRule()


def read_image(
    path: Path | str, options: ReadOptions = STRICT, *, on_event: Listener = ignore
) -> Volume:
    """Read an image: NIfTI, NRRD, a DICOM file or a folder with a DICOM series.

    Parameters
    ----------
    path : Path or str
        A file or a folder; the format is told from the contents, not the name.
    options : ReadOptions
        Decisions for files that leave a choice.
    on_event : callable
        Told of every repair.

    Returns
    -------
    Volume
        Intensities in float32 on an LPS grid.

    Raises
    ------
    ImageFileError
        If the file is damaged or not what it should be.
    GeometryError
        If it does not say where it is, or says two things.
    """
    place = Path(path)
    try:
        if is_dicom(place):
            from hepacast.io.dicom.series import read_series  # noqa: PLC0415 - loads slowly

            return read_series(place, options, on_event=on_event)
        voxels = _load(place, options, on_event)
        return as_volume(voxels, fill_nonfinite=options.fill_nonfinite, on_event=on_event)
    except HepacastError as error:
        error.at(file=path)
        raise


def read_region(
    path: Path | str,
    name: str = "region",
    grid: Grid | None = None,
    rule: MaskRule = _ANY_LABEL,
    *,
    on_event: Listener = ignore,
) -> Region:
    """Read a mask: NIfTI, NRRD, DICOM segmentation or structure set.

    Parameters
    ----------
    path : Path or str
        The file.
    name : str
        Name of the region.
    grid : Grid or None
        Grid of the image that it belongs to.
    rule : MaskRule
        Which values are inside; by default a mask of zeros and ones.
    on_event : callable
        Told of every repair.

    Raises
    ------
    ImageFileError
        If the file is damaged or holds other values than declared.
    GeometryError
        If it lies on another grid.
    EmptyRegionError
        If nothing is inside.
    """
    place = Path(path)
    try:
        if is_dicom(place):
            return _dicom_region(place, name, grid, rule, on_event)
        voxels = _load(place, STRICT, on_event)
        return as_region(voxels, rule, name=name, grid=grid, on_event=on_event)
    except HepacastError as error:
        error.at(file=path)
        raise


def _dicom_region(
    place: Path, name: str, grid: Grid | None, rule: MaskRule, on_event: Listener
) -> Region:
    from hepacast.io.dicom.header import read_headers  # noqa: PLC0415 - loads slowly
    from hepacast.io.dicom.rtstruct import read_rtstruct  # noqa: PLC0415
    from hepacast.io.dicom.seg import read_seg  # noqa: PLC0415

    place = _only_file(place)
    modality = "a folder" if place.is_dir() else read_headers(place)[0].modality
    if modality == "SEG":
        return read_seg(place, name, grid, rule)
    if modality == "RTSTRUCT" and grid is not None:
        return read_rtstruct(place, name, grid, rule, on_event=on_event)
    raise ImageFileError(
        what="a DICOM mask is a segmentation, or a structure set with its image",
        got=modality or "a file without modality",
        fix="Name the SEG or RTSTRUCT file.",
    )


def _only_file(place: Path) -> Path:
    """Take the file of a folder that holds one: archives export every object so."""
    if not place.is_dir():
        return place
    files = [file for file in place.rglob("*") if file.is_file() and file.name != "DICOMDIR"]
    return files[0] if len(files) == 1 else place


def _load(place: Path, options: ReadOptions, on_event: Listener) -> Voxels:
    if _starts(place, 4) == b"NRRD":
        return load_nrrd(place, on_event=on_event)
    return load_nifti(place, options, on_event=on_event)


def is_dicom(place: Path) -> bool:
    """Tell a DICOM file, or a folder of them, by its first bytes.

    >>> is_dicom(Path("absent.nii"))
    False
    """
    start = _starts(place, 132)
    return place.is_dir() or start[128:] == b"DICM" or start[:4] in _BARE_DICOM


_BARE_DICOM = {b"\x08\x00\x00\x00", b"\x08\x00\x05\x00", b"\x08\x00\x08\x00", b"\x08\x00\x16\x00"}
"""First tags of files without a preamble: group length, charset, image type, class."""


def _starts(place: Path, count: int) -> bytes:
    try:
        with place.open("rb") as file:
            return file.read(count)
    except OSError:
        # The reader proper says why.
        return b""
