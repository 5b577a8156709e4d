# SPDX-License-Identifier: Apache-2.0
"""The content of a report survives JSON and refuses what cannot be shown."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hepacast.report.content import (
    Estimate,
    Evaluation,
    FlowStep,
    Model,
    OutcomeReport,
    Picture,
    ReportContent,
    Roc,
    SurvivalCurve,
    Survivals,
    TableColumn,
    TableOne,
    TableRow,
    Truth,
)

numbers = st.none() | st.floats(allow_nan=False)


def test_the_whole_content_survives_json(content: ReportContent) -> None:
    text = content.model_dump_json()
    assert ReportContent.model_validate_json(text) == content
    assert ReportContent.model_validate_json(text).model_dump_json() == text
    json.loads(text, parse_constant=pytest.fail)


@given(st.lists(numbers, max_size=8))
def test_any_number_survives_json_exactly(values: list[float | None]) -> None:
    curve = SurvivalCurve(time_months=values)
    back = SurvivalCurve.model_validate_json(curve.model_dump_json())
    assert list(back.time_months) == values


def test_not_a_number_becomes_nothing() -> None:
    assert Estimate(value=float("nan")).value is None
    assert SurvivalCurve(time_months=np.array([1.0, np.nan])).time_months == (1.0, None)


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64])
def test_array_scalars_are_taken_as_numbers(kind: type) -> None:
    estimate = Estimate(value=kind(2), low=kind(1), high=kind(3))
    assert type(estimate.value) in {float, int}
    assert (estimate.value, estimate.low, estimate.high) == (2, 1, 3)


def test_an_interval_with_reversed_ends_is_refused() -> None:
    with pytest.raises(ValidationError, match="reversed direction of risk"):
        Estimate(value=0.7, low=0.8, high=0.6)


def test_a_flow_that_does_not_add_up_is_refused() -> None:
    with pytest.raises(ValidationError, match="60 - 0 = 58"):
        FlowStep(label="Patients", n_before=60, n_after=58)


def test_curves_with_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValidationError, match="one value per point"):
        Roc(false_positive=(0, 1), sensitivity=(0, 0.5, 1))
    with pytest.raises(ValidationError, match="numbers at risk"):
        Survivals(ticks_months=(0, 12), curves=(SurvivalCurve(label="a", at_risk=(3,)),))


def test_a_table_row_without_a_cell_per_column_is_refused() -> None:
    row = TableRow(variable="x", cells=("a", "b"))
    with pytest.raises(ValidationError, match="2 cells for 1 columns"):
        TableOne(columns=(TableColumn(label="all", n=3),), rows=(row,))


def test_only_png_files_are_pictures() -> None:
    with pytest.raises(ValidationError, match="PNG"):
        Picture(caption="a page", png=b"<svg onload=alert(1)>")
    with pytest.raises(ValidationError, match="PNG"):
        Picture(caption="not base64", png='x" onerror="alert(1)')


def test_two_models_of_one_name_are_refused() -> None:
    with pytest.raises(ValidationError, match="own name"):
        OutcomeReport(name="er", kind="binary", models=(Model(name="a"), Model(name="a")))


def test_a_misspelt_field_is_an_error() -> None:
    with pytest.raises(ValidationError, match="lower"):
        Estimate.model_validate({"value": 1.0, "lower": 0.5})


@pytest.mark.parametrize(("low", "high", "covered"), [(0.6, 0.8, True), (0.75, 0.8, False)])
def test_truth_says_whether_the_interval_holds_it(
    low: float, high: float, *, covered: bool
) -> None:
    found = Estimate(value=0.77, low=low, high=high)
    assert Truth(name="AUC", true=0.74, estimate=found).covered is covered


def test_the_apparent_value_never_leads() -> None:
    apparent = Evaluation(cohort="all", scope="apparent", n=9, events=3)
    outside = Evaluation(cohort="b", scope="external", n=5, events=2)
    assert Model(name="a", evaluations=(apparent,)).honest is None
    assert Model(name="a", evaluations=(apparent, outside)).honest is outside
