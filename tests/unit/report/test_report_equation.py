# SPDX-License-Identifier: Apache-2.0
"""An equation, its nomogram and its words agree with one another."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from pydantic import ValidationError

from hepacast.report.content import Baseline, Equation, Model, OutcomeReport, Term
from hepacast.report.figures.nomogram import Points, draw_nomogram

AFP = Term(name="AFP", coefficient=0.6, low=0, high=5)
SPHERICITY = Term(name="sphericity", coefficient=-4.2, low=0.4, high=0.9)
INVASION = Term(name="invasion", coefficient=0.8, low=0, high=1, levels=("absent", "present"))
TERMS = (AFP, SPHERICITY, INVASION)
LOGISTIC = Equation(kind="logistic", intercept=1.2, terms=TERMS)
COX = Equation(
    kind="cox",
    center=-2.0,
    baselines=(Baseline(months=24, survival=0.8), Baseline(months=60, survival=0.5)),
    terms=TERMS,
)
inside = st.fixed_dictionaries({one.name: st.floats(one.low, one.high) for one in TERMS})


@given(inside)
def test_a_logistic_risk_is_the_inverse_logit(values: dict[str, float]) -> None:
    linear = 1.2 + 0.6 * values["AFP"] - 4.2 * values["sphericity"] + 0.8 * values["invasion"]
    assert LOGISTIC.risk(values) == pytest.approx(1 / (1 + math.exp(-linear)), rel=1e-12)


def test_a_cox_risk_at_the_centre_is_the_baselines() -> None:
    assert COX.risk_at(-2.0, 24) == pytest.approx(0.2)
    assert COX.risk_at(-2.0, 60) == pytest.approx(0.5)
    assert COX.risk_at(-2.0 + math.log(2), 60) == pytest.approx(0.75)


@pytest.mark.parametrize("equation", [LOGISTIC, COX], ids=["logistic", "cox"])
@given(st.floats(0.001, 0.999))
def test_risk_and_linear_predictor_are_inverse(equation: Equation, risk: float) -> None:
    assert equation.risk_at(equation.linear_at(risk)) == pytest.approx(risk, rel=1e-9)


@given(inside)
def test_points_add_up_to_the_linear_predictor(values: dict[str, float]) -> None:
    points = Points(LOGISTIC)
    added = sum(points.of(one, values[one.name]) for one in TERMS)
    assert added == pytest.approx(points.total(LOGISTIC.linear(values)), abs=1e-9)
    assert -1e-9 <= added <= points.most + 1e-9


def test_the_strongest_variable_spans_a_hundred_points() -> None:
    points = Points(LOGISTIC)
    spans = [points.of(one, one.high) + points.of(one, one.low) for one in TERMS]
    assert max(spans) == pytest.approx(100)


def test_the_risk_scale_of_the_figure_stands_where_the_points_say() -> None:
    model = Model(name="m", equation=LOGISTIC)
    outcome = OutcomeReport(name="er", kind="binary", models=(model,))
    drawing = draw_nomogram(outcome, model)
    assert drawing is not None
    axes = drawing.figure.axes[0]
    points = Points(LOGISTIC)
    for word in axes.texts:
        x, y = word.get_position()
        if y == pytest.approx(5 - 0.2) and word.get_text().startswith("0."):
            risk = float(word.get_text())
            assert x == pytest.approx(points.total(LOGISTIC.linear_at(risk)) * 100 / points.most)
    assert sum(word.get_text() == "0.5" for word in axes.texts) >= 1


@pytest.mark.parametrize("intercept", [-12.0, -0.35, 0.0, 5.0])
@pytest.mark.parametrize("weight", [1e-4, 0.02, 0.3])
def test_a_weak_model_has_a_risk_scale_too(intercept: float, weight: float) -> None:
    weak = Term(name="volume", coefficient=weight, low=0, high=1)
    equation = Equation(kind="logistic", intercept=intercept, terms=(weak,))
    drawing = draw_nomogram(
        OutcomeReport(name="er", kind="binary"), Model(name="m", equation=equation)
    )
    assert drawing is not None
    axes = drawing.figure.axes[0]
    risks = [word for word in axes.texts if word.get_position()[1] == pytest.approx(3 - 0.2)]
    (least, greatest) = (equation.risk_at(intercept + at) for at in (0, weight))
    if greatest - least < 1e-6:
        assert f"{least:.3g} throughout" in [word.get_text() for word in axes.texts]
    else:
        assert len(risks) > 1
    for word in risks:
        at = equation.intercept + weight * word.get_position()[0] / 100
        assert float(word.get_text()) == pytest.approx(equation.risk_at(at), rel=2e-4)


def test_long_names_of_a_nomogram_take_two_lines_and_stay_on_the_page() -> None:
    label = "Aspartate aminotransferase before the second ablation"
    terms = (AFP.model_copy(update={"label": label, "unit": "U/L"}), SPHERICITY)
    model = Model(name="m", equation=Equation(kind="logistic", terms=terms))
    drawing = draw_nomogram(OutcomeReport(name="er", kind="binary"), model)
    assert drawing is not None
    FigureCanvasAgg(drawing.figure).draw()  # type: ignore[no-untyped-call]
    boxes = [word.get_window_extent() for word in drawing.figure.axes[0].texts]
    assert min(box.x0 for box in boxes) >= 0
    assert any("\n" in word.get_text() for word in drawing.figure.axes[0].texts)


def test_a_scale_too_short_for_two_labels_names_its_far_end_beside_it() -> None:
    short = INVASION.model_copy(update={"coefficient": 0.06})
    model = Model(name="m", equation=Equation(kind="logistic", terms=(AFP, short)))
    drawing = draw_nomogram(OutcomeReport(name="er", kind="binary"), model)
    assert drawing is not None
    FigureCanvasAgg(drawing.figure).draw()  # type: ignore[no-untyped-call]
    box = {word.get_text(): word.get_window_extent() for word in drawing.figure.axes[0].texts}
    assert not box["absent"].overlaps(box["present"])
    assert box["present"].x0 > box["absent"].x0


def test_a_model_without_an_equation_has_no_nomogram() -> None:
    outcome = OutcomeReport(name="er", kind="binary")
    assert draw_nomogram(outcome, Model(name="m")) is None
    flat = Equation(kind="logistic", terms=(AFP.model_copy(update={"coefficient": 0.0}),))
    assert draw_nomogram(outcome, Model(name="m", equation=flat)) is None


def test_a_cox_equation_without_a_baseline_is_refused() -> None:
    with pytest.raises(ValidationError, match="baseline"):
        Equation(kind="cox", terms=TERMS)


def test_a_constant_column_is_refused() -> None:
    with pytest.raises(ValidationError, match="range"):
        Term(name="x", coefficient=1.0, low=2.0, high=2.0)


def test_higher_values_of_a_harmful_variable_never_lower_the_risk() -> None:
    grid = np.linspace(AFP.low, AFP.high, 20)
    risks = [COX.risk({"AFP": x, "sphericity": 0.6, "invasion": 1.0}, 60) for x in grid]
    assert np.all(np.diff(risks) > 0)
