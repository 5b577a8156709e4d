# SPDX-License-Identifier: Apache-2.0
"""The same report as PDF and DOCX."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

import pytest

from hepacast.core.errors import StudyError
from hepacast.report.content import Notice, ReportContent, Study
from hepacast.report.document import Document, compose, print_html
from hepacast.report.docx import docx_bytes
from hepacast.report.pdf import pdf_bytes
from hepacast.report.wording import with_interval

if TYPE_CHECKING:
    from docx.table import Table

EVIL = "<script>alert(1)</script>"


def cells(table: Table) -> list[list[str]]:
    """Read a table back."""
    return [[cell.text for cell in row.cells] for row in table.rows]


def test_every_table_of_the_page_is_in_the_docx(document: Document) -> None:
    docx = pytest.importorskip("docx", reason="python-docx is not installed")
    paper = docx.Document(io.BytesIO(docx_bytes(document)))
    short = [one for one in document.sheets.values() if len(one.rows) <= 80]
    assert len(paper.tables) == len(short) < len(document.sheets)
    for table, sheet in zip(paper.tables, short, strict=True):
        shown = sheet.without_empty()
        assert cells(table)[0] == [column.label for column in shown.columns]
        assert cells(table)[1:] == [[cell.text for cell in row] for row in shown.shown()]


def test_names_are_text_in_the_docx(document: Document) -> None:
    docx = pytest.importorskip("docx", reason="python-docx is not installed")
    blob = docx_bytes(document)
    paper = docx.Document(io.BytesIO(blob))
    words = {cell for table in paper.tables for row in cells(table) for cell in row}
    assert {EVIL, "张三 肝癌"} <= words
    assert EVIL not in zipfile.ZipFile(io.BytesIO(blob)).read("word/document.xml").decode()


def test_the_borders_of_a_docx_table_stand_where_word_wants_them(document: Document) -> None:
    docx = pytest.importorskip("docx", reason="python-docx is not installed")
    table = docx.Document(io.BytesIO(docx_bytes(document))).tables[0]
    order = [child.tag.split("}")[1] for child in table._tbl.tblPr]
    wanted = ["tblStyle", "tblW", "jc", "tblBorders", "tblLayout", "tblLook"]
    assert "tblBorders" in order
    assert order == [name for name in wanted if name in order]


def test_control_characters_do_not_spoil_the_docx() -> None:
    docx = pytest.importorskip("docx", reason="python-docx is not installed")
    notices = (Notice(where="a\x07b", text="c\x00d"),)
    content = ReportContent(study=Study(name="n\x0bm", seed=1), notices=notices)
    paper = docx.Document(io.BytesIO(docx_bytes(compose(content))))
    assert ["a\ufffdb", "c\ufffdd"] in [row for table in paper.tables for row in cells(table)]


@pytest.fixture(scope="module")
def small(content: ReportContent) -> str:
    """A page that is quick to print."""
    outcome = content.outcomes[0]
    model = outcome.models[1].model_copy(update={"evaluations": outcome.models[1].evaluations[:1]})
    one = outcome.model_copy(update={"models": (model,), "comparisons": (), "overall": None})
    return print_html(compose(content.model_copy(update={"outcomes": (one,)})))


def test_a_pdf_is_printed_with_nothing_fetched(small: str) -> None:
    pytest.importorskip("weasyprint", reason="weasyprint is not installed")
    blob = pdf_bytes(small)
    assert blob.startswith(b"%PDF-")
    assert len(blob) < 10_000_000
    assert b"/JavaScript" not in blob


@pytest.mark.parametrize("address", ["file:///etc/passwd", "http://example.org/x.png"])
def test_a_page_that_reaches_out_is_not_printed(address: str) -> None:
    urls = pytest.importorskip("weasyprint.urls", reason="weasyprint is not installed")
    with pytest.raises(urls.FatalURLFetchingError):
        pdf_bytes(f'<p>x</p><img src="{address}">')


@pytest.mark.parametrize(("module", "extra"), [("weasyprint", "pdf"), ("docx", "docx")])
def test_a_missing_extra_is_named(
    module: str, extra: str, monkeypatch: pytest.MonkeyPatch, bare: ReportContent
) -> None:
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(StudyError, match=rf"hepacast\[{extra}\]"):
        pdf_bytes("<p>x</p>") if extra == "pdf" else docx_bytes(compose(bare))


def test_the_pdf_holds_the_numbers_of_the_page(content: ReportContent, small: str) -> None:
    pytest.importorskip("weasyprint", reason="weasyprint is not installed")
    pypdf = pytest.importorskip("pypdf", reason="pypdf is not installed")
    pages = pypdf.PdfReader(io.BytesIO(pdf_bytes(small))).pages
    text = " ".join(page.extract_text() for page in pages).replace("\x00", "")
    found = content.outcomes[0].models[1].evaluations[0].discrimination
    assert with_interval(found) in text.replace("\xa0", " ").replace("\n", " ")
    assert EVIL in text.replace("\n", "")
