# SPDX-License-Identifier: Apache-2.0
"""Files beside the page: tables that run nothing, figures at journal size, all or none."""

from __future__ import annotations

import csv
import io
import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepacast.core.errors import StudyError
from hepacast.report import write
from hepacast.report.content import Estimate, ReportContent
from hepacast.report.export import FigureFormat, csv_text, figure_bytes, guard
from hepacast.report.figures.roc import draw_roc
from hepacast.report.figures.style import SINGLE_IN
from hepacast.report.sheets import Column, Sheet
from hepacast.report.write import read_result, write_report

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "text", ["=1+1", "+1;cmd", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "=HYPERLINK(1)"]
)
def test_what_looks_like_a_formula_is_guarded(text: str) -> None:
    assert guard(text) == f"'{text}"


@pytest.mark.parametrize("text", ["-0.5", "+3", "HCC-001", "007", "", "张三", "1e-5", "-inf"])
def test_numbers_and_names_are_left_alone(text: str) -> None:
    assert guard(text) == text


@given(st.lists(st.text(max_size=12), min_size=2, max_size=2))
def test_no_cell_of_a_file_starts_a_formula(cells: list[str]) -> None:
    sheet = Sheet("t", "t", (Column("a"), Column("b")), (tuple(cells),))
    (_, row) = csv.reader(io.StringIO(csv_text(sheet), newline=""))
    for text, cell in zip(row, cells, strict=True):
        assert text.removeprefix("'") == cell.removeprefix("'") or text == cell
        if text[:1] in {"=", "+", "-", "@", "\t", "\r", "\n"} and text:
            float(text)


def test_numbers_are_written_in_full_and_estimates_as_three_columns() -> None:
    found = Estimate(value=1 / 3, low=0.25, high=0.5)
    sheet = Sheet("t", "t", (Column("Model"), Column("AUC")), (("a", found), ("b", None)))
    rows = list(csv.reader(io.StringIO(csv_text(sheet))))
    assert rows[0] == ["Model", "AUC", "AUC low", "AUC high"]
    assert float(rows[1][1]) == 1 / 3
    assert rows[2] == ["b", "", "", ""]


@pytest.mark.parametrize(
    ("kind", "magic"), [("svg", b"<?xml"), ("pdf", b"%PDF"), ("tiff", b"II*\0")]
)
def test_figures_come_in_the_journals_formats(
    content: ReportContent, kind: FigureFormat, magic: bytes
) -> None:
    drawing = draw_roc(content.outcomes[0])
    assert drawing is not None
    assert figure_bytes(drawing, kind, dpi=72).startswith(magic)


def test_a_pixel_figure_is_one_column_wide_at_its_resolution(content: ReportContent) -> None:
    drawing = draw_roc(content.outcomes[0])
    assert drawing is not None
    width = struct.unpack(">I", figure_bytes(drawing, "png", dpi=300)[16:20])[0]
    assert width == pytest.approx(300 * SINGLE_IN, abs=1)


def test_an_unknown_format_is_refused(content: ReportContent) -> None:
    drawing = draw_roc(content.outcomes[0])
    assert drawing is not None
    with pytest.raises(StudyError, match="one of svg, png, pdf, tiff"):
        figure_bytes(drawing, "jpeg")  # type: ignore[arg-type]


@pytest.fixture
def small(content: ReportContent) -> ReportContent:
    """A report with one model, to be quick."""
    outcome = content.outcomes[0]
    one = outcome.model_copy(update={"models": outcome.models[1:2], "comparisons": ()})
    return content.model_copy(update={"outcomes": (one,), "pictures": ()})


def test_a_report_is_written_with_all_its_files(small: ReportContent, tmp_path: Path) -> None:
    page = write_report(small, tmp_path / "new" / "report", figures=("svg",))
    folder = page.parent
    assert {one.name for one in folder.iterdir()} == {
        "report.html", "result.json", "references.bib", "figures", "tables"
    }  # fmt: skip
    assert read_result(folder / "result.json") == small
    scores = next((folder / "tables").glob("*scores*.csv"))
    rows = list(csv.DictReader(io.StringIO(scores.read_text("utf-8-sig"))))
    wanted = small.outcomes[0].models[0].evaluations[0].cases
    assert [float(row["Score"]) for row in rows] == [one.score for one in wanted]
    assert "'=HYPERLINK" in rows[5]["Case"]
    assert len(list((folder / "figures").glob("*.svg"))) == page.read_text().count("<svg")


def test_writing_again_replaces_what_was_there_and_nothing_else(
    small: ReportContent, tmp_path: Path
) -> None:
    write_report(small, tmp_path, figures=("svg",))
    (tmp_path / "mine.txt").write_text("keep")
    (tmp_path / "figures" / "stale.svg").write_text("old")
    write_report(small.model_copy(update={"references": ()}), tmp_path, figures=())
    assert (tmp_path / "mine.txt").read_text() == "keep"
    assert not list((tmp_path / "figures").iterdir())
    assert not (tmp_path / "references.bib").exists()


def test_a_crash_leaves_the_former_report(
    small: ReportContent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_report(small, tmp_path, figures=("svg",))
    before = {one: one.read_bytes() for one in tmp_path.rglob("*") if one.is_file()}

    def crash(*_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(write, "print_html", crash)
    with pytest.raises(OSError, match="No space"):
        write_report(small, tmp_path, figures=())
    assert {one: one.read_bytes() for one in tmp_path.rglob("*") if one.is_file()} == before


def test_a_written_report_is_reproduced_from_its_result(
    small: ReportContent, tmp_path: Path
) -> None:
    first = write_report(small, tmp_path / "a", figures=("svg",))
    again = write_report(
        read_result(first.parent / "result.json"), tmp_path / "b", figures=("svg",)
    )
    assert first.read_bytes() == again.read_bytes()
