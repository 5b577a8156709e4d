# SPDX-License-Identifier: Apache-2.0
"""Who asked for what: a log whose every line vouches for the one before."""

from __future__ import annotations

import json
import os
import threading
import time
from typing import TYPE_CHECKING

from hepacast.core.errors import HepacastError
from hepacast.core.provenance import canonical_json, digest_bytes

if TYPE_CHECKING:
    from pathlib import Path

_START = "0" * 64


class AuditError(HepacastError, ValueError):
    """A log that was changed after it was written."""


class Audit:
    """Lines of JSON, each with the digest of the line before.

    Parameters
    ----------
    path : Path
        Made if missing; checked whole before it is continued.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> audit = Audit(pathlib.Path(tempfile.mkdtemp()) / "audit.jsonl")
    >>> audit.write("upload", who="ward", job="ab")
    >>> check(audit.path)
    1
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            _cut_torn_line(path)
            check(path)
            last = path.read_bytes().splitlines()[-1:]
            self._last = digest_bytes(last[0]) if last else _START
        else:
            self._last = _START

    def write(self, event: str, **facts: str | float) -> None:
        """Add one line, on the disk before this returns."""
        with self._lock:
            content = {"at": round(time.time(), 3), "event": event, "before": self._last, **facts}
            line = canonical_json(content).encode()
            with self.path.open("ab") as file:
                file.write(line + b"\n")
                file.flush()
                os.fsync(file.fileno())
            self._last = digest_bytes(line)


def _cut_torn_line(path: Path) -> None:
    """Remove a last line that a power cut left unfinished: it was never acknowledged."""
    data = path.read_bytes()
    if data and not data.endswith(b"\n"):
        path.write_bytes(data[: data.rfind(b"\n") + 1])


def check(path: Path) -> int:
    """Count the lines of a log, if none was changed, removed or put between.

    Whoever can write the file can write it anew from any line on; compare the digest of
    the last line with a copy kept elsewhere to notice that.

    Raises
    ------
    AuditError
        Naming the first line that does not follow from the one before.
    """
    before = _START
    lines = path.read_bytes().splitlines()
    for number, line in enumerate(lines, 1):
        try:
            said = json.loads(line)["before"]
        except (ValueError, KeyError, TypeError):
            said = None
        if said != before:
            raise AuditError(
                what="every line of an audit log vouches for the one before",
                got=f"line {number} that does not",
                fix="It was changed after it was written: compare it with a backup.",
            ).at(file=path.name)
        before = digest_bytes(line)
    return len(lines)
