# SPDX-License-Identifier: Apache-2.0
"""Predicted risks and calibration curves with their limits, against R's survival."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hepacast.core.errors import NotEstimableError, TableError
from hepacast.stats.calibration_survival import smooth_band, smooth_observed
from hepacast.stats.cox import fit_cox
from hepacast.stats.cox_curve import predicted_risk


@pytest.fixture
def stored(from_r: Any) -> Any:
    return from_r("cox_curve")


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_risks_and_limits_agree_with_survfit(stored: Any, close: Any, ties: Any) -> None:
    data, values = stored
    d, expected = data["cohort"], values[ties]
    X = np.column_stack([d["x"], d["z"]]).astype(float)
    fit = fit_cox(X, d["time"], d["event"], ties=ties)
    new = np.column_stack([data["x"], data["z"]])
    for row, when in enumerate(data["when"]):
        found = predicted_risk(fit, X, (d["time"], d["event"]), new, when)
        for part in ("risk", "low", "high"):
            assert getattr(found, part) == close(expected[part][row])


def test_the_smooth_calibration_curve_and_its_band_agree_with_survfit(
    stored: Any, close: Any
) -> None:
    data, values = stored
    d, expected = data["cohort"], values["smooth"]
    arguments = (data["probability"], d["time"], d["event"], 8.0, data["at"])
    band = smooth_band(*arguments)
    assert band.observed == close(expected["observed"])
    assert band.low == close(expected["low"])
    assert band.high == close(expected["high"])
    assert smooth_observed(*arguments) == close(band.observed)


def test_limits_need_one_baseline_and_an_event_before_the_time(stored: Any) -> None:
    data, _ = stored
    d = data["cohort"]
    X, follow_up = np.array(d["x"], float), (d["time"], d["event"])
    with pytest.raises(NotEstimableError):
        predicted_risk(fit_cox(X, *follow_up), X, follow_up, X, 0.5)
    with pytest.raises(TableError, match="strata"):
        predicted_risk(fit_cox(X, *follow_up, strata=d["z"]), X, follow_up, X, 8.0)
