# SPDX-License-Identifier: Apache-2.0
"""Tables as CSV and figures as files, at journal size."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, Literal

from hepacast.core.errors import StudyError
from hepacast.report.figures.style import styled
from hepacast.report.figures.svg import raw_svg

if TYPE_CHECKING:
    from hepacast.report.figures.style import Drawing
    from hepacast.report.sheets import Cell, Sheet

FigureFormat = Literal["svg", "png", "pdf", "tiff"]
FORMATS: tuple[FigureFormat, ...] = ("svg", "png", "pdf", "tiff")
"""Kinds of figure file that can be written."""

_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n")


def guard(text: str) -> str:
    r"""Keep a spreadsheet from running a text as a formula.

    A text that starts like a formula gets an apostrophe before it, as OWASP advises for
    CSV injection; text that reads as a number is left alone.

    Examples
    --------
    >>> guard('=HYPERLINK("http://x")'), guard("-0.5"), guard("-/-/-/clinical/AFP")
    ('\'=HYPERLINK("http://x")', '-0.5', "'-/-/-/clinical/AFP")
    """
    if not text.startswith(_DANGEROUS):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text


def _plain(cell: Cell) -> str | int | float:
    """Turn a cell into what a file holds: numbers in full, nothing for nothing."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return int(cell)
    return cell if isinstance(cell, int | float) else guard(str(cell))


def csv_text(sheet: Sheet) -> str:
    """Write a table as CSV, numbers in full, estimates as three columns.

    Parameters
    ----------
    sheet : Sheet
        The table.

    Returns
    -------
    str
        RFC 4180 text; every text cell is harmless to a spreadsheet.
    """
    header, rows = sheet.flat()
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow([guard(label) for label in header])
    writer.writerows([_plain(cell) for cell in row] for row in rows)
    return file.getvalue()


def figure_bytes(drawing: Drawing, kind: FigureFormat, dpi: int = 300) -> bytes:
    """Write a figure as a file's bytes; equal drawings give equal bytes.

    Parameters
    ----------
    drawing : Drawing
        The figure.
    kind : str
        ``svg`` and ``pdf`` keep text as text; ``png`` and ``tiff`` have ``dpi`` dots per inch.
    dpi : int
        Resolution of pixel formats.

    Raises
    ------
    StudyError
        If the kind is unknown.
    """
    if kind not in FORMATS:
        raise StudyError(
            what=f"a figure is written as one of {', '.join(FORMATS)}",
            got=repr(kind),
            fix="Choose another format.",
        )
    if kind == "svg":
        return raw_svg(drawing).encode()
    file = io.BytesIO()
    metadata = {
        "pdf": {"CreationDate": None, "Title": drawing.title},
        "png": {"Title": drawing.title, "Software": "hepacast"},
    }.get(kind)
    extra: dict[str, Any] = {}
    if kind == "tiff":
        extra["pil_kwargs"] = {"compression": "tiff_lzw"}
    with styled():
        drawing.figure.savefig(file, format=kind, dpi=dpi, metadata=metadata, **extra)
    return file.getvalue()
