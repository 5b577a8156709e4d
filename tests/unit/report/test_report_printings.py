# SPDX-License-Identifier: Apache-2.0
"""The same report as PDF and DOCX."""

from __future__ import annotations

import io
import shutil
import subprocess
import zipfile
from typing import TYPE_CHECKING

import pytest

from hepacast.core.errors import StudyError
from hepacast.report.case_report import render_case
from hepacast.report.content import (
    CaseScore,
    Evaluation,
    Model,
    Notice,
    OutcomeReport,
    ReportContent,
    Study,
)
from hepacast.report.document import Document, compose, print_html
from hepacast.report.docx import docx_bytes
from hepacast.report.pdf import pdf_bytes
from hepacast.report.sections.case import case_sections
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


PATIENTS = (EVIL, "张三 肝癌", "O'Brien & <b>")
CASES = ReportContent(
    study=Study(name="names", seed=1),
    outcomes=(
        OutcomeReport(
            name="er",
            kind="binary",
            models=(
                Model(
                    name="m",
                    evaluations=(
                        Evaluation(
                            cohort="all",
                            scope="out-of-fold",
                            n=3,
                            events=1,
                            cases=tuple(
                                CaseScore(case=name, score=at, probability=at / 4, event=at == 2)
                                for at, name in enumerate(PATIENTS)
                            ),
                        ),
                    ),
                ),
            ),
        ),
    ),
)


def has_glyphs(language: str) -> bool:
    """Whether a font of this machine covers a language."""
    found = shutil.which("fc-list")
    if found is None:
        return False
    return bool(
        subprocess.run([found, f":lang={language}"], capture_output=True, check=True).stdout
    )


def printed_text(blob: bytes) -> str:
    """Read the text of a PDF back, without its line breaks."""
    pypdf = pytest.importorskip("pypdf", reason="pypdf is not installed")
    pages = pypdf.PdfReader(io.BytesIO(blob)).pages
    return "".join(page.extract_text() for page in pages).replace("\n", "").replace("\x00", "")


@pytest.mark.parametrize("name", PATIENTS)
def test_a_name_is_text_in_the_pdf_of_its_case(name: str) -> None:
    pytest.importorskip("weasyprint", reason="weasyprint is not installed")
    if not name.isascii() and not has_glyphs("zh"):
        pytest.skip("no font of this machine has Chinese characters")
    text = printed_text(pdf_bytes(render_case(CASES, name)))
    assert f"Case {name}" in text
    assert text.count(name) >= 2


@pytest.mark.parametrize("name", PATIENTS)
def test_a_name_is_text_in_the_docx_of_its_case(name: str) -> None:
    docx = pytest.importorskip("docx", reason="python-docx is not installed")
    page = Document(CASES, case_sections(CASES, name), f"Case {name}")
    paper = docx.Document(io.BytesIO(docx_bytes(page)))
    words = " ".join(cell for table in paper.tables for row in cells(table) for cell in row)
    assert all(other in words for other in PATIENTS if other != name)


def test_chinese_names_are_text_in_the_pdf_of_a_study() -> None:
    pytest.importorskip("weasyprint", reason="weasyprint is not installed")
    if not has_glyphs("zh"):
        pytest.skip("no font of this machine has Chinese characters")
    notices = tuple(Notice(where=name, text="kept") for name in PATIENTS)
    page = print_html(compose(ReportContent(study=Study(name="肝癌", seed=1), notices=notices)))
    text = printed_text(pdf_bytes(page))
    assert all(name in text for name in (*PATIENTS, "肝癌"))


def test_the_checklists_are_open_on_paper(small: str) -> None:
    pytest.importorskip("weasyprint", reason="weasyprint is not installed")
    text = printed_text(pdf_bytes(small))
    for name in ("TRIPOD+AI", "CLEAR", "METRICS"):
        assert f"{name}." in text
    # The heading breaks where the column is narrow.
    assert "Answeredby" in text.replace(" ", "")
