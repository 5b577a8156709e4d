# SPDX-License-Identifier: Apache-2.0
"""CSV and spreadsheets, read as text and never guessed at."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zlib
from typing import TYPE_CHECKING

from hepacast.core.errors import TableError
from hepacast.core.events import Noticed, ignore
from hepacast.core.provenance import digest_bytes
from hepacast.core.text import TextTable

if TYPE_CHECKING:
    from pathlib import Path

    from hepacast.core.events import Listener

Row = list[str | None]
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SPREADSHEETS = (".xlsx", ".xls", ".xlsb", ".ods")


def read_table(path: Path, *, sheet: str | None = None, on_event: Listener = ignore) -> TextTable:
    """Read a table with a heading row; cells stay text, so that ``007`` stays ``007``.

    Parameters
    ----------
    path : Path
        ``.csv``, ``.tsv``, either of them ``.gz``, or ``.xlsx``, ``.xls``, ``.ods``.
    sheet : str, optional
        Sheet of a spreadsheet; the first one by default.
    on_event : callable
        Told when the text is not UTF-8 and was read as GB 18030, and of a column without heading.

    Raises
    ------
    TableError
        If the file is missing, is no table, has no rows, a row of another length than the
        first, or two equal headings.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TableError(
            what="the table must be a readable file",
            got=f"{error.strerror or error}",
            fix="Correct the path in the study file; it is relative to that file.",
        ).at(file=path) from error
    if path.suffix.lower() in _SPREADSHEETS:
        rows = _read_sheet(data, sheet, path)
    else:
        rows = _read_csv(_text(data, path, on_event), path)
    return TextTable(_columns(rows, path, on_event), path.name, digest_bytes(data))


def _columns(rows: list[Row], path: Path, on_event: Listener) -> dict[str, tuple[str | None, ...]]:
    """Turn rows into columns; those without a heading are noticed and left out."""
    names = [(cell or "").strip() for cell in rows[0]] if rows else []
    cells = [[cell if cell and cell.strip() else None for cell in row] for row in rows[1:]]
    while cells and not any(cells[-1]):
        cells.pop()
    headings = [name for name in names if name]
    if len(set(headings)) < len(headings) or not headings or not cells:
        raise TableError(
            what="a table needs at least one row, and headings that differ",
            got=f"{len(cells)} rows under {', '.join(map(repr, names)) or 'no heading'}"[:200],
            fix="Mend the first row of the table, or name the right sheet.",
        ).at(file=path)
    for at, row in enumerate(cells, start=2):
        if len(row) != len(names):
            raise TableError(
                what=f"every row of the table needs {len(names)} cells, one per heading",
                got=f"{len(row)} in row {at}",
                fix="Mend that row; a cell that holds the separator needs quotes around it.",
            ).at(file=path)
    columns = dict(zip(names, zip(*cells, strict=True), strict=True))
    # R and pandas write row names under an empty heading; spreadsheets leave empty columns.
    if any(columns.pop("", ())):
        on_event(Noticed(path.name, "a column without a heading is not used"))
    return columns


def _text(data: bytes, path: Path, on_event: Listener) -> str:
    """Unpack and decode; UTF-8 first, since GB 18030 accepts nearly any bytes."""
    try:
        raw = gzip.decompress(data) if path.suffix.lower() == ".gz" else data
    except (OSError, EOFError, zlib.error) as error:
        raise TableError(
            what="a .gz table must be a whole gzip file",
            got=str(error),
            fix="Copy or download the file again.",
        ).at(file=path) from error
    try:
        # Excel's "Unicode text" is UTF-16, which always starts with its byte order mark.
        return raw.decode("utf-16" if raw.startswith(_UTF16) else "utf-8-sig")
    except UnicodeDecodeError:
        on_event(Noticed(path.name, "not UTF-8: read as GB 18030; check names and labels"))
        return raw.decode("gb18030", errors="replace")


def _read_csv(text: str, path: Path) -> list[Row]:
    """Parse separated text; the separator is what the heading row uses."""
    heading = next(iter(text.splitlines()), "")
    separator = max("\t;,", key=heading.count)
    try:
        found = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise TableError(
            what=f"the table must be text separated by {separator!r}, one heading per column",
            got=str(error),
            fix="Save it as CSV (UTF-8) again, with quotes around cells that hold the separator.",
        ).at(file=path) from error
    width = len(found[0]) if found else 0
    # An empty line is a row of empty cells, so that row numbers stay those of the file.
    return [list(row) if row else [None] * width for row in found]


def _read_sheet(data: bytes, sheet: str | None, path: Path) -> list[Row]:
    """Read one sheet with every cell as the text that it shows."""
    import fastexcel  # noqa: PLC0415 - only spreadsheets need it

    try:
        book = fastexcel.read_excel(data)
        name = sheet if sheet is not None else book.sheet_names[0]
        frame = book.load_sheet(name, header_row=None, dtypes="string").to_polars()
    except fastexcel.FastExcelError as error:
        raise TableError(
            what="the spreadsheet must open and hold the sheet asked for",
            got=str(error).splitlines()[0],
            fix="Name one of its sheets in the study file, or export it as CSV.",
        ).at(file=path) from error
    return [list(row) for row in frame.iter_rows()]
