# SPDX-License-Identifier: Apache-2.0
"""A report on disk: complete, or as it was before."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hepacast.report.content import ReportContent
from hepacast.report.document import compose, print_html
from hepacast.report.docx import docx_bytes
from hepacast.report.export import csv_text, figure_files
from hepacast.report.pdf import pdf_bytes
from hepacast.report.sections.trust import bibtex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hepacast.report.document import Document
    from hepacast.report.export import FigureFormat

RESULT = "result.json"
"""Name of the file that holds the content."""


def write_report(
    content: ReportContent,
    folder: Path,
    figures: Sequence[FigureFormat] = ("svg", "pdf", "png"),
    extras: Sequence[Literal["pdf", "docx"]] = (),
) -> Path:
    """Write report.html with its figures, tables, result.json and references.bib.

    Everything is written beside the folder first and moved in at the end, file by file, the
    page last: a crash leaves the former report or the new one, never a page without figures.

    Parameters
    ----------
    content : ReportContent
        What a run found.
    folder : Path
        Where to; made if missing.  Other files in it are left alone, but ``figures`` and
        ``tables`` are replaced as a whole.
    figures : sequence of str
        Formats of the figure files; empty for none.
    extras : sequence of str
        ``pdf`` writes report.pdf as well (needs the extra ``pdf``), ``docx`` writes the tables
        and paragraphs as tables.docx (needs the extra ``docx``).

    Returns
    -------
    Path
        The page.
    """
    document = compose(content)
    folder.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".report-", dir=folder))
    try:
        _fill(staging, document, figures)
        _extras(staging, document, extras)
        for name in _FILES:
            _replace(staging / name, folder / name, staging / f"old-{name}")
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return folder / "report.html"


_FILES = ("figures", "tables", RESULT, "references.bib", "report.pdf", "tables.docx", "report.html")


def read_result(path: Path) -> ReportContent:
    """Read the content that :func:`write_report` kept, to print it again."""
    return ReportContent.model_validate_json(path.read_bytes())


def _fill(staging: Path, document: Document, figures: Sequence[FigureFormat]) -> None:
    """Write all files of a report."""
    (staging / "figures").mkdir()
    (staging / "tables").mkdir()
    for name, drawing in document.drawings.items():
        # The page holds the SVG already, and its layout is that of all formats.
        svg = document.svgs[name].encode()
        files = figure_files(drawing, [kind for kind in figures if kind != "svg"])
        files |= {"svg": svg} if "svg" in figures else {}
        for kind, data in files.items():
            (staging / "figures" / f"{name}.{kind}").write_bytes(data)
    for name, sheet in document.sheets.items():
        # The mark tells Excel that the file is UTF-8; without it Chinese names are garbled.
        text = "\ufeff" + csv_text(sheet)
        (staging / "tables" / f"{name}.csv").write_bytes(text.encode())
    (staging / RESULT).write_text(document.content.model_dump_json(), encoding="utf-8")
    if document.content.references:
        (staging / "references.bib").write_text(bibtex(document.content), encoding="utf-8")
    (staging / "report.html").write_text(print_html(document), encoding="utf-8")


def _extras(staging: Path, document: Document, extras: Sequence[str]) -> None:
    """Write the other printings of a report."""
    if "pdf" in extras:
        page = (staging / "report.html").read_text(encoding="utf-8")
        (staging / "report.pdf").write_bytes(pdf_bytes(page))
    if "docx" in extras:
        (staging / "tables.docx").write_bytes(docx_bytes(document))


def _replace(new: Path, old: Path, away: Path) -> None:
    """Put a new file or folder in the place of an old one; drop the old if there is no new."""
    if old.is_dir() or not new.exists():
        with contextlib.suppress(FileNotFoundError):
            old.replace(away)
    if new.exists():
        new.replace(old)
