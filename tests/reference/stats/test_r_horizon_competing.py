# SPDX-License-Identifier: Apache-2.0
"""Accuracy at a horizon under competing risks, against R's riskRegression."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hepacast.stats.horizon import auc_at, brier_at, compare_at
from hepacast.stats.horizon_competing import auc_at_competing, brier_at_competing


@pytest.fixture
def stored(from_r: Any) -> Any:
    return from_r("horizon_competing")


@pytest.mark.parametrize("cohort", ["exact", "tied"])
@pytest.mark.parametrize("column", range(3))
def test_auc_and_brier_score_agree_with_risk_regression(
    stored: Any, close: Any, cohort: str, column: int
) -> None:
    data, values = stored
    time, cause, expected = data[cohort], data["cause"], values[cohort]
    when, n = float(data["at"][column]), len(data["cause"])
    for model in "ab":
        risk = np.array(data[model])[:, column]
        area = auc_at_competing(risk, time, cause, when)
        score = brier_at_competing(risk, time, cause, when)
        assert area.estimate == close(expected[f"auc_{model}"][column])
        assert score.estimate == close(expected[f"brier_{model}"][column])
        # R divides by n - 1, expands the censoring to first order, and takes tied times as one.
        scale = np.sqrt((n - 1) / n)
        rel = 1e-4 if cohort == "exact" else 0.01
        assert area.se == close(expected[f"se_{model}"][column] * scale, rel=rel)
        assert score.se == close(expected[f"bse_{model}"][column] * scale, rel=rel)


@pytest.mark.parametrize("controls", ["others", "event-free"])
def test_without_competing_events_nothing_is_new(stored: Any, controls: Any) -> None:
    data, _ = stored
    time, event = np.array(data["tied"]), np.array(data["cause"]) == 1
    risk = np.array(data["a"])[:, 1]
    one = auc_at_competing(risk, time, event.astype(int), 6.0, controls=controls)
    other = auc_at(risk, time, event, 6.0)
    assert (one.estimate, one.se) == (other.estimate, other.se)
    assert compare_at(one, other).p == 1.0
    score = brier_at_competing(risk, time, event.astype(int), 6.0)
    assert score.se == brier_at(risk, time, event, 6.0).se


def test_controls_are_all_others_or_only_those_without_any_event() -> None:
    time, cause = np.array([1.0, 2, 3, 4, 5, 6]), np.array([1, 2, 1, 0, 0, 0])
    risk = np.array([5.0, 6, 4, 3, 4.5, 1])
    # Cases 5 and 4; others 6, 3, 4.5, 1 (nobody is censored by 3): 5 of 8 pairs in order.
    assert auc_at_competing(risk, time, cause, 3.0).estimate == 5 / 8
    # Without the competing event at 2: 5 of 6.
    event_free = auc_at_competing(risk, time, cause, 3.0, controls="event-free")
    assert event_free.estimate == pytest.approx(5 / 6)
