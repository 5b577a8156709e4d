# SPDX-License-Identifier: Apache-2.0
"""Tables and paragraphs as DOCX (extra ``docx``), to be pasted into a manuscript."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from hepacast.core.errors import StudyError
from hepacast.report.blocks import Table, Text
from hepacast.report.wording import legal

if TYPE_CHECKING:
    from hepacast.report.document import Document
    from hepacast.report.sheets import Sheet

_LONGEST = 80
"""Rows above which a table is left to its CSV file."""


def docx_bytes(document: Document) -> bytes:
    """Write the tables and paragraphs of a report as a DOCX file.

    Parameters
    ----------
    document : Document
        A composed report.  Tables with more than 80 rows (scores of every case) stay out.

    Returns
    -------
    bytes
        A DOCX file: real tables with three rules, captions above, notes below.

    Raises
    ------
    StudyError
        If python-docx is not installed.
    """
    try:
        import docx  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise StudyError(
            what="tables as DOCX need python-docx",
            got=str(error),
            fix="Install hepacast[docx], or use the CSV files.",
        ) from error
    study = document.content.study
    paper = docx.Document()
    paper.core_properties.title = legal(study.title or study.name)
    paper.core_properties.author = ""
    paper.core_properties.comments = ""
    paper.styles["Normal"].font.size = docx.shared.Pt(9)
    paper.add_heading(legal(study.title or study.name), 0)
    at = 0
    for section in document.sections:
        paper.add_heading(legal(section.title), 1)
        for block in section.every_block():
            if isinstance(block, Text):
                _text(paper, block)
            if isinstance(block, Table):
                at += 1
                if len(block.sheet.rows) <= _LONGEST:
                    _table(paper, block.sheet.without_empty(), at)
    file = io.BytesIO()
    paper.save(file)
    return file.getvalue()


def _text(paper: Any, block: Text) -> None:  # noqa: ANN401 - python-docx has no types
    """Write a paragraph, its heading in bold before it."""
    paragraph = paper.add_paragraph()
    if block.heading:
        paragraph.add_run(legal(f"{block.heading}. ")).bold = True
    paragraph.add_run(legal(block.text))


def _table(paper: Any, sheet: Sheet, at: int) -> None:  # noqa: ANN401
    """Write a table with its caption and note."""
    caption = paper.add_paragraph()
    caption.paragraph_format.keep_with_next = True
    caption.add_run(legal(f"Table {at}. {sheet.title}.")).bold = True
    rows = [[cell.text for cell in row] for row in sheet.shown()]
    table = paper.add_table(rows=0, cols=len(sheet.columns))
    for texts in [[column.label for column in sheet.columns], *rows]:
        for cell, text in zip(table.add_row().cells, texts, strict=True):
            cell.text = legal(text)
    for cell in table.rows[0].cells:
        for run in cell.paragraphs[0].runs:
            run.bold = True
    _rules(table)
    paper.add_paragraph(legal(sheet.note))


def _rules(table: Any) -> None:  # noqa: ANN401
    """Draw rules above and below the heading and below the table; repeat the heading."""
    from docx.oxml import OxmlElement  # noqa: PLC0415
    from docx.oxml.ns import qn  # noqa: PLC0415

    def border(parent: Any, edges: tuple[str, ...], size: str) -> None:  # noqa: ANN401
        for edge in edges:
            line = OxmlElement(f"w:{edge}")
            line.set(qn("w:val"), "single")
            line.set(qn("w:sz"), size)
            parent.append(line)

    borders = OxmlElement("w:tblBorders")
    border(borders, ("top", "bottom"), "8")
    # The order of these elements is fixed: Word calls a file with another one damaged.
    settings = table._tbl.tblPr
    after = [settings.find(qn(f"w:{name}")) for name in ("tblLayout", "tblLook")]
    place = next((one for one in after if one is not None), None)
    settings.append(borders) if place is None else place.addprevious(borders)
    for cell in table.rows[0].cells:
        edges = OxmlElement("w:tcBorders")
        border(edges, ("bottom",), "4")
        cell._tc.get_or_add_tcPr().append(edges)
    repeat = OxmlElement("w:tblHeader")
    repeat.set(qn("w:val"), "true")
    table.rows[0]._tr.get_or_add_trPr().append(repeat)
