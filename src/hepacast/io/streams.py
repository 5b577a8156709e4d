# SPDX-License-Identifier: Apache-2.0
"""Bytes from disk that are complete, and bytes to disk that are complete or absent."""

from __future__ import annotations

import os
import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from hepacast.core.errors import ImageFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from typing_extensions import Buffer

LIMIT_BYTES = 8 << 30
"""Largest decoded image that is read: 2,000 slices of 1024 x 1024 in float32."""

_DEFLATE_MAX_RATIO = 1032
_CHUNK = 1 << 24
_GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


def read_bytes(path: Path) -> bytes:
    """Return the whole file, or say why it cannot be had.

    Parameters
    ----------
    path : Path
        A regular file.

    Raises
    ------
    ImageFileError
        If it is missing, a folder, a broken link, unreadable or empty.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
    if not data:
        raise ImageFileError(
            what="an image file holds data",
            got="0 bytes",
            fix="Copy or export it again; the transfer was cut short.",
        ).at(file=path)
    return data


def unreadable(path: Path, error: OSError) -> ImageFileError:
    """Turn an operating system's refusal into an error that names path, owner and mode."""
    fix = "Check the path in the case table."
    got = error.strerror or type(error).__name__
    if path.is_symlink() and not path.exists():
        got = f"a broken link to {path.readlink()}"
        fix = "Bring the target back, or copy the file instead of linking it."
    elif isinstance(error, PermissionError):
        status = path.stat() if path.exists() else path.parent.stat()
        got = (
            f"permission denied for user {os.getuid()} "
            f"(owner {status.st_uid}, mode {status.st_mode & 0o777:03o})"
        )
        fix = "Give this user the right to read it."
    elif isinstance(error, IsADirectoryError):
        fix = "Name the file; only a DICOM series may be a folder."
    return ImageFileError(what="the file must be readable", got=got, fix=fix).at(file=path)


def inflate(packed: bytes, head_bytes: int, length_of: Callable[[bytes], int]) -> bytearray:
    """Unpack a gzip stream whose own header says how long it must be.

    The whole stream is read, so that its checksum and length are verified, and
    never more than the header announces, so that a bomb cannot fill the memory.

    Parameters
    ----------
    packed : bytes
        One or more gzip members.
    head_bytes : int
        Unpacked bytes that ``length_of`` gets; fewer if the stream is shorter.
    length_of : callable
        From those bytes to the length that the unpacked stream must have.

    Returns
    -------
    bytearray
        Exactly the announced bytes.

    Raises
    ------
    ImageFileError
        If the stream is damaged, cut short, or longer than announced.

    Examples
    --------
    >>> import gzip
    >>> bytes(inflate(gzip.compress(b"abc"), 1, lambda head: 3))
    b'abc'
    """
    try:
        return _inflate(packed, head_bytes, length_of)
    except zlib.error as error:
        raise ImageFileError(
            what="a gzip stream must match its checksum",
            got=str(error),
            fix="The file is damaged: copy or export it again.",
        ) from error


def _inflate(packed: bytes, head_bytes: int, length_of: Callable[[bytes], int]) -> bytearray:
    stream = zlib.decompressobj(wbits=31)
    head = stream.decompress(packed, head_bytes) if head_bytes else b""
    total = length_of(head)
    require_size(total)
    if total > _DEFLATE_MAX_RATIO * len(packed):
        raise _cut_short(len(packed), total)
    if len(head) > total:
        raise _too_long(total)
    out = bytearray(total)
    out[: len(head)] = head
    at, rest = len(head), stream.unconsumed_tail if head_bytes else packed
    while True:
        while not stream.eof:
            part = stream.decompress(rest, min(_CHUNK, total - at + 1))
            rest = stream.unconsumed_tail
            if at + len(part) > total:
                raise _too_long(total)
            out[at : at + len(part)] = part
            at += len(part)
            if not part and not rest and not stream.eof:
                raise _cut_short(at, total)
        rest = stream.unused_data
        if not rest.strip(b"\0"):
            break
        stream = zlib.decompressobj(wbits=31)
    if at < total:
        raise _cut_short(at, total)
    return out


def _too_long(wanted: int) -> ImageFileError:
    return ImageFileError(
        what="the file must be as long as its header says",
        got=f"more than {wanted} bytes",
        fix="The header does not belong to these voxels: export the image again.",
    )


def _cut_short(found: int, wanted: int) -> ImageFileError:
    return ImageFileError(
        what="the file must be as long as its header says",
        got=f"{found} bytes where {wanted} are announced",
        fix="The transfer was cut short: copy or export it again.",
    )


def require_size(total_bytes: int) -> None:
    """Refuse a header that announces more than any scanner makes.

    Raises
    ------
    ImageFileError
        Above :data:`LIMIT_BYTES`.
    """
    if total_bytes > LIMIT_BYTES:
        raise ImageFileError(
            what=f"an image has at most {LIMIT_BYTES >> 30} GiB of voxels",
            got=f"a header that announces {total_bytes / (1 << 30):.3g} GiB",
            fix="The header is damaged; or crop the image before use.",
        )


def require_length(found: int, announced: int) -> None:
    """Refuse a raw stream that is not as long as its header says.

    Raises
    ------
    ImageFileError
        If it is shorter (cut short) or longer (another file's header).
    """
    require_size(announced)
    if found < announced:
        raise _cut_short(found, announced)
    if found > announced:
        raise ImageFileError(
            what="the file must be as long as its header says",
            got=f"{found} bytes where {announced} are announced",
            fix="The header does not belong to these voxels: export the image again.",
        )


def deflate(parts: Iterable[Buffer], level: int = 4) -> Iterable[bytes]:
    """Pack into one gzip member that is equal for equal bytes: no name, no time.

    >>> packed = b"".join(deflate([b"abc"]))
    >>> import gzip
    >>> gzip.decompress(packed)
    b'abc'
    """
    stream = zlib.compressobj(level, zlib.DEFLATED, -15)
    crc, size = 0, 0
    yield _GZIP_HEAD
    for part in parts:
        crc, size = zlib.crc32(part, crc), size + memoryview(part).nbytes
        yield stream.compress(part)
    yield stream.flush()
    yield crc.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")


def write_verified(path: Path, parts: Iterable[Buffer], *, durable: bool = True) -> None:
    """Write a file that is complete and verified, or not there at all.

    The bytes go to a temporary file in the same folder, are forced to the disk,
    read back and compared by checksum; only then the file gets its name.

    Parameters
    ----------
    path : Path
        Where to; an older file of that name is replaced in one step.
    parts : iterable of bytes
        Written one after the other.
    durable : bool
        Wait until the bytes are on the disk; without it a power cut can lose the
        file, but still not leave half of one under its name on common file systems.

    Raises
    ------
    ImageFileError
        If the disk is full, the folder is missing or may not be written to.
    """
    temporary: Path | None = None
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        temporary = Path(name)
        written = 0
        with os.fdopen(descriptor, "wb") as file:
            for part in parts:
                written = zlib.crc32(part, written)
                file.write(part)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        if _checksum(temporary) != written:
            raise ImageFileError(
                what="a file must read back as it was written",
                got="other bytes",
                fix="Check the disk; nothing was kept.",
            ).at(file=path)
        # mkstemp makes the file private; results are shared like any other output.
        temporary.chmod(0o644)
        temporary.replace(path)
        temporary = None
    except OSError as error:
        raise ImageFileError(
            what="the file must be writable",
            got=error.strerror or type(error).__name__,
            fix="Free space or choose another folder; nothing was kept.",
        ).at(file=path) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _checksum(path: Path) -> int:
    crc = 0
    with path.open("rb") as file:
        while part := file.read(_CHUNK):
            crc = zlib.crc32(part, crc)
    return crc
