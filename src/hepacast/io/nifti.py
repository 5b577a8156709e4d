# SPDX-License-Identifier: Apache-2.0
"""NIfTI files, with the checks that the usual readers leave out.

The header is decoded here rather than by a library, because the common ones
return wrong voxels without a word for a file that is cut short or has a flipped
bit, and disagree about which of two geometries in one header counts.

Source: NIfTI-1.1 and NIfTI-2 headers, https://nifti.nimh.nih.gov (nifti1.h, nifti2.h).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import HepacastError, ImageFileError
from hepacast.core.events import Listener, Noticed, ignore
from hepacast.core.volume import Region, Volume
from hepacast.io.nifti_geometry import RAS_TO_LPS, grid_of
from hepacast.io.options import STRICT, ReadOptions
from hepacast.io.streams import (
    deflate,
    inflate,
    read_bytes,
    require_length,
    require_size,
    write_verified,
)
from hepacast.io.voxels import MaskRule, Voxels, as_region, as_volume

if TYPE_CHECKING:
    from jaxtyping import Float

    from hepacast.core.geometry import Grid

_NIFTI1 = np.dtype(
    [
        ("sizeof_hdr", "i4"), ("unused1", "S35"), ("dim_info", "u1"), ("dim", "i2", 8),
        ("intent_p", "f4", 3), ("intent_code", "i2"), ("datatype", "i2"), ("bitpix", "i2"),
        ("slice_start", "i2"), ("pixdim", "f4", 8), ("vox_offset", "f4"), ("scl_slope", "f4"),
        ("scl_inter", "f4"), ("slice_end", "i2"), ("slice_code", "u1"), ("xyzt_units", "u1"),
        ("cal_max", "f4"), ("cal_min", "f4"), ("slice_duration", "f4"), ("toffset", "f4"),
        ("glmax", "i4"), ("glmin", "i4"), ("descrip", "S80"), ("aux_file", "S24"),
        ("qform_code", "i2"), ("sform_code", "i2"), ("quatern", "f4", 3), ("qoffset", "f4", 3),
        ("srow", "f4", (3, 4)), ("intent_name", "S16"), ("magic", "S4"),
    ]
)  # fmt: skip
_NIFTI2 = np.dtype(
    [
        ("sizeof_hdr", "i4"), ("magic", "S8"), ("datatype", "i2"), ("bitpix", "i2"),
        ("dim", "i8", 8), ("intent_p", "f8", 3), ("pixdim", "f8", 8), ("vox_offset", "i8"),
        ("scl_slope", "f8"), ("scl_inter", "f8"), ("cal_max", "f8"), ("cal_min", "f8"),
        ("slice_duration", "f8"), ("toffset", "f8"), ("slice_start", "i8"), ("slice_end", "i8"),
        ("descrip", "S80"), ("aux_file", "S24"), ("qform_code", "i4"), ("sform_code", "i4"),
        ("quatern", "f8", 3), ("qoffset", "f8", 3), ("srow", "f8", (3, 4)), ("slice_code", "i4"),
        ("xyzt_units", "i4"), ("intent_code", "i4"), ("intent_name", "S16"), ("dim_info", "u1"),
        ("unused", "S15"),
    ]
)  # fmt: skip
_TYPES = {
    2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4",
    1024: "i8", 1280: "u8",
}  # fmt: skip
_CODES = {np.dtype(kind): code for code, kind in _TYPES.items()}
_SUFFIXES = (".nii", ".nii.gz")


def read_nifti(
    path: Path | str, options: ReadOptions = STRICT, *, on_event: Listener = ignore
) -> Volume:
    """Read an image.

    Parameters
    ----------
    path : Path or str
        ``.nii`` or ``.nii.gz``, NIfTI-1 or -2.
    options : ReadOptions
        Decisions for files that leave a choice.
    on_event : callable
        Told of every repair.

    Returns
    -------
    Volume
        Rescaled intensities in float32 on an LPS grid, axes in stored order.

    Raises
    ------
    ImageFileError
        If the file is damaged, cut short, four-dimensional, or holds NaN.
    GeometryError
        If its two geometries disagree, or it has none.

    Examples
    --------
    >>> import tempfile
    >>> from hepacast.core.geometry import Grid
    >>> place = Path(tempfile.mkdtemp()) / "image.nii.gz"
    >>> write_nifti(Volume(np.ones((2, 3, 4), np.float32), Grid((2, 3, 4), (5.0, 1.0, 1.0))), place)
    >>> read_nifti(place).grid.spacing
    (5.0, 1.0, 1.0)
    """
    try:
        voxels = load_nifti(Path(path), options, on_event=on_event)
        return as_volume(voxels, fill_nonfinite=options.fill_nonfinite, on_event=on_event)
    except HepacastError as error:
        error.at(file=path)
        raise


def read_mask(
    path: Path | str,
    grid: Grid | None = None,
    label: int | tuple[int, ...] | None = None,
    *,
    name: str = "region",
    threshold: float | None = None,
    allow_empty: bool = False,
    on_event: Listener = ignore,
) -> Region:
    """Read a mask.

    Parameters
    ----------
    path : Path or str
        ``.nii`` or ``.nii.gz``.
    grid : Grid or None
        Grid of the image; the mask must lie on it (within 1e-3 mm, axes in any order).
    label : int, tuple of int or None
        Values inside; ``None`` for a mask of zeros and ones only.
    name : str
        Name of the region.
    threshold : float or None
        For soft masks: inside where the value is above it.
    allow_empty : bool
        Accept a mask without a voxel.
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
    try:
        voxels = load_nifti(Path(path), on_event=on_event)
        rule = MaskRule(label, threshold, allow_empty)
        return as_region(voxels, rule, name=name, grid=grid, on_event=on_event)
    except HepacastError as error:
        error.at(file=path)
        raise


def load_nifti(path: Path, options: ReadOptions = STRICT, *, on_event: Listener = ignore) -> Voxels:
    """Read the voxels of a file in their own type; see :func:`read_nifti` for the checks."""
    raw = read_bytes(path)
    if raw[:2] == b"\x1f\x8b":
        body: bytes | bytearray = inflate(raw, 540, lambda head: _length(_header(head)))
        header = _header(bytes(body[:540]))
    else:
        header, body = _header(raw), raw
        require_length(len(raw), _length(header))
    shape = _shape(header)
    offset, dtype = int(header["vox_offset"]), _dtype(header)
    stored = np.frombuffer(body, dtype, math.prod(shape), offset).reshape(shape)
    data = _one_frame(stored, options.frame)
    slope, intercept = _scaling(header, path.name, on_event)
    if (slope, intercept) != (1.0, 0.0):
        data = data * np.float64(slope) + np.float64(intercept)
    k, j, i = data.shape
    return Voxels(data, grid_of(header, (k, j, i), options, path.name, on_event), path.name)


def _header(raw: bytes) -> np.void:
    for kind, size in ((_NIFTI1, 348), (_NIFTI2, 540)):
        for stored in (kind, kind.newbyteorder("S")) if len(raw) >= size else ():
            header: np.void = np.frombuffer(raw, stored, 1)[0]
            if int(header["sizeof_hdr"]) == size:
                return _known(header)
    raise ImageFileError(
        what="a NIfTI file begins with a header of 348 or 540 bytes",
        got=f"{len(raw)} bytes beginning with {raw[:8].hex(' ')}",
        fix="This is not NIfTI: check the path, or convert the file.",
    )


def _known(header: np.void) -> np.void:
    magic = bytes(header["magic"])[:3]
    if magic not in (b"n+1", b"n+2"):
        raise ImageFileError(
            what="header and voxels must be in one file (magic n+1 or n+2)",
            got=repr(magic),
            fix="Convert the .hdr/.img pair or Analyze file to .nii.gz.",
        )
    rank, dims = int(header["dim"][0]), header["dim"][1:]
    if not 1 <= rank <= 7 or np.any(dims[:rank] < 1):
        raise ImageFileError(
            what="a NIfTI image has 1 to 7 dimensions of at least one voxel",
            got=f"dim={header['dim'].tolist()}",
            fix="The header is damaged: export the image again.",
        )
    offset = float(header["vox_offset"])
    if not (header.dtype.itemsize <= offset <= 1 << 30 and offset == int(offset)):
        raise ImageFileError(
            what="the voxels begin after the header",
            got=f"vox_offset={offset:g}",
            fix="The header is damaged: export the image again.",
        )
    return header


def _dtype(header: np.void) -> np.dtype[np.generic]:
    code = int(header["datatype"])
    if code not in _TYPES or int(header["bitpix"]) != 8 * np.dtype(_TYPES[code]).itemsize:
        raise ImageFileError(
            what="voxels are whole or real numbers of 8 to 64 bits",
            got=f"datatype {code} with {int(header['bitpix'])} bits",
            fix="Convert colour or complex images to one grey value per voxel.",
        )
    swapped = not header.dtype["sizeof_hdr"].isnative
    dtype = np.dtype(_TYPES[code])
    return dtype.newbyteorder("S") if swapped else dtype


def _shape(header: np.void) -> tuple[int, ...]:
    """Dimensions slowest first, at least three."""
    rank = int(header["dim"][0])
    dims = [int(n) for n in header["dim"][1 : rank + 1]]
    while len(dims) > 3 and dims[-1] == 1:
        dims.pop()
    return tuple(reversed(dims + [1] * (3 - len(dims))))


def _length(header: np.void) -> int:
    total = int(header["vox_offset"]) + math.prod(_shape(header)) * _dtype(header).itemsize
    require_size(total)
    return total


def _one_frame(data: np.ndarray, frame: int | None) -> np.ndarray:
    if data.ndim == 3:
        return data
    volumes = data.reshape(-1, *data.shape[-3:])
    if frame is None or not 0 <= frame < len(volumes):
        raise ImageFileError(
            what="an image has three dimensions",
            got=f"{len(volumes)} volumes of {data.shape[-3:]} voxels, volume {frame} asked for",
            fix=f"Say which volume is meant, 0 to {len(volumes) - 1}, or split the file.",
        )
    chosen: np.ndarray = volumes[frame]
    return chosen


def _scaling(header: np.void, source: str, on_event: Listener) -> tuple[float, float]:
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if math.isfinite(slope) and slope != 0 and math.isfinite(intercept):
        return slope, intercept
    # 0/0 and NaN/NaN are how writers say "not scaled"; anything else is a fault.
    unset = (slope, intercept) == (0.0, 0.0) or (math.isnan(slope) and math.isnan(intercept))
    if not unset:
        said = f"scl_slope {slope:g} and scl_inter {intercept:g}"
        on_event(Noticed(source, f"{said} mean no scaling: stored values are used"))
    return 1.0, 0.0


def write_nifti(image: Volume | Region, path: Path | str) -> None:
    """Write an image or a mask as NIfTI-1: equal bytes for equal contents.

    Parameters
    ----------
    image : Volume or Region
        Whole numbers that fit are stored as int16, other intensities as float32,
        regions as uint8; nothing is lost.
    path : Path or str
        ``.nii`` or ``.nii.gz``.

    Raises
    ------
    ImageFileError
        If the name has another ending or the disk refuses; then nothing is left behind.
    """
    place = Path(path)
    if not place.name.endswith(_SUFFIXES):
        raise ImageFileError(
            what="a NIfTI file is called .nii or .nii.gz", got=place.name, fix="Rename the output."
        )
    data = _compact(image)
    head = np.zeros((), _NIFTI1)
    affine = RAS_TO_LPS @ image.grid.affine[:, [2, 1, 0, 3]]
    _describe(head, data, affine, image.grid)
    # Four zero bytes after the header say that there is no extension.
    parts: list[bytes | memoryview] = [head.tobytes(), b"\0\0\0\0", np.ascontiguousarray(data).data]
    write_verified(place, deflate(parts) if place.name.endswith(".gz") else parts)


def _compact(image: Volume | Region) -> np.ndarray:
    if isinstance(image, Region):
        return image.mask.astype("<u1")
    data = image.data
    if np.isfinite(data).all() and np.abs(data).max() < 32768:
        whole = data.astype("<i2")
        if np.array_equal(whole, data):
            return whole
    return data.astype("<f4")


def _describe(
    head: np.ndarray, data: np.ndarray, affine: Float[np.ndarray, "4 4"], grid: Grid
) -> None:
    if max(data.shape) > 32767:
        raise ImageFileError(
            what="a NIfTI-1 image has at most 32767 voxels along an axis",
            got=f"shape_kji={data.shape}",
            fix="Crop the image.",
        )
    rotation = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    qfac = 1.0 if np.linalg.det(rotation) > 0 else -1.0
    from scipy.spatial.transform import Rotation  # noqa: PLC0415 - scipy loads slowly

    x, y, z, w = Rotation.from_matrix(rotation * [1.0, 1.0, qfac]).as_quat()
    sign = -1.0 if w < 0 else 1.0
    head["sizeof_hdr"], head["magic"] = 348, b"n+1"
    head["dim"] = [3, *reversed(data.shape), 1, 1, 1, 1]
    head["datatype"], head["bitpix"] = _CODES[data.dtype.newbyteorder("=")], 8 * data.itemsize
    head["pixdim"] = [qfac, *reversed(grid.spacing), 0, 0, 0, 0]
    head["vox_offset"], head["scl_slope"], head["xyzt_units"] = 352, 1.0, 2
    head["qform_code"] = head["sform_code"] = 1
    head["quatern"], head["qoffset"] = [sign * x, sign * y, sign * z], affine[:3, 3]
    head["srow"] = affine[:3]
