# SPDX-License-Identifier: Apache-2.0
"""What every case was measured from: so that nothing is done twice, and changes can be named.

A file is known by its stamp (size, time, inode) without being read, by its bytes
without being decoded, and by its voxels when it was packed anew or moved.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from hepacast.core.errors import HepacastError, ImageFileError
from hepacast.core.provenance import canonical_json, content_key, digest_bytes
from hepacast.io.store import write_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one file.

    Parameters
    ----------
    stamp : str
        Size, time of the last change and inode, of all files of a folder.
    bytes_digest : str
        sha256 of the bytes.
    digests : mapping of str to str
        Digest of the voxels and their geometry, by what was read from the file.
    """

    stamp: str
    bytes_digest: str
    digests: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """How one case was measured last.

    Parameters
    ----------
    case : str
        Case id.
    operator, version : str, int
        What measured.
    params : JSON-like
        Resolved settings.
    inputs : mapping of str to str
        Digest of the voxels by role.
    files : mapping of str to Known
        By path.
    failure : mapping of str, optional
        The error, if the case could not be measured.
    """

    case: str
    operator: str
    version: int
    params: Any
    inputs: Mapping[str, str]
    files: Mapping[str, Known]
    failure: Mapping[str, Any] | None = None

    @property
    def key(self) -> str:
        """Content key of the record."""
        return content_key(self.operator, self.version, self.params, self.inputs)


class Ledger:
    """One small file per case, below a folder.

    Parameters
    ----------
    folder : Path
        Made when the first entry is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, case: str) -> Path:
        """Where the entry of a case stands; ids may hold anything, file names may not."""
        return self.folder / f"{digest_bytes(case.encode())[:16]}.json"

    def write(self, entry: Entry) -> None:
        """Replace the entry of a case."""
        write_atomic(self.path(entry.case), canonical_json(asdict(entry)))

    def read(self, case: str) -> Entry | None:
        """Return the entry of a case, or None if there is none that can be read."""
        try:
            content = json.loads(self.path(case).read_text(encoding="utf-8"))
            files = {path: Known(**known) for path, known in content.pop("files").items()}
            entry = Entry(files=files, **content)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None
        return entry if entry.case == case else None


def stamp(path: Path) -> str:
    """Name the state of a file, or of all files of a folder, without reading them.

    Raises
    ------
    ImageFileError
        If it is not there.
    """
    try:
        found = [
            (str(file.relative_to(path)), status.st_size, status.st_mtime_ns, status.st_ino)
            for file in _files(path)
            for status in [file.stat()]
        ]
    except OSError as error:
        raise _absent(path, error.strerror or str(error)) from error
    if not found:
        raise _absent(path, "nothing at that path")
    return digest_bytes(repr(found).encode())


def digest_file(path: Path) -> str:
    """Digest the bytes of a file, or of all files of a folder whatever their names.

    Raises
    ------
    ImageFileError
        If one cannot be read.
    """
    try:
        parts = sorted(digest_bytes(file.read_bytes()) for file in _files(path))
    except OSError as error:
        raise _absent(path, error.strerror or str(error)) from error
    if not parts:
        raise _absent(path, "nothing at that path")
    return parts[0] if len(parts) == 1 else digest_bytes("".join(parts).encode())


def _files(path: Path) -> list[Path]:
    """List a file itself, or the files of a folder."""
    if path.is_dir():
        return [file for file in sorted(path.rglob("*")) if file.is_file()]
    return [path] if path.exists() else []


def _absent(path: Path, got: str) -> ImageFileError:
    return ImageFileError(
        what="an image or mask must be a readable file or folder",
        got=got,
        fix="Correct the path in the case table.",
    ).at(file=path)


def unchanged(entry: Entry, paths: Mapping[str, Path]) -> bool:
    """Say whether all files of a case still are those that its entry names, by their stamps.

    Parameters
    ----------
    entry : Entry
        Of an earlier run.
    paths : mapping of str to Path
        The files now, by the name under which the entry has them.
    """
    if set(paths) != set(entry.files):
        return False
    try:
        return all(stamp(path) == entry.files[name].stamp for name, path in paths.items())
    except ImageFileError:
        return False


def look(
    path: Path, role: str, before: Entry | None, decode: Callable[[], str], *, rehash: bool = False
) -> Known:
    """Find the digest of the voxels of one file at the least cost.

    Parameters
    ----------
    path : Path
        File or folder.
    role : str
        What is read from it, with the settings of the reading.
    before : Entry, optional
        Of an earlier run; a file is recognised there by its stamp, or by its bytes.
    decode : callable
        Reads the voxels and digests them; called only if the bytes are new.
    rehash : bool
        Do not trust stamps.
    """
    now = stamp(path)
    known = list(before.files.values()) if before else []
    for one in known:
        if not rehash and one.stamp == now and role in one.digests:
            return one
    digest = digest_file(path)
    for one in known:
        if one.bytes_digest == digest and role in one.digests:
            return Known(now, digest, one.digests)
    return Known(now, digest, {role: decode()})


def failure_of(error: HepacastError) -> dict[str, Any]:
    """Write an error as JSON, so that a case that failed is not tried again for nothing."""
    return {
        "kind": type(error).__name__,
        "what": error.what,
        "got": error.got,
        "fix": error.fix,
        "where": dict(error.where),
    }


def differences(before: Any, now: Any, place: str = "") -> Iterator[tuple[str, str, str]]:  # noqa: ANN401 - JSON
    """Name every field in which two JSON-like values differ, with both values.

    >>> list(differences({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}))
    [('a.c', '2', '3')]
    """
    if isinstance(before, dict) and isinstance(now, dict):
        for name in sorted({*before, *now}):
            inner = f"{place}.{name}" if place else str(name)
            yield from differences(before.get(name), now.get(name), inner)
    elif before != now:
        yield place, _short(before), _short(now)


def _short(value: object) -> str:
    """Write a value in a line."""
    text = "absent" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
