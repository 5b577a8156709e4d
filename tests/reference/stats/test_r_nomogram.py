# SPDX-License-Identifier: Apache-2.0
"""Points of nomograms against rms::nomogram."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hepacast.stats.cox import fit_cox
from hepacast.stats.nomogram import nomogram_cox, nomogram_logistic
from hepacast.stats.regression import fit_logistic


@pytest.fixture
def stored(from_r: Any) -> Any:
    return from_r("nomogram")


def test_points_of_a_logistic_model_agree_with_rms(stored: Any, close: Any) -> None:
    data, values = stored
    names = ["age", "lwt", "smoke", "ht"]
    X = np.column_stack([data[name] for name in names]).astype(float)
    fit = fit_logistic(X, data["low"], names)
    ticks = {"age": [15, 25, 35, 45], "lwt": [80, 150, 250], "smoke": [0, 1], "ht": [0, 1]}
    chart = nomogram_logistic(fit, ticks)
    for axis in chart.axes:
        assert axis.points == close(values["logistic"][axis.name], rel=1e-6)
    case = {"age": 30.0, "lwt": 120.0, "smoke": 1.0, "ht": 0.0}
    linear = chart.base + chart.points_of(case) / chart.points_per_unit
    assert linear == close(fit.linear([[30.0, 120.0, 1.0, 0.0]])[0])
    risk = chart.outcomes[0]
    assert 1 / (1 + np.exp(-(chart.base + risk.points / chart.points_per_unit))) == close(
        risk.values
    )


def test_points_of_a_cox_model_agree_with_rms(stored: Any, close: Any) -> None:
    data, values = stored
    d = data["veteran"]
    X = np.column_stack([d["karno"], d["age"]]).astype(float)
    fit = fit_cox(X, d["time"], d["status"], ["karno", "age"])
    chart = nomogram_cox(fit, {"karno": [10, 50, 99], "age": [34, 50, 81]}, [100.0])
    for axis in chart.axes:
        assert axis.points == close(values["cox"][axis.name], rel=1e-6)
    points = chart.points_of({"karno": 60.0, "age": 65.0})
    risk = fit.risk_at([[60.0, 65.0]], 100.0)[0]
    marked = np.interp(points, chart.outcomes[0].points, chart.outcomes[0].values)
    assert marked == pytest.approx(risk, abs=0.02)
