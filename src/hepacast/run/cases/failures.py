# SPDX-License-Identifier: Apache-2.0
"""What failed, for files that leave the house: by case and column, never by a path.

The folder of an image often bears the name of its patient.  A message on the user's own
terminal may show it; a table or a report may not.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from hepacast.core import errors
from hepacast.core.errors import HepacastError
from hepacast.run.work.ledger import failure_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from hepacast.run.cases.record import CaseRecord
    from hepacast.run.parts.rows import ImageRow


def left_out(records: Mapping[str, CaseRecord]) -> dict[str, HepacastError]:
    """Return the first region of every case that could not be measured while others could."""
    return {
        case: error_of(record.left_out[0]) for case, record in records.items() if record.left_out
    }


def error_of(failure: Mapping[str, Any]) -> HepacastError:
    """Make an error anew from what a record or ledger says of it."""
    kind = getattr(errors, failure["kind"], HepacastError)
    error: HepacastError = kind(what=failure["what"], got=failure["got"], fix=failure["fix"])
    return error.at(**failure["where"])


def without_paths(error: HepacastError, rows: Iterable[ImageRow]) -> HepacastError:
    """Return an error that names the column of the case table in place of a path.

    Parameters
    ----------
    error : HepacastError
        As raised; it is not changed.
    rows : iterable of ImageRow
        Of the case that failed.
    """
    place = error.where.get("file")
    if place is None:
        return error
    public = error_of(failure_of(error))
    public.where["file"] = _column(place, rows)
    for row in rows:
        for path in (row.image, *(mask.path for mask in row.masks.values())):
            public.got = public.got.replace(str(path), "the file")
            public.got = public.got.replace(str(path.parent), "...")
    return public


def _column(place: str, rows: Iterable[ImageRow]) -> str:
    """Say which cell of the case table leads to a file."""
    for row in rows:
        if place == str(row.image):
            return "image"
        for name, mask in row.masks.items():
            if place == str(mask.path):
                return f"mask {name}"
        if place.startswith(f"{row.image}/"):
            return f"image, {_number(place, row.image)}"
    return "a file of the case"


def _number(place: str, folder: Path) -> str:
    """Count a file of a series by name: names of files may be telling, too."""
    names = sorted(str(path) for path in folder.rglob("*") if path.is_file())
    return f"file {names.index(place) + 1} of {len(names)}" if place in names else "a file of it"


def failures_table(failures: Mapping[str, HepacastError]) -> str:
    """Write failed cases as CSV: case, where, expected, found and what to do."""
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(["case", "where", "expected", "found", "fix"])
    for case, error in failures.items():
        where = " > ".join(f"{k} {v}" for k, v in error.where.items() if k != "case")
        writer.writerow([case, where, error.what, error.got, error.fix])
    return stream.getvalue()
