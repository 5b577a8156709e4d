# SPDX-License-Identifier: Apache-2.0
"""What an earlier conversion has done, so that it is not done again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hepacast.io.manifest import digest_file
from hepacast.io.streams import write_verified

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hepacast.io.dicom.sort import Series
    from hepacast.io.names import Names
    from hepacast.io.options import ReadOptions

VERSION = 1
"""Raised when the same files would be converted to other voxels."""
_FOLDER = ".converted"


@dataclass(frozen=True, slots=True)
class Kept:
    """A finished file.

    Parameters
    ----------
    file : str
        Relative to the output.
    sha256 : str
        Of its bytes.
    repairs : tuple of str
        What was repaired on the way.
    """

    file: str
    sha256: str
    repairs: tuple[str, ...]


def key_of(series: Series, options: ReadOptions, names: Names) -> str:
    """Name a conversion by its files, their size and time, and the settings; one way only."""
    files = {header.file: header.file.stat() for header in series.slices}
    about = [
        VERSION,
        options.model_dump(mode="json"),
        [(h.sop_uid, h.frame) for h in series.slices],
        sorted((str(f), s.st_size, s.st_mtime_ns) for f, s in files.items()),
    ]
    text = json.dumps(about, sort_keys=True).encode()
    return hashlib.sha256(names.secret + text).hexdigest()


def recall(target: Path, key: str, place: Path) -> Kept | None:
    """Return what an earlier run made under this key, if the file is still the same."""
    try:
        content = json.loads((target / _FOLDER / f"{key[:32]}.json").read_text(encoding="utf-8"))
        kept = Kept(content["file"], content["sha256"], tuple(content["repairs"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    path = target / place
    same = kept.file == place.as_posix() and path.is_file()
    return kept if same and digest_file(path) == kept.sha256 else None


def keep(target: Path, key: str, place: Path, repairs: Sequence[str]) -> Kept:
    """Remember a finished file."""
    kept = Kept(place.as_posix(), digest_file(target / place), tuple(repairs))
    folder = target / _FOLDER
    folder.mkdir(exist_ok=True)
    content = {"file": kept.file, "sha256": kept.sha256, "repairs": list(kept.repairs)}
    text = json.dumps(content, ensure_ascii=False)
    write_verified(folder / f"{key[:32]}.json", [text.encode()], durable=False)
    return kept
