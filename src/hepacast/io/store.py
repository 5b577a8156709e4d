# SPDX-License-Identifier: Apache-2.0
"""Files that are whole or absent: never half written."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hepacast.core.errors import HepacastError


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
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
        temporary = Path(name)
        with os.fdopen(handle, "wb") as stream:
            stream.write(raw)
            stream.flush()
            os.fsync(stream.fileno())
        if temporary.stat().st_size != len(raw):
            raise OSError(0, "the file on disk is shorter than what was written")  # noqa: TRY301
        temporary.chmod(0o644)
        temporary.replace(path)
        temporary = None
    except OSError as error:
        raise StoreError(
            what="results need a folder that can be written, with room on the disk",
            got=str(error),
            fix="Free space or choose another --out; what was finished is kept.",
        ).at(file=path) from error
    finally:
        # Also when somebody stops the run by hand.
        if temporary is not None:
            temporary.unlink(missing_ok=True)
    return path
