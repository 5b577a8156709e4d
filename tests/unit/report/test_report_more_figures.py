# SPDX-License-Identifier: Apache-2.0
"""Cut-offs and reclassification, drawn from what the statistics room and the content hold."""

from __future__ import annotations

import numpy as np
import pytest

from hepacast.report.content import (
    CaseScore,
    Comparison,
    Estimate,
    Evaluation,
    Model,
    OutcomeReport,
)
from hepacast.report.figures.cut_search import draw_cut_search, draw_xtile_map
from hepacast.report.figures.reclassification import both, draw_reclassification
from hepacast.report.figures.svg import inline_svg
from hepacast.report.sections.outcome import outcome_section
from hepacast.stats.cutpoints import CutSearch, TwoCutSearch, xtile, xtile_three


@pytest.fixture(scope="module")
def searches() -> tuple[CutSearch, TwoCutSearch]:
    """Search cut-offs where cases above 0.5 die twice as early."""
    rng = np.random.default_rng(3)
    score = rng.normal(size=80)
    time = rng.exponential(np.where(score > 0.5, 10.0, 20.0))
    event = rng.random(80) < 0.7
    return xtile(score, time, event), xtile_three(score, time, event, rng, permutations=20)


def test_the_search_is_drawn_with_its_best_cut(searches: tuple[CutSearch, TwoCutSearch]) -> None:
    found, _ = searches
    drawing = draw_cut_search(found, "cut")
    curve, best = drawing.figure.axes[0].get_lines()
    assert np.array_equal(np.asarray(curve.get_ydata()), found.statistics)
    assert np.asarray(best.get_xdata())[0] == found.cutoff
    assert "corrected for the search" in drawing.caption


def test_the_map_shows_every_pair_and_marks_the_best(
    searches: tuple[CutSearch, TwoCutSearch],
) -> None:
    _, found = searches
    drawing = draw_xtile_map(found, "map")
    axes = drawing.figure.axes[0]
    shown = axes.collections[0].get_array()
    assert shown is not None
    mesh = np.ma.filled(shown, np.nan)
    size = len(found.candidates)
    assert np.nanmax(mesh) == pytest.approx(found.statistic)
    assert np.isnan(mesh).sum() == (found.map <= 0).sum()
    assert mesh.size == size * size
    best = np.asarray(axes.get_lines()[0].get_xydata())
    assert best[0].tolist() == [found.low, found.high]


def test_the_pixels_of_a_map_travel_inside_the_page(
    searches: tuple[CutSearch, TwoCutSearch],
) -> None:
    text = inline_svg(draw_xtile_map(searches[1], "map"), "f1")
    assert 'href="data:image/png;base64,' in text
    assert "http" not in text


def model(name: str, risks: dict[str, float | None]) -> Model:
    """Make a model that gave these risks; cases with an even number had the event."""
    cases = tuple(
        CaseScore(case=case, probability=risk, event=None if case == "9" else int(case) % 2 == 0)
        for case, risk in risks.items()
    )
    seen = Evaluation(cohort="all", scope="out-of-fold", n=len(cases), events=2, cases=cases)
    return Model(name=name, evaluations=(seen,))


FIRST = model("a", {"1": 0.2, "2": 0.4, "3": 0.6, "4": 0.5, "5": None, "9": 0.5})
SECOND = model("b", {"4": 0.9, "3": 0.1, "2": 0.3, "1": 0.2, "5": 0.5, "9": 0.7})


def test_cases_are_paired_by_name_and_only_where_all_is_known() -> None:
    pairs = both((FIRST, SECOND))
    assert [(one.case, two.case) for one, two in pairs] == [(c, c) for c in ("1", "2", "3", "4")]
    assert both((FIRST, Model(name="none"))) == []


def test_moves_are_counted_on_their_side() -> None:
    outcome = OutcomeReport(name="er", kind="binary", models=(FIRST, SECOND))
    drawing = draw_reclassification(outcome, (FIRST, SECOND), (0.5,))
    assert drawing is not None
    titles = [axes.get_title(loc="left") for axes in drawing.figure.axes]
    assert titles == ["With the event: 1 up, 1 down", "Without the event: 0 up, 1 down"]


@pytest.mark.parametrize(("measure", "drawn"), [("NRI", True), ("AUC", False)])
def test_a_measured_reclassification_is_drawn(measure: str, *, drawn: bool) -> None:
    pair = Comparison(
        model_a="b", model_b="a", measure=measure, difference=Estimate(value=0.1), p=0.5
    )
    outcome = OutcomeReport(name="er", kind="binary", models=(FIRST, SECOND), comparisons=(pair,))
    text = repr(outcome_section(outcome).blocks)
    assert ("Reclassification" in text) is drawn
