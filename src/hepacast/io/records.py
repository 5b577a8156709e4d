# SPDX-License-Identifier: Apache-2.0
"""What was measured on every case, each in a file that is named by its content key.

::

    cases/ab/<key>.parquet     one float64 and one reason per feature; never changed
    catalog/<digest>.parquet   the features' names, written once for all cases
    packs/<digest>.zip         a thousand records in one file, when there are many

An equal key means equal inputs, settings and version, so two writers of one
record write the same bytes and no lock is needed.
"""

from __future__ import annotations

import base64
import io
import json
import os
import time
import uuid
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from hepacast.core.provenance import canonical_json, digest_bytes
from hepacast.io.store import StoreError, write_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PACK_FROM, PACK_SIZE = 10_000, 1_000
"""Above so many loose records they are packed, so many to a file: clusters count files."""

_META = "hepacast"
_BROKEN = (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, pl.exceptions.PolarsError)
"""What reading a record or a catalogue that is absent, damaged or a stranger's may raise."""


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """Values of one case.

    Parameters
    ----------
    key : str
        Content key of inputs, settings and version, in hexadecimal.
    case : str
        Case id.
    names : tuple of str
        What was measured, in the order of ``values``.
    values : (feature,) float64
        NaN where there is no value; ``reasons`` says why.
    reasons : mapping of str to str
        Reason by name, for those without a value.
    notes : JSON-like
        Whatever else belongs to the case: what was repaired, from which files.
    pictures : mapping of str to bytes
        PNG by name.
    """

    key: str
    case: str
    names: tuple[str, ...]
    values: np.ndarray
    reasons: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)
    pictures: Mapping[str, bytes] = field(default_factory=dict)


class Records:
    """The records below one folder.

    Parameters
    ----------
    folder : Path
        Made when the first record is kept.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> records = Records(pathlib.Path(tempfile.mkdtemp()))
    >>> _ = records.keep(Record("ab" * 32, "007", ("a", "b"), np.array([1.5, np.nan])))
    >>> records.find("ab" * 32).values.tolist()
    [1.5, nan]
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._catalogs: dict[str, tuple[str, ...]] = {}
        self._pack_of: dict[str, Path] | None = None

    def path(self, key: str) -> Path:
        """Where the record of a key stands."""
        return self.folder / "cases" / key[:2] / f"{key}.parquet"

    def keep(self, record: Record) -> Path:
        """Write a record, whole or not at all.

        Raises
        ------
        StoreError
            If the disk is full or the folder cannot be written; nothing is left behind.
        """
        catalog = self._keep_names(record.names)
        return write_atomic(self.path(record.key), _bytes_of(record, catalog))

    def find(self, key: str) -> Record | None:
        """Return the record of a key, or None if there is none that is whole."""
        for read in (self._loose, self._packed):
            try:
                return self._unpack(read(key), key)
            except _BROKEN:
                continue
        return None

    def holds(self, key: str) -> bool:
        """Say whether a whole record of that key is there."""
        return self.find(key) is not None

    def keys(self) -> list[str]:
        """Name all records, in order."""
        loose = {path.stem for path in self.folder.glob("cases/??/*.parquet")}
        return sorted(loose.union(self._packs()))

    def pack(self, *, above: int = PACK_FROM, size: int = PACK_SIZE) -> int:
        """Move loose records into packs if there are more than ``above``, and say how many.

        A record is removed only when the pack that holds it is whole and has its name.
        """
        loose = sorted(self.folder.glob("cases/??/*.parquet"))
        if len(loose) <= above:
            return 0
        for start in range(0, len(loose), size):
            batch = loose[start : start + size]
            name = digest_bytes("\n".join(path.stem for path in batch).encode())
            _write_pack(self.folder / "packs" / f"{name}.zip", batch)
            for path in batch:
                path.unlink(missing_ok=True)  # another run may be packing too
        self._pack_of = None
        return len(loose)

    def sweep(self, *, older_than_s: float = 86_400.0) -> int:
        """Remove what writers that were killed left behind, and say how many files.

        Younger files may belong to a writer that is at work.
        """
        places = ("cases/??", "cases", "catalog", "packs", "folds", ".")
        orphans = [
            orphan
            for place in places
            for orphan in self.folder.glob(f"{place}/.*.tmp")
            if time.time() - orphan.stat().st_mtime >= older_than_s
        ]
        for orphan in orphans:
            orphan.unlink(missing_ok=True)
        return len(orphans)

    def _loose(self, key: str) -> bytes:
        """Read a record that has a file of its own."""
        return self.path(key).read_bytes()

    def _packed(self, key: str) -> bytes:
        """Read a record out of its pack, checksum included."""
        with zipfile.ZipFile(self._packs()[key]) as pack:
            return pack.read(key)

    def _packs(self) -> dict[str, Path]:
        """Say which pack holds which record; read once, and again after packing."""
        if self._pack_of is None:
            self._pack_of = {}
            for path in sorted(self.folder.glob("packs/*.zip")):
                with zipfile.ZipFile(path) as pack:
                    self._pack_of.update(dict.fromkeys(pack.namelist(), path))
        return self._pack_of

    def _keep_names(self, names: tuple[str, ...]) -> str:
        """Write the names once, and return their digest."""
        digest = digest_bytes("\n".join(names).encode())
        try:
            self._names(digest)
        except _BROKEN:
            frame = pl.DataFrame({"name": names}, {"name": pl.String})
            write_atomic(self._catalog(digest), _parquet(frame, {}))
            self._catalogs[digest] = names
        return digest

    def _catalog(self, digest: str) -> Path:
        """Where names stand."""
        return self.folder / "catalog" / f"{digest}.parquet"

    def _names(self, digest: str) -> tuple[str, ...]:
        """Read names that were written once."""
        if digest not in self._catalogs:
            frame = pl.read_parquet(self._catalog(digest).read_bytes())
            names = tuple(frame["name"].to_list())
            if digest_bytes("\n".join(names).encode()) != digest:
                msg = f"not the names {digest}"
                raise ValueError(msg)
            self._catalogs[digest] = names
        return self._catalogs[digest]

    def _unpack(self, data: bytes, key: str) -> Record:
        """Read the bytes of a record, and doubt them.

        Raises
        ------
        ValueError
            If they are not what was written under that key.
        """
        about = json.loads(pl.read_parquet_metadata(io.BytesIO(data))[_META])
        frame = pl.read_parquet(io.BytesIO(data), use_pyarrow=False)
        values = frame["value"].to_numpy()
        codes = frame["reason"].to_numpy()
        names = self._names(about["catalog"])
        if (
            about["key"] != key
            or about["digest"] != _digest(values, codes)
            or len(names) != len(values)
        ):
            msg = f"not the record {key}"
            raise ValueError(msg)
        return Record(
            key=key,
            case=about["case"],
            names=names,
            values=values,
            reasons={names[at]: about["reasons"][codes[at]] for at in np.flatnonzero(codes)},
            notes=about["notes"],
            pictures={n: base64.b64decode(text) for n, text in about["pictures"].items()},
        )


def _write_pack(path: Path, batch: list[Path]) -> None:
    """Put records side by side into one file, unpacked, so that each is read alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as pack:
                for member in batch:
                    pack.writestr(zipfile.ZipInfo(member.stem), member.read_bytes())
            file.flush()
            os.fsync(file.fileno())
        with zipfile.ZipFile(temporary) as pack:
            damaged = pack.testzip()
        if damaged is not None:
            raise StoreError(
                what="a pack must read back as it was written",
                got=f"other bytes for {damaged}",
                fix="Check the disk; nothing was removed.",
            ).at(file=path)
        temporary.replace(path)
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(
            what="a pack needs room on the disk",
            got=error.strerror or str(error),
            fix="Free space; nothing was removed.",
        ).at(file=path) from error
    finally:
        temporary.unlink(missing_ok=True)


def _bytes_of(record: Record, catalog: str) -> bytes:
    """Write a record as Parquet."""
    values = np.ascontiguousarray(record.values, dtype=np.float64)
    words = ["", *sorted(set(record.reasons.values()))]
    code_of = {word: code for code, word in enumerate(words)}
    codes = np.array([code_of[record.reasons.get(name, "")] for name in record.names], np.uint8)
    about = {
        "key": record.key,
        "case": record.case,
        "catalog": catalog,
        "reasons": words,
        "notes": record.notes,
        "pictures": {
            name: base64.b64encode(png).decode("ascii") for name, png in record.pictures.items()
        },
        "digest": _digest(values, codes),
    }
    return _parquet(
        pl.DataFrame({"value": values, "reason": codes}), {_META: canonical_json(about)}
    )


def _parquet(frame: pl.DataFrame, about: dict[str, str]) -> bytes:
    """Write a frame as Parquet, in memory: files are written in one place."""
    stream = io.BytesIO()
    frame.write_parquet(stream, compression="zstd", statistics=False, metadata=about)
    return stream.getvalue()


def _digest(values: np.ndarray, codes: np.ndarray) -> str:
    """Digest what a record says; NaN is NaN, whatever its bits."""
    plain = np.where(np.isnan(values), np.nan, values)
    return digest_bytes(plain.tobytes() + codes.tobytes())
