# SPDX-License-Identifier: Apache-2.0
"""DICOM objects as they arrive: on the disk before they are acknowledged, under no name of theirs.

::

    spool/.incoming/                                    while an object is written
    spool/<hash of study>/<hash of SOP instance>.dcm    until the study is quiet
    jobs/<key>/in/                                      from then on

A study becomes a job by one renaming, so that a process which is killed at any moment
leaves it in one of the two places.  Whoever is cut off while he sends tries again later:
a study whose sender has not taken his leave waits much longer than one that is quiet.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import threading
import time
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hepacast.core.errors import HepacastError
from hepacast.core.provenance import digest_bytes
from hepacast.io.dicom.header import MALFORMED, quiet
from hepacast.serve.jobs import FullError, key_of
from hepacast.serve.runner import IN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from hepacast.serve.audit import Audit
    from hepacast.serve.jobs import Jobs

UID = re.compile(r"(?=.{1,64}\Z)[0-9]+(\.[0-9]+)*")
COMPRESSED = [
    "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.57",
    "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81",
    "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.5",
]  # fmt: skip
"""JPEG, JPEG-LS, JPEG 2000 and RLE: kept as they come, decoded by the process apart."""
_IMPLICIT = "1.2.840.10008.1.2"
_SYNTAXES = {_IMPLICIT, "1.2.840.10008.1.2.1", *COMPRESSED}
_PREAMBLE, _START = 128, 132
_HEAD = 2**20
"""The identifiers stand in the first bytes; whatever comes later is read by the process apart."""
_STUDY_UID = 0x0020000D
_BLOCK = 4096
"""A file takes at least so much of the disk."""
_INCOMING, _SENDING, _FETCHING = ".incoming", ".sending", ".fetching"
_FETCH_S = 86400.0


class RefusedError(HepacastError, ValueError):
    """An object that is not kept."""


class SpoolFullError(HepacastError, OSError):
    """No room for more objects."""


class Spool:
    """Objects that wait for the rest of their study.

    Parameters
    ----------
    jobs : Jobs
        Where whole studies go.
    audit : Audit
        Told of every study.
    digest : str
        Of the predictor: the same study with another one is another job.
    quiet_s : float
        A study without a new object for so long is whole.
    patience_s : float
        A study whose sender was cut off waits so long for him to come back.
    most_bytes : int
        Room for all objects that wait.
    """

    def __init__(
        self, jobs: Jobs, audit: Audit, digest: str, *, quiet_s: float = 30.0,
        patience_s: float = 900.0, most_bytes: int = 64 * 2**30,
    ) -> None:  # fmt: skip
        self.jobs, self.audit, self.digest = jobs, audit, digest
        self.quiet_s, self.patience_s, self.most_bytes = quiet_s, patience_s, most_bytes
        self.folder = jobs.folder / "spool"
        self._incoming = self.folder / _INCOMING
        shutil.rmtree(self._incoming, ignore_errors=True)
        self._incoming.mkdir(mode=0o700, parents=True)
        self._lock = threading.Lock()
        self._bytes = sum(map(_room, self.folder.glob("*/*.dcm")))
        self._since = 0.0
        self.reachable()
        self._adopt()

    def reachable(self) -> None:
        """Count from now: nobody could reach us before, so that no study was quiet."""
        self._since = time.time()

    def _adopt(self) -> None:
        """Queue what became a folder of a job just before the process was killed."""
        for place in (self.jobs.folder / "jobs").glob("*/" + IN):
            if self.jobs.find(place.parent.name) is None:
                self._add(place.parent.name, len(list(place.iterdir())))

    def put(self, data: bytes, *, sending: bool = False) -> str | None:
        """Keep one file in the DICOM format; it is on the disk when this returns.

        Parameters
        ----------
        data : bytes
            The file.
        sending : bool
            More may follow, until :meth:`release`.

        Returns
        -------
        str or None
            Digest of the study; None for an object that a model of ours has made.

        Raises
        ------
        RefusedError
            If it is none, is compressed as a whole, or its identifiers are none.
        SpoolFullError
            If there is no room.
        """
        study, instance, ours = _identify(data)
        if ours:
            return None
        if self._bytes + len(data) > self.most_bytes:
            raise SpoolFullError(
                what="the spool has room",
                got="none",
                fix="See why jobs do not end.",
            )
        partial = self._incoming / uuid.uuid4().hex
        try:
            with partial.open("wb") as file:
                # A preamble may hold a program.
                file.write(bytes(_PREAMBLE))
                file.write(memoryview(data)[_PREAMBLE:])
                file.flush()
                os.fsync(file.fileno())
            with self._lock:
                place = self._open(study)
                target = place / f"{digest_bytes(instance.encode())}.dcm"
                before = _room(target) if target.exists() else 0
                self._bytes += _room(partial) - before
                if sending:
                    (place / _SENDING).touch()
                partial.replace(target)
                folder = os.open(place, os.O_RDONLY)
        finally:
            partial.unlink(missing_ok=True)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return place.name

    def release(self, studies: Iterable[str]) -> None:
        """Hear that the sender of some studies has taken his leave."""
        with self._lock:
            for study in studies:
                (self.folder / study / _SENDING).unlink(missing_ok=True)

    def _open(self, study: str) -> Path:
        """Return the folder of a study; the caller has the lock."""
        place = self.folder / digest_bytes(study.encode())
        if not place.is_dir():
            place.mkdir(mode=0o700)
            _sync(self.folder)
        return place

    @contextmanager
    def hold(self, study: str) -> Iterator[None]:
        """Keep a study open while its objects are fetched.

        One whose fetching failed stays open, for a day, until it is fetched again.
        """
        with self._lock:
            hold = self._open(study) / _FETCHING
            hold.touch()
        yield
        with self._lock:
            hold.unlink(missing_ok=True)

    def sweep(self) -> int:
        """Turn studies that are quiet into jobs; say how many became one."""
        made = 0
        for place in sorted(self.folder.glob("[!.]*")):
            with self._lock:
                if place.is_dir() and self._is_quiet(place):
                    made += self._close(place)
        return made

    def _is_quiet(self, place: Path) -> bool:
        now = time.time()
        hold = place / _FETCHING
        if hold.exists() and now - hold.stat().st_mtime < _FETCH_S:
            return False
        wait = self.patience_s if (place / _SENDING).exists() else self.quiet_s
        last = place.stat().st_mtime
        if last > now + wait:  # the clock was put back
            os.utime(place)
            return False
        return now - max(last, self._since) >= wait

    def _close(self, place: Path) -> bool:
        """Make one study a job, unless it is one already."""
        files = sorted(place.glob("*.dcm"))
        size = sum(map(_room, files))
        job = key_of(*(path.stem for path in files), self.digest)
        target = self.jobs.place(job)
        if not files or self.jobs.find(job) is not None or (target / IN).exists():
            shutil.rmtree(place)
            self._bytes -= size
            if files:
                self.audit.write("known", job=job, files=len(files))
            return False
        counts = self.jobs.counts()
        if counts["waiting"] + counts["working"] >= self.jobs.limit:
            return False
        for name in (_SENDING, _FETCHING):
            (place / name).unlink(missing_ok=True)
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        place.rename(target / IN)
        _sync(target)
        _sync(target.parent)
        self._bytes -= size
        return self._add(job, len(files))

    def _add(self, job: str, files: int) -> bool:
        # First the line, then the job: what is worked on is always in the log.
        self.audit.write("received", job=job, files=files)
        try:
            return self.jobs.add(job, "dicom")
        except FullError:
            return False  # it is adopted at the next start


def _room(path: Path) -> int:
    """Bytes that a file takes of the disk, about."""
    return max(path.stat().st_size, _BLOCK)


def _sync(folder: Path) -> None:
    """Put the names in a folder on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _identify(data: bytes) -> tuple[str, str, bool]:
    """Read study and instance of a file, and whether a model of ours made it."""
    from pydicom.filereader import read_dataset  # noqa: PLC0415 - loads slowly

    if data[_PREAMBLE:_START] != b"DICM":
        raise refused(got="another format")
    stream = io.BytesIO(data[:_HEAD])
    stream.seek(_START)
    try:
        with quiet():
            meta = read_dataset(
                stream,
                is_implicit_VR=False,
                is_little_endian=True,
                stop_when=lambda tag, _vr, _length: tag.group != 2,
            )
            syntax = str(meta.TransferSyntaxUID)
            if syntax not in _SYNTAXES:
                raise refused(got="a file in another transfer syntax")
            ds = read_dataset(
                stream,
                is_implicit_VR=syntax == _IMPLICIT,
                is_little_endian=True,
                stop_when=lambda tag, _vr, _length: tag > _STUDY_UID,
            )
            study, instance = str(ds.StudyInstanceUID), str(ds.SOPInstanceUID)
            made = str(ds.get("Manufacturer", "")), str(ds.get("ContentQualification", ""))
    except RefusedError:
        raise
    except MALFORMED as error:
        raise refused(type(error).__name__) from None
    if not (UID.fullmatch(study) and UID.fullmatch(instance)):
        raise refused(got="an identifier that is none")
    # Archives send a study anew when our results join it; that is no new examination.
    return study, instance, made == ("hepacast", "RESEARCH")


def refused(got: str) -> RefusedError:
    """Return the error for an object that is not kept."""
    return RefusedError(
        what="an object is DICOM, with identifiers of study and instance",
        got=got,
        fix="Send it in explicit little endian.",
    )
