# SPDX-License-Identifier: Apache-2.0
"""Volumes and regions kept between runs: lossless, compressed, checked when they come back.

A private format: never hand these files on.  The originals stay where they are.
"""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hepacast.core.errors import HepacastError, ImageFileError
from hepacast.core.geometry import Grid
from hepacast.core.provenance import digest_array
from hepacast.core.volume import Region, Volume
from hepacast.io.streams import read_bytes, require_size, write_verified

if TYPE_CHECKING:
    from jaxtyping import Shaped

_MAGIC = b"HEPACAST-VOLUME-1\n"
_NO_HEADER, _OTHER_DIGEST, _OTHER_LENGTH = "no header", "another digest", "another length"


def save_cached(image: Volume | Region, path: Path | str) -> str:
    """Write a volume or region with its geometry and digest.

    Parameters
    ----------
    image : Volume or Region
        Intensities stay float32 to the last bit.
    path : Path or str
        Where to; written in one step or not at all.

    Returns
    -------
    str
        Digest of voxels and geometry, as :func:`hepacast.core.provenance.digest_array`.
    """
    data = image.mask if isinstance(image, Region) else image.data
    digest = digest_array(data, image.grid)
    stored = _compact(data)
    head = {
        "kind": "region" if isinstance(image, Region) else "volume",
        "name": image.name if isinstance(image, Region) else "",
        "digest": digest,
        "dtype": stored.dtype.str,
        "shape": image.grid.shape,
        "spacing": image.grid.spacing,
        "origin": image.grid.origin,
        "axes": image.grid.axes,
    }
    line = json.dumps(head, sort_keys=True).encode() + b"\n"
    write_verified(Path(path), [_MAGIC, line, _pack(stored)])
    return digest


def load_cached(path: Path | str) -> Volume | Region:
    """Read back what :func:`save_cached` wrote.

    Raises
    ------
    ImageFileError
        If the file is damaged in any bit.
    """
    place = Path(path)
    try:
        return _load(read_bytes(place))
    except HepacastError as error:
        error.at(file=path)
        raise
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        raise _damaged(f"{type(error).__name__}").at(file=path) from error


def _load(raw: bytes) -> Volume | Region:
    if not raw.startswith(_MAGIC):
        raise _damaged(found=_NO_HEADER)
    end = raw.index(b"\n", len(_MAGIC))
    head: dict[str, Any] = json.loads(raw[len(_MAGIC) : end])
    k, j, i = (int(n) for n in head["shape"])
    require_size(4 * k * j * i)
    grid = Grid((k, j, i), tuple(head["spacing"]), tuple(head["origin"]),
                tuple(tuple(axis) for axis in head["axes"]))  # type: ignore[arg-type]  # fmt: skip
    dtype = np.dtype(head["dtype"])
    stored = np.frombuffer(_unpack(raw[end + 1 :], dtype.itemsize * k * j * i), dtype)
    wanted = np.dtype(bool) if head["kind"] == "region" else np.dtype(np.float32)
    data = stored.reshape(grid.shape).astype(wanted)
    if digest_array(data, grid) != head["digest"]:
        raise _damaged(found=_OTHER_DIGEST)
    if head["kind"] == "region":
        return Region(data, grid, str(head["name"]))
    return Volume(data, grid)


def _damaged(found: str) -> ImageFileError:
    return ImageFileError(
        what="a cached volume must be as it was written",
        got=found,
        fix="Delete it: it is made again from the original.",
    )


def _compact(data: Shaped[np.ndarray, "k j i"]) -> Shaped[np.ndarray, "k j i"]:
    """Store whole numbers that fit as int16: half the bytes, and they pack far better."""
    if data.dtype == bool:
        return data.astype(np.uint8)
    if np.isfinite(data).all() and np.abs(data).max() < 32768:
        whole = data.astype(np.int16)
        # Minus zero would come back as zero, and its digest with it.
        if np.array_equal(whole, data) and not np.signbit(data[data == 0]).any():
            return whole
    return data


def _blosc() -> Any:  # noqa: ANN401 - a module without types
    return import_module("blosc2")


def _pack(data: np.ndarray) -> bytes:
    blosc2 = _blosc()
    packed: bytes = blosc2.compress2(
        np.ascontiguousarray(data),
        codec=blosc2.Codec.ZSTD,
        clevel=1,
        typesize=data.itemsize,
        filters=[blosc2.Filter.BITSHUFFLE],
        nthreads=1,
    )
    return packed


def _unpack(packed: bytes, length: int) -> bytes:
    if int.from_bytes(packed[4:8], "little") != length:
        raise _damaged(found=_OTHER_LENGTH)
    unpacked: bytes = _blosc().decompress2(packed, nthreads=1)
    return unpacked
