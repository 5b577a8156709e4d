# SPDX-License-Identifier: Apache-2.0
"""Studies fetched from an archive that is asked again and again.

What was fetched is written down only when all of it is in the spool: a study may be
fetched twice, which does no harm, but none is left out.
"""

from __future__ import annotations

import json
import re
import threading
from typing import TYPE_CHECKING, Any, Literal, Protocol

from pydantic import PositiveFloat  # noqa: TC002 - settings are read at run time

from hepacast.io.store import write_atomic
from hepacast.serve.address import ArchiveError, WebParams, fetch, reach, strange
from hepacast.serve.spool import UID, RefusedError, SpoolFullError

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from hepacast.serve.audit import Audit
    from hepacast.serve.spool import Spool

_ID = re.compile(r"[0-9a-f-]{44}")
_PAGE = 100
OBJECT_BYTES = 2**29
"""Largest object that is fetched."""


class OrthancParams(WebParams):
    """An Orthanc whose log of changes is read for stable studies."""

    kind: Literal["orthanc"] = "orthanc"
    every_s: PositiveFloat = 5.0
    """How often it is asked."""


class Source(Protocol):
    """Whatever can be asked for new studies."""

    def ask(self) -> bool:
        """Fetch some; True when there are no more at present."""
        ...


class Poll:
    """Ask one source in a thread of its own.

    Parameters
    ----------
    source : Source
        The archive.
    every_s : float
        How often.
    audit : Audit
        Told when the archive goes away and when it is back.
    """

    def __init__(self, source: Source, every_s: float, audit: Audit) -> None:
        self.source, self.every_s, self.audit = source, every_s, audit
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="poll", daemon=True)
        self._trouble = ""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, at the latest when the archive has answered."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            self.turn()
            self._stop.wait(self.every_s)

    def turn(self) -> None:
        """Fetch all that is new; an archive that is away is asked again later."""
        trouble = ""
        try:
            while not self.source.ask():
                if self._stop.is_set():
                    return
        except (ArchiveError, SpoolFullError) as error:
            trouble = f"{error.what}; {error.got}"
        except Exception as error:
            # Whatever it is, the thread has to ask again.
            trouble = type(error).__name__
        if trouble != self._trouble:
            self.audit.write("archive", reason=trouble or "back")
            self._trouble = trouble


class Orthanc:
    """Stable studies of an Orthanc, in the order of its log.

    Parameters
    ----------
    params : OrthancParams
        Where it is.
    cursor : Path
        File with the place in the log.
    spool : Spool
        Where objects go.
    """

    def __init__(self, params: OrthancParams, cursor: Path, spool: Spool) -> None:
        self.params, self.cursor, self.spool = params, cursor, spool

    def ask(self) -> bool:
        """Fetch the studies of one page of the log; True at its end.

        Raises
        ------
        ArchiveError
            If there is no answer, or a strange one.
        """
        since = int(self.cursor.read_text()) if self.cursor.exists() else 0
        with reach(self.params) as client:
            query = {"since": str(since), "limit": str(_PAGE)}
            page = _json(client, "changes", query)
            changes = [one for one in page["Changes"] if one["ChangeType"] == "StableStudy"]
            for study in dict.fromkeys(_id(one) for one in changes):
                self._fetch(client, study)
            last, done = int(page["Last"]), bool(page["Done"])
            if last < since or (last == since and not done):
                raise strange(got="a log that goes backwards")
        if last != since:
            write_atomic(self.cursor, str(last))
        return done

    def _fetch(self, client: httpx.Client, study: str) -> None:
        """Put every object of one study into the spool; one that was deleted is gone."""
        about = _json(client, f"studies/{study}")
        if about is None:
            return
        uid = str(about["MainDicomTags"]["StudyInstanceUID"])
        if not UID.fullmatch(uid):
            return
        with self.spool.hold(uid):
            for one in _json(client, f"studies/{study}/instances") or ():
                found = fetch(
                    client,
                    f"instances/{_id(one)}/file",
                    accept="application/dicom",
                    most_bytes=OBJECT_BYTES,
                )
                if found is not None:
                    put(self.spool, found[0])


def put(spool: Spool, data: bytes) -> None:
    """Keep an object, unless it is none that a predictor could read."""
    try:
        spool.put(data)
    except RefusedError:
        return


def _json(client: httpx.Client, path: str, query: dict[str, str] | None = None) -> Any:  # noqa: ANN401
    found = fetch(client, path, query=query)
    return None if found is None else json.loads(found[0])


def _id(item: dict[str, Any]) -> str:
    """Return an identifier of Orthanc, which becomes part of an address."""
    found = str(item["ID"])
    if not _ID.fullmatch(found):
        raise strange(got="an identifier that is none")
    return found
