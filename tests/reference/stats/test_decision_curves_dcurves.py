# SPDX-License-Identifier: Apache-2.0
"""Decision curves against dcurves, and against their definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hepacast.core.errors import NotEstimableError
from hepacast.stats.benefit import (
    decision_curve,
    decision_curve_competing,
    decision_curve_survival,
)
from hepacast.stats.competing import cumulative_incidence


@pytest.fixture
def cohort() -> dict[str, Any]:
    rng = np.random.default_rng(5)
    risk = np.round(rng.uniform(0.05, 0.95, 300), 2)
    time = rng.exponential(-2 / np.log1p(-risk))
    limit = rng.uniform(0.5, 6, 300)
    return {
        "risk": risk,
        "time": np.round(np.minimum(time, limit) + 0.01, 2),
        "event": (time <= limit).astype(int),
        "binary": (rng.uniform(size=300) < risk).astype(int),
    }


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
def test_net_benefit_agrees_with_dcurves(cohort: dict[str, Any]) -> None:
    dcurves = pytest.importorskip("dcurves")
    pandas = pytest.importorskip("pandas")
    thresholds = np.arange(0.05, 0.91, 0.05)
    frame = pandas.DataFrame(cohort)
    for survival in (False, True):
        extra = {"time": 2.0, "time_to_outcome_col": "time"} if survival else {}
        outcome = "event" if survival else "binary"
        table = dcurves.dca(
            data=frame, outcome=outcome, modelnames=["risk"], thresholds=thresholds, **extra
        )
        mine = (
            decision_curve_survival(
                cohort["risk"], cohort["time"], cohort["event"], 2.0, thresholds
            )
            if survival
            else decision_curve(cohort["risk"], cohort["binary"], thresholds)
        )
        for name, values in (("risk", mine.model), ("all", mine.treat_all)):
            theirs = table[table["model"] == name].sort_values("threshold")["net_benefit"]
            assert values == pytest.approx(theirs.to_numpy(), rel=1e-8, abs=1e-10)


def test_standardised_benefit_of_a_perfect_model_is_one(cohort: dict[str, Any]) -> None:
    perfect = decision_curve(cohort["binary"] * 0.98 + 0.01, cohort["binary"], [0.1, 0.5, 0.9])
    assert perfect.standardised == pytest.approx(np.ones(3))
    assert perfect.interventions_avoided[1] == pytest.approx(
        100 * (1 - cohort["binary"].mean()), rel=1e-9
    )
    assert perfect.useful_range() == (0.1, 0.9)


def test_a_useless_model_says_so(cohort: dict[str, Any]) -> None:
    curve = decision_curve(np.full(300, 0.3), cohort["binary"], [0.1, 0.2])
    with pytest.raises(NotEstimableError):
        curve.useful_range()
    assert curve.sentence().startswith("The model had no net benefit")


def test_competing_events_are_no_censoring(cohort: dict[str, Any]) -> None:
    rng = np.random.default_rng(6)
    cause = np.where(cohort["event"] == 1, rng.integers(1, 3, 300), 0)
    curve = decision_curve_competing(cohort["risk"], cohort["time"], cause, 2.0, [0.4])
    chosen = cohort["risk"] >= 0.4
    hit = cumulative_incidence(cohort["time"][chosen], cause[chosen]).at(2.0)[0]
    assert curve.model[0] == pytest.approx(chosen.mean() * (hit - (1 - hit) * 0.4 / 0.6))
    naive = decision_curve_survival(cohort["risk"], cohort["time"], cause == 1, 2.0, [0.4])
    assert naive.model[0] > curve.model[0]


def test_without_competing_events_the_curve_is_that_of_survival(cohort: dict[str, Any]) -> None:
    one = decision_curve_competing(cohort["risk"], cohort["time"], cohort["event"], 2.0)
    other = decision_curve_survival(cohort["risk"], cohort["time"], cohort["event"], 2.0)
    assert one.model == pytest.approx(other.model)
