# SPDX-License-Identifier: Apache-2.0
"""The page of one case says what the tables of the study say about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from hepacast.core.errors import TableError
from hepacast.report.case_report import cases_of, render_case, write_case_reports
from hepacast.report.content import (
    CaseFacts,
    CaseScore,
    Equation,
    Evaluation,
    Failure,
    Model,
    OutcomeReport,
    ReportContent,
    Study,
    Term,
)
from hepacast.report.figures.position import contributions, draw_contributions, draw_position
from hepacast.report.sections.case import case_sections, forecasts, similar

if TYPE_CHECKING:
    from pathlib import Path

EVIL = "<script>alert(1)</script>"
EQUATION = Equation(
    kind="logistic",
    intercept=-1.0,
    terms=(
        Term(name="size", coefficient=0.5, low=1, high=9, usual=2),
        Term(name="albumin", coefficient=-0.2, low=20, high=50),
    ),
)


def model(name: str, scores: dict[str, float]) -> Model:
    """Make a model with these out-of-fold scores."""
    cases = tuple(
        CaseScore(case=case, score=score, probability=score / 10, event=score > 5)
        for case, score in scores.items()
    )
    seen = Evaluation(cohort="all", scope="out-of-fold", n=len(cases), events=2, cases=cases)
    return Model(name=name, evaluations=(seen,), equation=EQUATION)


OUTCOME = OutcomeReport(
    name="er",
    kind="binary",
    models=(
        model("m", {"A": 1.0, "B": 2.0, EVIL: 9.0, "D": 2.1}),
        model("n", {"D": 2.0, "A": 8.0, "B": 2.2, EVIL: 7.9}),
    ),
)
CONTENT = ReportContent(
    study=Study(name="s", seed=1),
    outcomes=(OUTCOME,),
    failures=(Failure(stage="extract", case="F", found="an empty mask"),),
    case_facts=(CaseFacts(case="A", facts={"Age": "61"}, values={"size": 4, "albumin": 30}),),
)


def test_the_position_counts_the_other_cases_below() -> None:
    rows = forecasts(OUTCOME, "D").rows
    assert [row[:2] for row in rows] == [("m", 2.1), ("n", 2.0)]
    assert [row[3] for row in rows] == [
        "higher than 67 % of the others",
        "higher than 0 % of the others",
    ]


def test_the_most_similar_case_has_the_closest_scores_by_all_models() -> None:
    rows = similar(OUTCOME, "B").rows
    assert [row[0] for row in rows] == ["D", "A", EVIL]
    first = np.array([[1, 2, 9, 2.1], [8, 2.2, 7.9, 2.0]])
    spread = first.std(axis=1)
    wanted = np.hypot(0.1 / spread[0], 0.2 / spread[1])
    assert rows[0][1] == pytest.approx(wanted)


def test_contributions_add_up_to_the_distance_from_a_usual_case() -> None:
    values = {"size": 4.0, "albumin": 30.0}
    parts = contributions(EQUATION, values)
    usual = EQUATION.linear({"size": 2.0, "albumin": 35.0})
    assert sum(part for _, _, part in parts) == pytest.approx(EQUATION.linear(values) - usual)
    assert contributions(EQUATION, {"size": 4.0}) == []


def test_bars_point_to_where_the_risk_goes() -> None:
    drawing = draw_contributions(OUTCOME.models[0], "A", {"size": 1.0, "albumin": 20.0})
    assert drawing is not None
    bars = [one for one in drawing.figure.axes[0].patches if isinstance(one, Rectangle)]
    assert sorted(bar.get_width() for bar in bars) == pytest.approx([-0.5, 3.0])


def test_every_case_is_a_tick_and_this_one_a_diamond() -> None:
    drawing = draw_position(OUTCOME, EVIL)
    assert drawing is not None
    lines = drawing.figure.axes[0].get_lines()
    ticks = sum(np.size(one.get_xdata()) for one in lines if one.get_marker() == "|")
    diamonds = [np.asarray(one.get_xdata())[0] for one in lines if one.get_marker() == "D"]
    assert ticks == 8
    assert diamonds == pytest.approx([0.9, 0.79])
    assert draw_position(OUTCOME, "F") is None


def test_a_page_names_its_case_and_no_script_of_its_name_runs() -> None:
    page = render_case(CONTENT, EVIL)
    assert EVIL not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "Research only" in page


def test_what_failed_for_the_case_is_on_its_page() -> None:
    assert "an empty mask" in render_case(CONTENT, "F")
    assert "an empty mask" not in render_case(CONTENT, "A")
    assert [one.title for one in case_sections(CONTENT, "F")] == ["Case", "Failures"]


def test_a_case_nobody_knows_is_refused() -> None:
    with pytest.raises(TableError, match="'Z'"):
        render_case(CONTENT, "Z")


def test_a_page_per_case_is_written_under_names_that_never_meet(tmp_path: Path) -> None:
    outcome = OUTCOME.model_copy(update={"models": (model("m", {"a/b": 1.0, "a b": 2.0}),)})
    content = ReportContent(study=Study(name="s", seed=1), outcomes=(outcome,))
    pages = write_case_reports(content, tmp_path / "cases")
    assert [page.name for page in pages] == ["case-0001-a-b.html", "case-0002-a-b.html"]
    assert cases_of(content) == ("a/b", "a b")
    assert all(page.parent == tmp_path / "cases" for page in pages)
