# SPDX-License-Identifier: Apache-2.0
"""The results of a run as the pages see them: read once, and again when they change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hepacast.core.provenance import digest_bytes
from hepacast.io.records import Records
from hepacast.report.write import RESULT, read_result
from hepacast.run.work.ledger import Ledger
from hepacast.serve.web.cohort import CohortRow, cohort_rows

if TYPE_CHECKING:
    from pathlib import Path

    from hepacast.io.records import Record
    from hepacast.report.content import ReportContent
    from hepacast.run.predictor.predictor import Predictor

PREDICTOR = "predictor"


def case_id(case: str) -> str:
    """Name a case in an address: ids may hold anything, addresses may not.

    Examples
    --------
    >>> case_id("<script>"), case_id("../etc")
    ('5b63e5b2097fc690', 'f7f9121fdb53d8de')
    """
    return digest_bytes(case.encode())[:16]


@dataclass(slots=True)
class Results:
    """The folder of a run.

    Parameters
    ----------
    folder : Path
        Where ``hepacast run`` writes; it may be at work.
    """

    folder: Path
    _stamp: tuple[int, int] = (0, 0)
    _content: ReportContent | None = None
    _rows: tuple[CohortRow, ...] = ()
    _cases: dict[str, str] = field(default_factory=dict)
    _predictor: tuple[tuple[int, int], Predictor] | None = None

    @property
    def stamp(self) -> tuple[int, int]:
        """Size and time of the result; (0, 0) before there is one."""
        return _stamp_of(self.folder / RESULT)

    @property
    def content(self) -> ReportContent | None:
        """The report, or None while there is none."""
        now = self.stamp
        if now != self._stamp:
            self._content = read_result(self.folder / RESULT) if now != (0, 0) else None
            self._rows = cohort_rows(self._content) if self._content else ()
            self._cases = {case_id(row.case): row.case for row in self._rows}
            self._stamp = now
        return self._content

    @property
    def rows(self) -> tuple[CohortRow, ...]:
        """Everybody whom the report knows, those who left too."""
        return self._rows if self.content else ()

    def case_of(self, wanted: str) -> str | None:
        """Return the case with an id of :func:`case_id`, or None."""
        return self._cases.get(wanted) if self.content else None

    def record(self, case: str) -> Record | None:
        """Return what was measured on a case, pictures included; None where nothing was."""
        entry = Ledger(self.folder / "cases" / "index").read(case)
        return None if entry is None else Records(self.folder).find(entry.key)

    @property
    def predictor(self) -> Predictor | None:
        """The predictor of the study, or None where none was written.

        Raises
        ------
        PredictorError
            If it is damaged.
        """
        from hepacast.run.predictor.files import read_predictor  # noqa: PLC0415 - loads slowly

        folder = self.folder / PREDICTOR
        now = _stamp_of(folder / "manifest.json")
        if now == (0, 0):
            return None
        if self._predictor is None or self._predictor[0] != now:
            self._predictor = (now, read_predictor(folder))
        return self._predictor[1]


def _stamp_of(path: Path) -> tuple[int, int]:
    """Tell whether a file has changed without reading it."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return (found.st_size, found.st_mtime_ns)
