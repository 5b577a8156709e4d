# SPDX-License-Identifier: Apache-2.0
"""Accuracy at a horizon against R's riskRegression and pec."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hepacast.stats.horizon import auc_at, brier_at, compare_at
from hepacast.stats.prediction_error import prediction_error
from hepacast.stats.risk_table import risk_table


@pytest.fixture
def stored(from_r: Any) -> Any:
    return from_r("horizon")


@pytest.mark.parametrize("cohort", ["exact", "tied"])
@pytest.mark.parametrize("column", range(3))
def test_auc_and_brier_score_agree_with_risk_regression(
    stored: Any, close: Any, cohort: str, column: int
) -> None:
    data, values = stored
    d, expected, when = data[cohort], values[cohort], float(data["at"][column])
    for model in ("1", "2"):
        risk = np.array(data[f"r{model}"])[:, column]
        area = auc_at(risk, d["time"], d["event"], when)
        score = brier_at(risk, d["time"], d["event"], when)
        assert area.estimate == close(expected[f"auc{model}"][column])
        assert score.estimate == close(expected[f"brier{model}"][column])
        # R expands the censoring curve to first order only, and treats tied times as one; ours is
        # the exact derivative (see the test below).  They differ by terms of order 1/n.
        assert area.se == close(expected[f"se{model}"][column], rel=0.02)
        assert score.se == close(
            expected[f"bse{model}"][column], rel=0.02 if cohort == "exact" else 0.12
        )


@pytest.mark.parametrize("column", range(3))
def test_the_difference_of_two_models_agrees(stored: Any, close: Any, column: int) -> None:
    data, values = stored
    d, expected, when = data["exact"], values["exact"], float(data["at"][column])
    pair = [np.array(data[name])[:, column] for name in ("r1", "r2")]
    gap = compare_at(*(auc_at(risk, d["time"], d["event"], when) for risk in pair))
    assert gap.difference == close(expected["diff"][column])
    assert gap.se == close(expected["diff_se"][column], rel=0.02)
    error = compare_at(*(brier_at(risk, d["time"], d["event"], when) for risk in pair))
    assert error.se == close(expected["bdiff_se"][column], rel=0.03)


def test_prediction_error_curve_and_its_integral_agree_with_pec(stored: Any, close: Any) -> None:
    data, values = stored
    d, expected = data["exact"], values["pec"]
    curve = prediction_error(1 - np.array(data["surv"]), d["time"], d["event"], data["grid"])
    assert curve.error == close(expected["error"])
    assert curve.reference == close(expected["reference"])
    assert [curve.integrated_reference, curve.integrated] == close(expected["ibs"])


@pytest.mark.parametrize("cohort", ["exact", "tied"])
def test_the_influence_is_the_derivative_of_the_weighted_estimate(stored: Any, cohort: str) -> None:
    data, _ = stored
    time, event = np.array(data[cohort]["time"], float), np.array(data[cohort]["event"]) == 1
    risk, when, n = np.array(data["r1"])[:, 1], 8.0, len(data[cohort]["time"])

    def weighted(multiplicity: Any) -> float:
        table = risk_table(time, event, multiplicity)
        exposed = table.at_risk - table.events
        share = np.where(exposed > 1e-12, table.censored / np.maximum(exposed, 1e-12), 0.0)
        curve = np.concatenate([[1.0], np.cumprod(1 - share)])
        own = curve[np.searchsorted(table.times, time, side="left")]
        at = curve[np.searchsorted(table.times, when, side="right")]
        squared = event * (time <= when) * (1 - risk) ** 2 / own + (time > when) * risk**2 / at
        return float((multiplicity * squared).sum() / multiplicity.sum())

    step = 1e-6 * np.eye(n)
    derivative = [(weighted(1 + row) - weighted(1 - row)) / 2e-6 for row in step]
    assert brier_at(risk, time, event, when).influence == pytest.approx(
        np.array(derivative), abs=1e-9
    )
