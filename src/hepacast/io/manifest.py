# SPDX-License-Identifier: Apache-2.0
"""Digests of what was read, so that a file changed later is found out."""

from __future__ import annotations

import hashlib
from pathlib import Path

from hepacast.core.errors import ImageFileError
from hepacast.io.streams import unreadable

_CHUNK = 1 << 22


def digest_file(path: Path | str) -> str:
    """Return the sha256 of a file's bytes, in hexadecimal.

    Raises
    ------
    ImageFileError
        If it cannot be read.
    """
    place = Path(path)
    state = hashlib.sha256()
    try:
        with place.open("rb") as file:
            while part := file.read(_CHUNK):
                state.update(part)
    except OSError as error:
        raise unreadable(place, error) from error
    return state.hexdigest()


def digest_source(path: Path | str) -> str:
    """Return one digest for a file, or for all files of a folder.

    Names and places do not count, so that a study that was moved keeps its digest.

    Parameters
    ----------
    path : Path or str
        A file, or a folder with a DICOM series.
    """
    place = Path(path)
    if not place.is_dir():
        return digest_file(place)
    files = (item for item in place.rglob("*") if item.is_file())
    digests = sorted(digest_file(item) for item in files)
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def require_unchanged(path: Path | str, digest: str) -> None:
    """Refuse a file or folder whose bytes are no longer those that were taken in.

    Size and time of a file can stay the same when it is rewritten; its digest cannot.

    Raises
    ------
    ImageFileError
        If the digest differs.
    """
    found = digest_source(path)
    if found != digest:
        raise ImageFileError(
            what="an image must stay as it was when the study began",
            got=f"sha256 {found[:12]} instead of {digest[:12]}",
            fix="Put the old file back, or begin the study again with the new one.",
        ).at(file=path)
