# SPDX-License-Identifier: Apache-2.0
"""NRRD files, raw or gzip, as 3D Slicer writes them.

Source: definition of NRRD file format, https://teem.sourceforge.net/nrrd/format.html.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import GeometryError, HepacastError, ImageFileError
from hepacast.core.events import Listener, Noticed, ignore
from hepacast.core.geometry import Grid
from hepacast.io.streams import inflate, read_bytes, require_length
from hepacast.io.voxels import Voxels

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_TYPES = {
    "int8": "i1", "signed char": "i1", "int8_t": "i1",
    "uint8": "u1", "uchar": "u1", "unsigned char": "u1", "uint8_t": "u1",
    "int16": "i2", "short": "i2", "short int": "i2", "signed short": "i2", "int16_t": "i2",
    "uint16": "u2", "ushort": "u2", "unsigned short": "u2", "uint16_t": "u2",
    "int32": "i4", "int": "i4", "signed int": "i4", "int32_t": "i4",
    "uint32": "u4", "uint": "u4", "unsigned int": "u4", "uint32_t": "u4",
    "int64": "i8", "longlong": "i8", "long long": "i8", "int64_t": "i8",
    "uint64": "u8", "ulonglong": "u8", "unsigned long long": "u8", "uint64_t": "u8",
    "float": "f4", "double": "f8",
}  # fmt: skip
_TO_LPS = {
    "left-posterior-superior": (1.0, 1.0, 1.0),
    "lps": (1.0, 1.0, 1.0),
    "right-anterior-superior": (-1.0, -1.0, 1.0),
    "ras": (-1.0, -1.0, 1.0),
    "left-anterior-superior": (1.0, -1.0, 1.0),
    "las": (1.0, -1.0, 1.0),
}
_HEAD_LIMIT = 1 << 20
_VECTOR = re.compile(r"\(([^)]*)\)")


def load_nrrd(path: Path, *, on_event: Listener = ignore) -> Voxels:
    """Read the voxels of a three-dimensional NRRD file.

    Parameters
    ----------
    path : Path
        ``.nrrd`` with the voxels inside, raw or gzip.
    on_event : callable
        Told of every repair.

    Raises
    ------
    ImageFileError
        If the file is damaged, cut short, detached or not three-dimensional.
    GeometryError
        If it does not say where it is.
    """
    try:
        return _load(path, on_event)
    except HepacastError as error:
        error.at(file=path)
        raise


def _load(path: Path, on_event: Listener) -> Voxels:
    raw = read_bytes(path)
    fields, start = _fields(raw)
    sizes = [int(n) for n in _field(fields, "sizes").split()]
    if len(sizes) != 3 or min(sizes) < 1:
        raise ImageFileError(
            what="an NRRD image has three dimensions",
            got=f"sizes {fields['sizes']}",
            fix="Export one volume; a segmentation with layers must be saved as one label map.",
        )
    shape = (sizes[2], sizes[1], sizes[0])
    dtype = _dtype(fields)
    length = math.prod(shape) * dtype.itemsize
    packed = memoryview(raw)[start:]
    encoding = fields.get("encoding", "raw").lower()
    if encoding in ("gzip", "gz"):
        body: bytes | bytearray | memoryview = inflate(bytes(packed), 0, lambda _: length)
    elif encoding == "raw":
        require_length(len(packed), length)
        body = packed
    else:
        raise ImageFileError(
            what="an NRRD file is raw or gzip",
            got=f"encoding {encoding}",
            fix="Save it again with one of these.",
        )
    data = np.frombuffer(body, dtype).reshape(shape)
    return Voxels(data, _grid(fields, shape, path.name, on_event), path.name)


def _fields(raw: bytes) -> tuple[dict[str, str], int]:
    if not raw.startswith(b"NRRD000"):
        raise ImageFileError(
            what="an NRRD file begins with NRRD000x",
            got=raw[:8].hex(" "),
            fix="This is not NRRD: check the path.",
        )
    found = re.search(rb"\r?\n\r?\n", raw[:_HEAD_LIMIT])
    if found is None:
        raise ImageFileError(
            what="the voxels of an NRRD file follow its header",
            got="no empty line after the header",
            fix="Save the image as one .nrrd file instead of .nhdr with a separate data file.",
        )
    text = raw[: found.start()].decode("utf-8", errors="replace")
    lines = [line for line in text.splitlines()[1:] if ": " in line and line[:1] != "#"]
    pairs = (line.split(": ", 1) for line in lines)
    fields = {key.strip().lower(): value.strip() for key, value in pairs}
    if detached := {"data file", "datafile", "line skip", "byte skip"} & fields.keys():
        raise ImageFileError(
            what="header and voxels must be in one file, without skips",
            got=f"{', '.join(sorted(detached))} in the header",
            fix="Save the image as one .nrrd file.",
        )
    return fields, found.end()


def _field(fields: Mapping[str, str], name: str) -> str:
    if name not in fields:
        raise ImageFileError(
            what=f"an NRRD header has a {name!r} line",
            got=f"only {', '.join(sorted(fields))}",
            fix="The header is damaged: export the image again.",
        )
    return fields[name]


def _dtype(fields: Mapping[str, str]) -> np.dtype[np.generic]:
    kind = _field(fields, "type").lower()
    if kind not in _TYPES:
        raise ImageFileError(
            what="voxels are whole or real numbers of 8 to 64 bits",
            got=f"type {kind}",
            fix="Export one grey value per voxel.",
        )
    dtype = np.dtype(_TYPES[kind])
    return dtype.newbyteorder(">") if fields.get("endian", "little") == "big" else dtype


def _grid(
    fields: Mapping[str, str], shape: tuple[int, int, int], source: str, on_event: Listener
) -> Grid:
    space = fields.get("space", "").lower()
    steps = [_numbers(part) for part in _VECTOR.findall(fields.get("space directions", ""))]
    if space not in _TO_LPS or len(steps) != 3 or any(len(step) != 3 for step in steps):
        raise GeometryError(
            what="an NRRD image must say where it is (space, space directions)",
            got=f"space {space or 'absent'}, {len(steps)} directions",
            fix="Export it from 3D Slicer or ITK with its geometry.",
        )
    sign = np.array(_TO_LPS[space])
    affine = np.eye(4)
    # File order is i, j, k: the first direction belongs to the fastest axis.
    affine[:3, :3] = (np.array(steps[::-1]) * sign).T
    if origin := _VECTOR.findall(fields.get("space origin", "")):
        affine[:3, 3] = np.array(_numbers(origin[0])) * sign
    else:
        on_event(Noticed(source, "no space origin: the first voxel is put at 0, 0, 0"))
    return Grid.from_affine(affine, shape)


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise GeometryError(
            what="directions and origin are numbers",
            got=repr(text),
            fix="The header is damaged: export the image again.",
        ) from error
