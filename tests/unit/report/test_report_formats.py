# SPDX-License-Identifier: Apache-2.0
"""Figure files: what matplotlib itself would write, sooner."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from matplotlib.backends import _backend_pdf_ps
from PIL import Image
from pypdf import PdfReader

from hepacast.report.export import figure_bytes, figure_files
from hepacast.report.figures import pdf_fonts
from hepacast.report.figures.decision import draw_decision
from hepacast.report.figures.roc import draw_roc
from hepacast.report.figures.style import Drawing, canvas, styled
from hepacast.report.figures.svg import raw_svg

if TYPE_CHECKING:
    from hepacast.report.content import ReportContent


def written(text: str) -> Drawing:
    """A figure that holds a text."""
    with styled():
        figure, axes = canvas()
        axes.plot([0, 1], [0, 1])
        axes.set_title(text)
        axes.set_xlabel("Δ of the score (−1 to 1)")
    return Drawing("text", text, "", figure)


def read(pdf: bytes) -> str:
    """Read the text of a PDF."""
    return PdfReader(io.BytesIO(pdf)).pages[0].extract_text()


def fonts_of(pdf: bytes) -> dict[str, list[bytes]]:
    """Find the font files in a PDF by their names."""
    found: dict[str, list[bytes]] = {}
    page: Any = PdfReader(io.BytesIO(pdf)).pages[0]
    for name, font in page["/Resources"]["/Font"].items():
        below = font.get_object()["/DescendantFonts"][0].get_object()
        assert below["/Subtype"] == "/CIDFontType2", name  # TrueType, which journals ask for
        data = below["/FontDescriptor"]["/FontFile2"].get_object().get_data()
        found.setdefault(below["/BaseFont"].split("+")[1], []).append(data)
    return found


@pytest.mark.parametrize("dpi", [72, 150])
def test_pixels_are_those_that_matplotlib_saves(content: ReportContent, dpi: int) -> None:
    drawing = draw_roc(content.outcomes[0])
    assert drawing is not None
    raw_svg(drawing)
    files = figure_files(drawing, ("png", "tiff"), dpi)
    plain = io.BytesIO()
    with styled():
        drawing.figure.savefig(plain, format="png", dpi=dpi)
    wanted = np.asarray(Image.open(plain))
    for data in files.values():
        picture = Image.open(io.BytesIO(data))
        np.testing.assert_array_equal(np.asarray(picture), wanted)
        assert picture.info["dpi"] == pytest.approx((dpi, dpi), rel=1e-3)


def test_an_svg_is_the_one_that_matplotlib_saves(content: ReportContent) -> None:
    first, second = (draw_decision(content.outcomes[0]) for _ in range(2))
    assert first is not None
    assert second is not None
    plain = io.StringIO()
    with styled():
        second.figure.savefig(plain, format="svg", metadata={"Date": None, "Creator": None})
    assert raw_svg(first) == plain.getvalue()


def test_printing_leaves_the_resolution_as_it_was() -> None:
    drawing = written("anything")
    before = drawing.figure.dpi
    figure_files(drawing, ("svg", "pdf", "png"), 72)
    assert drawing.figure.dpi == before


def test_a_pdf_reads_as_text_in_any_language_and_with_joined_letters() -> None:
    text = "<script> difficult flow affine 張三 Ωmega ≥ 0.5"
    with_ours = read(figure_bytes(written(text), "pdf"))
    with styled():
        plain = io.BytesIO()
        written(text).figure.savefig(plain, format="pdf")
    assert with_ours == read(plain.getvalue())
    for word in ("<script>", "affine", "Ωmega", "≥ 0.5", "Δ of the score (−1 to 1)"):
        assert word in with_ours


def test_figures_share_the_fonts_that_were_cut_out() -> None:
    pdf_fonts._cut_out.cache_clear()
    first = figure_bytes(written("one"), "pdf")
    cuts = pdf_fonts._cut_out.cache_info().misses
    second = figure_bytes(written("another, 2 of 3"), "pdf")
    assert pdf_fonts._cut_out.cache_info().misses == cuts > 1
    assert fonts_of(first) == fonts_of(second)
    rare = figure_bytes(written("ж"), "pdf")
    assert pdf_fonts._cut_out.cache_info().misses > cuts
    assert "ж" in read(rare)


def test_equal_figures_give_equal_pdf_whatever_was_written_before() -> None:
    first = figure_bytes(written("Ж first"), "pdf")
    figure_bytes(written("Я between"), "pdf")
    assert figure_bytes(written("Ж first"), "pdf") == first


def test_matplotlib_is_left_as_it_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    before = _backend_pdf_ps.get_glyphs_subset
    figure_bytes(written("a"), "pdf")
    assert _backend_pdf_ps.get_glyphs_subset is before
    # An older matplotlib asks in another way, and is left alone.
    monkeypatch.delattr(_backend_pdf_ps, "SubsetResults")
    with pdf_fonts.shared_fonts():
        assert _backend_pdf_ps.get_glyphs_subset is before
