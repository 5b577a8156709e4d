# SPDX-License-Identifier: Apache-2.0
"""Studies of any archive with DICOMweb, found by QIDO-RS and fetched by WADO-RS (PS3.18)."""

from __future__ import annotations

import datetime as dt
import json
import time
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field as Setting
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat

from hepacast.core.provenance import canonical_json, digest_bytes
from hepacast.io.store import write_atomic
from hepacast.serve.address import WebParams, fetch, reach, strange
from hepacast.serve.poll import OBJECT_BYTES, put
from hepacast.serve.spool import UID

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from hepacast.serve.spool import Spool

_PAGE = 100
_MOST_PAGES = 1000
_MODALITY, _SERIES_COUNT = "00080060", "00201209"
_STUDY, _SERIES, _INSTANCE = "0020000D", "0020000E", "00080018"
_JSON = "application/dicom+json"
_FILE = 'multipart/related; type="application/dicom"; transfer-syntax=*'

Keyword = Annotated[str, Setting(pattern=r"^[A-Za-z0-9]{1,64}$")]


class DicomWebParams(WebParams):
    """An archive that is asked for the studies of the last days."""

    kind: Literal["dicomweb"]
    every_s: PositiveFloat = 30.0
    """How often it is asked."""
    days: NonNegativeInt = 1
    """How many days before today a study may be dated."""
    match: dict[Keyword, str] = Setting(default_factory=dict)
    """More attributes that a study must match, such as ``StudyDescription: "*LIVER*"``."""
    modalities: tuple[str, ...] = ("CT", "MR", "SEG", "RTSTRUCT")
    """Series of other modalities are left where they are."""
    still_s: NonNegativeFloat = 60.0
    """A study is fetched when no object has joined it for so long."""


class DicomWeb:
    """Studies whose series have stopped growing.

    Parameters
    ----------
    params : DicomWebParams
        Where it is, and what is wanted of it.
    memory : Path
        File that says which studies were seen how, by digest.
    spool : Spool
        Where objects go.

    Notes
    -----
    A study that grows after it was fetched is fetched again, once it is still; so is one
    that our own results have joined, which then turns out to be known.
    """

    def __init__(self, params: DicomWebParams, memory: Path, spool: Spool) -> None:
        self.params, self.memory, self.spool = params, memory, spool

    def ask(self) -> bool:
        """Look at all studies of the last days, and fetch those that are whole.

        Returns
        -------
        bool
            Always True: nothing is left until the next time.

        Raises
        ------
        ArchiveError
            If there is no answer, or a strange one.
        """
        before: dict[str, list[Any]] = (
            json.loads(self.memory.read_text()) if self.memory.exists() else {}
        )
        seen: dict[str, list[Any]] = {}
        with reach(self.params) as client:
            for study in self._studies(client):
                name = digest_bytes(study.encode())
                state, series = self._series(client, study)
                now = time.time()
                known, since, fetched = before.get(name, ["", now, False])
                if known != state:
                    since, fetched = now, False
                if series and not fetched and now - since >= self.params.still_s:
                    self._fetch(client, study, series)
                    fetched = True
                before[name] = seen[name] = [state, since, fetched]
                if fetched:
                    self._remember(before)
        self._remember(seen)
        return True

    def _remember(self, seen: dict[str, list[Any]]) -> None:
        text = canonical_json(seen)
        if not self.memory.exists() or self.memory.read_text() != text:
            write_atomic(self.memory, text)

    def _studies(self, client: httpx.Client) -> list[str]:
        """Find the studies of the last days."""
        today = dt.datetime.now(tz=dt.UTC).astimezone().date()
        first = today - dt.timedelta(days=self.params.days)
        query = {**self.params.match, "StudyDate": f"{first:%Y%m%d}-{today:%Y%m%d}"}
        return [_uid(one, _STUDY) for one in _search(client, "studies", query)]

    def _series(self, client: httpx.Client, study: str) -> tuple[str, list[str]]:
        """Find the wanted series of a study, and a digest of how large they are."""
        field = {"includefield": "NumberOfSeriesRelatedInstances"}
        found = [
            (_uid(one, _SERIES), str(_value(one, _SERIES_COUNT)))
            for one in _search(client, f"studies/{study}/series", field)
            if _value(one, _MODALITY) in self.params.modalities
        ]
        return digest_bytes(canonical_json(sorted(found)).encode()), [uid for uid, _ in found]

    def _fetch(self, client: httpx.Client, study: str, series: list[str]) -> None:
        """Put every object of some series into the spool."""
        with self.spool.hold(study):
            for one in series:
                place = f"studies/{study}/series/{one}/instances"
                for instance in _search(client, place, {}):
                    path = f"{place}/{_uid(instance, _INSTANCE)}"
                    found = fetch(client, path, accept=_FILE, most_bytes=OBJECT_BYTES)
                    if found is not None:
                        put(self.spool, only_part(*found))


def _search(client: httpx.Client, path: str, query: dict[str, str]) -> list[dict[str, Any]]:
    """Ask page by page; an archive that ignores the offset is noticed."""
    found: list[dict[str, Any]] = []
    for _ in range(_MOST_PAGES):
        page = {**query, "limit": str(_PAGE), "offset": str(len(found))}
        answer = fetch(client, path, accept=_JSON, query=page)
        new = [] if answer is None else json.loads(answer[0])
        if not new or new == found[-len(new) :]:
            return found
        found += new
        if len(new) != _PAGE:
            return found
    raise strange(got=f"more than {_MOST_PAGES * _PAGE} answers")


def _value(item: dict[str, Any], tag: str) -> Any:  # noqa: ANN401 - any value of DICOM JSON
    """Return the first value of an attribute (PS3.18 F.2), or an empty text."""
    values = item.get(tag, {}).get("Value") or [""]
    return values[0]


def _uid(item: dict[str, Any], tag: str) -> str:
    """Return an identifier, which becomes part of an address."""
    found = str(_value(item, tag))
    if not UID.fullmatch(found):
        raise strange(got="an identifier that is none")
    return found


def only_part(body: bytes, content_type: str) -> bytes:
    r"""Return the one object in an answer of WADO-RS.

    Raises
    ------
    ArchiveError
        If there is none, or more than one.

    Examples
    --------
    >>> kind = 'multipart/related; type="application/dicom"; boundary=x'
    >>> only_part(b"--x\r\nContent-Type: application/dicom\r\n\r\nabc\r\n--x--\r\n", kind)
    b'abc'
    """
    from email.message import Message  # noqa: PLC0415 - beside its use

    head = Message()
    head["content-type"] = content_type
    edge = head.get_boundary()
    if head.get_content_type() == "application/dicom":
        return body
    if head.get_content_type() != "multipart/related" or not edge:
        raise strange(got="no object")
    mark = b"--" + edge.encode()
    start, end = body.find(b"\r\n\r\n"), body.rfind(b"\r\n" + mark + b"--")
    if not body.lstrip(b"\r\n").startswith(mark) or not 0 <= start < end:
        raise strange(got="an answer that is cut off")
    return body[start + 4 : end]
