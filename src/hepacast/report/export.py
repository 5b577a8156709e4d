# SPDX-License-Identifier: Apache-2.0
"""Tables as CSV and figures as files, at journal size."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from hepacast.core.errors import StudyError
from hepacast.report.figures.pdf_fonts import shared_fonts
from hepacast.report.figures.style import at_dpi
from hepacast.report.figures.svg import raw_svg

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    return figure_files(drawing, (kind,), dpi)[kind]


def figure_files(
    drawing: Drawing, kinds: Sequence[FigureFormat], dpi: int = 300
) -> dict[FigureFormat, bytes]:
    """Write a figure in several formats; its pixels are drawn once for all that need them.

    Parameters
    ----------
    drawing : Drawing
        The figure.
    kinds : sequence of str
        As in :func:`figure_bytes`.
    dpi : int
        Resolution of pixel formats.

    Returns
    -------
    dict of str to bytes
        One file per kind.

    Raises
    ------
    StudyError
        If a kind is unknown.
    """
    for kind in kinds:
        if kind not in FORMATS:
            raise StudyError(
                what=f"a figure is written as one of {', '.join(FORMATS)}",
                got=repr(kind),
                fix="Choose another format.",
            )
    found: dict[FigureFormat, bytes] = {}
    if "svg" in kinds:
        found["svg"] = raw_svg(drawing).encode()
    if "pdf" in kinds:
        found["pdf"] = _pdf(drawing, dpi)
    if {"png", "tiff"} & {*kinds}:
        found |= _pixels(drawing, kinds, dpi)
    return {kind: found[kind] for kind in kinds}


def _pdf(drawing: Drawing, dpi: int) -> bytes:
    """Write a page as large as the figure."""
    file = io.BytesIO()
    metadata = {"CreationDate": None, "Title": drawing.title}
    with at_dpi(drawing.figure, dpi), shared_fonts():
        canvas: Any = FigureCanvasPdf(drawing.figure)  # matplotlib leaves it without types
        canvas.print_pdf(file, metadata=metadata)
    return file.getvalue()


def _pixels(drawing: Drawing, kinds: Sequence[FigureFormat], dpi: int) -> dict[FigureFormat, bytes]:
    """Draw the figure's pixels once, and write them in every format that has pixels."""
    with at_dpi(drawing.figure, dpi):
        canvas: Any = FigureCanvasAgg(drawing.figure)  # matplotlib leaves it without types
        canvas.draw()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba()))
    words = PngInfo()
    words.add_text("Title", drawing.title)
    words.add_text("Software", "hepacast")
    options: dict[FigureFormat, dict[str, Any]] = {
        "png": {"pnginfo": words},
        "tiff": {"compression": "tiff_lzw"},
    }
    found: dict[FigureFormat, bytes] = {}
    for kind in options.keys() & {*kinds}:
        file = io.BytesIO()
        picture.save(file, format=kind, dpi=(dpi, dpi), **options[kind])
        found[kind] = file.getvalue()
    return found
