# SPDX-License-Identifier: Apache-2.0
"""What strangers upload, written to a folder and nowhere else, within limits."""

from __future__ import annotations

import re
import shutil
import stat
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING, BinaryIO

from hepacast.core.errors import HepacastError
from hepacast.core.params import Params
from hepacast.run.predictor.arrival import TABLE
from hepacast.serve.jobs import FullError

if TYPE_CHECKING:
    from pathlib import Path

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._ -]{0,127}")
_DEPTH, _BLOCK = 8, 2**20
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError, struct.error,
)  # fmt: skip
"""What the standard library raises on bytes that are no archive."""


class UploadError(HepacastError, ValueError):
    """An upload that is too large, or asks for a place outside its folder."""


class Limits(Params):
    """How much one upload may be."""

    files: int = 20_000
    """Files."""
    sent_bytes: int = 4 * 2**30
    """Bytes as they are sent."""
    unpacked_bytes: int = 8 * 2**30
    """Bytes of all files together."""
    ratio: float = 100.0
    """Unpacked by packed bytes of an archive, above the first MiB."""
    at_once: int = 4
    """Uploads at a time."""
    seconds: float = 3_600.0
    """Longest time for one."""
    spare_bytes: int = 2 * 2**30
    """Room that is left on the disk."""


def safe_place(folder: Path, name: str) -> Path:
    """Say where a file of a name belongs below a folder.

    Raises
    ------
    UploadError
        If the name leads elsewhere, or is none that a case has.

    Examples
    --------
    >>> from pathlib import Path
    >>> safe_place(Path("/in"), "portal/0001.dcm").as_posix()
    '/in/portal/0001.dcm'
    """
    parts = name.split("/")
    good = len(parts) <= _DEPTH and all(_PART.fullmatch(part) for part in parts)
    place = folder.joinpath(*parts) if good else folder
    if not good or not place.resolve().is_relative_to(folder.resolve()):
        raise UploadError(
            what="files are named with letters, digits, dots and hyphens, below the upload",
            got="another name",
            fix="Rename the files.",
        )
    # Its cells are paths, which could be anybody's.
    if parts[-1].lower() == TABLE:
        raise UploadError(
            what=f"an upload has no table {TABLE}",
            got="one",
            fix="Name files after the phases (portal.nii.gz), or send DICOM.",
        )
    return place


def require_room(folder: Path, spare_bytes: int) -> None:
    """Refuse to fill a disk.

    Raises
    ------
    FullError
        If less is free than must be spared.
    """
    if shutil.disk_usage(folder).free < spare_bytes:
        raise FullError(
            what="the disk has room for uploads",
            got="too little",
            fix="Fetch and remove results, and send it again.",
        )


class Intake:
    """One upload, counted while it is written.

    Parameters
    ----------
    folder : Path
        Where to; made if missing.
    limits : Limits
        How much.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.folder, self.limits = folder, limits
        self._files = self._bytes = 0
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, name: str, source: BinaryIO) -> None:
        """Write one file.

        Raises
        ------
        UploadError
            At the first byte too many, or for a name that leads elsewhere or was used.
        """
        self._files += 1
        _bound("files", self._files, self.limits.files)
        place = safe_place(self.folder, name)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("xb") as file:
                while block := source.read(_BLOCK):
                    self._bytes += len(block)
                    _bound("bytes", self._bytes, self.limits.unpacked_bytes)
                    require_room(self.folder, self.limits.spare_bytes)
                    file.write(block)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise UploadError(
                what="every file of an upload has a name of its own",
                got="one twice",
                fix="Rename the files.",
            ) from error

    def put_zip(self, archive: Path) -> None:
        """Write all files of an archive; what it claims about itself is not believed.

        Raises
        ------
        UploadError
            If it is too large, too dense, encrypted, damaged, or holds a link.
        """
        allowed = max(int(archive.stat().st_size * self.limits.ratio), 2**20)
        try:
            with zipfile.ZipFile(archive) as opened:
                members = [one for one in opened.infolist() if not one.is_dir()]
                _bound("files", len(members), self.limits.files)
                for member in members:
                    _require_plain(member)
                    with opened.open(member) as source:
                        self.put(member.filename, _Counted(source, self, allowed))  # type: ignore[arg-type]
        except (UploadError, FullError):
            raise
        except _DAMAGED as error:
            raise UploadError(
                what="an upload is a readable ZIP archive",
                got=type(error).__name__,
                fix="Pack it again.",
            ) from None

    @property
    def written(self) -> int:
        """Bytes so far."""
        return self._bytes


def _require_plain(member: zipfile.ZipInfo) -> None:
    if stat.S_ISLNK(member.external_attr >> 16) or member.flag_bits & 1:
        raise UploadError(
            what="an archive holds plain files",
            got="a link, or an encrypted file",
            fix="Pack it again.",
        )


class _Counted:
    """A member of an archive that stops when the whole unpacks to too much."""

    def __init__(self, source: object, intake: Intake, allowed: int) -> None:
        self._source, self._intake, self._allowed = source, intake, allowed

    def read(self, size: int) -> bytes:
        """Read some bytes."""
        block: bytes = self._source.read(size)  # type: ignore[attr-defined]
        _bound("bytes for its size", self._intake.written + len(block), self._allowed)
        return block


def _bound(what: str, count: int, limit: int) -> None:
    if count > limit:
        raise UploadError(
            what=f"an upload has at most {limit} {what}",
            got="more",
            fix="Send one case at a time.",
        )
