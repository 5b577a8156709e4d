# SPDX-License-Identifier: Apache-2.0
"""Files that are whole or absent: never half written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hepacast.core.errors import HepacastError, ImageFileError
from hepacast.io.streams import write_verified

if TYPE_CHECKING:
    from pathlib import Path


class StoreError(HepacastError, OSError):
    """A result could not be kept."""


def write_atomic(path: Path, data: bytes | str) -> Path:
    """Write a file beside its place, check it, and move it there in one step.

    Parameters
    ----------
    path : Path
        Where the file shall stand; its folder is made if missing.
    data : bytes or str
        Content; text is written as UTF-8.

    Raises
    ------
    StoreError
        If the disk is full or the folder cannot be written; nothing is left behind.
    """
    raw = data.encode("utf-8") if isinstance(data, str) else data
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_verified(path, [raw])
    except (OSError, ImageFileError) as error:
        got = error.got if isinstance(error, ImageFileError) else error.strerror or str(error)
        raise StoreError(
            what="results need a folder that can be written, with room on the disk",
            got=got,
            fix="Free space or choose another --out; what was finished is kept.",
        ).at(file=path) from error
    return path
