# SPDX-License-Identifier: Apache-2.0
"""CSV and spreadsheets, read as text and never guessed at."""

from __future__ import annotations

import gzip
import io
from typing import TYPE_CHECKING

from hepacast.core.errors import TableError
from hepacast.core.events import Noticed, ignore
from hepacast.core.provenance import digest_bytes
from hepacast.core.text import TextTable

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from hepacast.core.events import Listener

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
        Told when the text is not UTF-8 and was read as GB 18030.

    Raises
    ------
    TableError
        If the file is missing, is no table, has no rows, or has two equal headings.
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
        frame = _read_sheet(data, sheet, path)
    else:
        frame = _read_csv(_text(data, path, on_event), path)
    columns = {
        name.strip(): tuple(cell if cell and cell.strip() else None for cell in frame[name])
        for name in frame.columns
    }
    if len(columns) < len(frame.columns) or not len(frame):
        raise TableError(
            what="a table needs at least one row, and headings that differ",
            got=f"{len(frame)} rows under {', '.join(map(repr, frame.columns))}",
            fix="Mend the first row of the table, or name the right sheet.",
        ).at(file=path)
    return TextTable(columns, path.name, digest_bytes(data))


def _text(data: bytes, path: Path, on_event: Listener) -> str:
    """Unpack and decode; UTF-8 first, since GB 18030 accepts nearly any bytes."""
    try:
        raw = gzip.decompress(data) if path.suffix == ".gz" else data
    except (OSError, EOFError) as error:
        raise TableError(
            what="a .gz table must be a whole gzip file",
            got=str(error),
            fix="Copy or download the file again.",
        ).at(file=path) from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        on_event(Noticed(str(path), "not UTF-8: read as GB 18030; check names and labels"))
        return raw.decode("gb18030", errors="replace")


def _read_csv(text: str, path: Path) -> pl.DataFrame:
    """Parse separated text; the separator is what the heading row uses."""
    import polars as pl  # noqa: PLC0415 - keeps `hepacast --help` quick

    heading = text.partition("\n")[0]
    separator = max("\t;,", key=heading.count)
    try:
        return pl.read_csv(
            io.StringIO(text), separator=separator, infer_schema=False, truncate_ragged_lines=False
        )
    except pl.exceptions.PolarsError as error:
        raise TableError(
            what=f"the table must be text separated by {separator!r}, one heading per column",
            got=str(error).splitlines()[0],
            fix="Save it as CSV (UTF-8) again, with quotes around cells that hold the separator.",
        ).at(file=path) from error


def _read_sheet(data: bytes, sheet: str | None, path: Path) -> pl.DataFrame:
    """Read one sheet with every cell as the text that it shows."""
    import fastexcel  # noqa: PLC0415 - only spreadsheets need it

    try:
        book = fastexcel.read_excel(data)
        name = sheet if sheet is not None else book.sheet_names[0]
        frame: pl.DataFrame = book.load_sheet(name, dtypes="string").to_polars()
    except fastexcel.FastExcelError as error:
        raise TableError(
            what="the spreadsheet must open and hold the sheet asked for",
            got=str(error).splitlines()[0],
            fix="Name one of its sheets in the study file, or export it as CSV.",
        ).at(file=path) from error
    return frame
