# SPDX-License-Identifier: Apache-2.0
"""Studies of many models stay readable: pages are not overfull, tables keep every model."""

from __future__ import annotations

import re
from itertools import combinations
from typing import TYPE_CHECKING

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from hepacast.report.blocks import Details
from hepacast.report.content import (
    Calibration,
    CalibrationPoint,
    Comparison,
    Estimate,
    Evaluation,
    Model,
    OutcomeReport,
    Published,
    ReportContent,
    Study,
)
from hepacast.report.document import compose, print_html
from hepacast.report.figures.calibration import MOST_PANELS, draw_calibrations
from hepacast.report.figures.forest import MOST_LINES, draw_all_models
from hepacast.report.figures.pick import batches, featured
from hepacast.report.figures.style import DOUBLE_IN, styled
from hepacast.report.sections.outcome import outcome_section

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hepacast.report.document import Document

SETS = ("Cli", "Rad", "DLR")
KINDS = ("svm", "forest", "knn", "regression", "lightgbm", "xgboost", "ridge")
PAGE_IN = (297 - 16 - 18) / 25.4
WIDE_IN = (210 - 28) / 25.4


def model(name: str, ingredients: tuple[str, ...], role: str = "candidate") -> Model:
    """Make a model with what the tables and the calibration figure ask for."""
    point = CalibrationPoint(predicted=0.4, observed=0.5, low=0.3, high=0.7, n=9)
    wide = Estimate(value=-17.24, low=-137.1, high=102.61)
    seen = [
        Evaluation(
            cohort="all",
            scope=scope,
            n=30,
            events=12,
            discrimination=Estimate(value=0.7, low=0.6, high=0.8),
            calibration=Calibration(points=(point,), slope=wide, intercept=wide, brier=wide),
        )
        for scope in ("apparent", "out-of-fold")
    ]
    return Model.model_validate(
        {"name": name, "role": role, "ingredients": ingredients, "evaluations": seen}
    )


@pytest.fixture(scope="module")
def outcome() -> OutcomeReport:
    """Twenty-one models and two baselines; a paper prints a figure for one of them."""
    models = [model(f"{one} {kind}", (one,)) for one in SETS for kind in KINDS]
    models += [model(f"{name}-only", (name,), "baseline") for name in ("volume", "clinical")]
    printed = Published(
        model="DLR knn",
        cohort="all",
        strict=Estimate(value=0.7),
        optimistic=Estimate(value=0.8),
        printed=0.9,
    )
    return OutcomeReport(
        name="er", kind="binary", models=tuple(models), n=30, events=12, published=(printed,)
    )


@pytest.fixture(scope="module")
def document(outcome: OutcomeReport) -> Document:
    """The composed report."""
    return compose(ReportContent(study=Study(name="many", seed=1), outcomes=(outcome,)))


def test_curves_are_drawn_of_models_that_nobody_chose_by_results(outcome: OutcomeReport) -> None:
    names = [one.name for one in featured(outcome).models]
    assert names == ["Cli svm", "Rad svm", "DLR svm", "DLR knn", "volume-only", "clinical-only"]


def test_few_models_are_all_drawn(outcome: OutcomeReport) -> None:
    few = outcome.model_copy(update={"models": outcome.models[:12]})
    assert featured(few) is few


def test_the_page_says_whose_curves_it_draws_and_tabulates_every_model(
    document: Document, outcome: OutcomeReport
) -> None:
    page = print_html(document)
    assert "Curves are drawn for 6 of 23 models" in page
    table = next(one for one in document.sheets.values() if one.name == "er-performance")
    assert {row[0] for row in table.rows} == {one.name for one in outcome.models}
    assert len(re.findall(r'<h3 id="outcome-er-[^"]*(?:svm|knn|only)"', page)) == 6


def test_no_figure_is_taller_than_a_printed_page(document: Document) -> None:
    def tall(figure: Figure) -> float:
        width, height = figure.get_size_inches()
        return float(height * WIDE_IN / width) if width > DOUBLE_IN - 0.1 else float(height)

    assert len(document.drawings) >= 4
    for name, drawing in document.drawings.items():
        assert tall(drawing.figure) < PAGE_IN, name


def test_every_model_is_in_one_forest_plot(outcome: OutcomeReport) -> None:
    drawings = draw_all_models(outcome)
    words = [text.get_text() for one in drawings for text in one.figure.axes[0].texts]
    for one in outcome.models:
        assert words.count(one.name) == 1
    assert all(len(one.figure.axes[0].texts) <= 2 * MOST_LINES for one in drawings)


def test_calibration_takes_as_many_figures_as_it_needs(outcome: OutcomeReport) -> None:
    drawings = draw_calibrations(outcome)
    panels = [len(one.figure.axes) for one in drawings]
    assert sum(panels) == len(outcome.models)
    assert max(panels) <= MOST_PANELS
    assert len({one.name for one in drawings}) == len(drawings)


def test_the_numbers_of_a_panel_do_not_run_into_the_next(outcome: OutcomeReport) -> None:
    figure = draw_calibrations(outcome)[0].figure
    with styled():
        FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
    left, right, *_ = (axes.texts[0].get_window_extent() for axes in figure.axes)
    assert left.x1 < right.x0
    assert right.x1 <= figure.bbox.x1


def test_many_pairs_of_models_are_folded_away(outcome: OutcomeReport) -> None:
    names = [one.name for one in outcome.models]
    pairs = tuple(
        Comparison(model_a=a, model_b=b, measure="AUC", difference=Estimate(value=0.1))
        for a, b in combinations(names, 2)
    )
    for many, folded in ((pairs, True), (pairs[:9], False)):
        changed = outcome.model_copy(update={"comparisons": many})
        blocks = outcome_section(changed).blocks
        found = [one for one in blocks if isinstance(one, Details) and "pairs" in one.summary]
        assert bool(found) is folded


@pytest.mark.parametrize(("count", "most"), [(0, 4), (1, 4), (4, 4), (5, 4), (44, 12), (7, 1)])
def test_batches_lose_nothing_and_keep_the_order(count: int, most: int) -> None:
    parts = batches(range(count), most)
    assert [one for part in parts for one in part] == list(range(count))
    assert all(0 < len(part) <= most for part in parts)
