# SPDX-License-Identifier: Apache-2.0
"""Matching and interaction against R's MatchIt and survival."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hepacast.core.errors import NotEstimableError
from hepacast.stats.matching import landmark, match_propensity, treatment_by_class

COLUMNS = ("age", "educ", "married", "nodegree", "re74", "re75")


@pytest.fixture
def stored(from_r: Any) -> Any:
    return from_r("matching")


def test_pairs_within_a_caliper_and_balance_agree_with_r(stored: Any, close: Any) -> None:
    data, values = stored
    d, expected = data["lalonde"], values["logit"]
    X = np.column_stack([d[name] for name in COLUMNS]).astype(float)
    result = match_propensity(X, d["treat"], caliper=0.2)
    theirs = dict(zip(expected["treated"], expected["control"], strict=True))
    assert dict(zip(result.treated.tolist(), result.control.tolist(), strict=True)) == theirs
    # MatchIt divides binary covariates by sqrt(p (1 - p)) instead of the sample deviation.
    treated = np.array(d["treat"]) == 1
    share = X[treated].mean(axis=0)
    binary = np.array([name in {"married", "nodegree"} for name in COLUMNS])
    scale = np.where(
        binary, X[treated].std(axis=0, ddof=1) / np.sqrt(np.abs(share * (1 - share))), 1
    )
    assert result.before * scale == close(expected["before"])
    assert np.abs(result.after).max() < np.abs(result.before).max()


def test_treatment_by_class_agrees_with_coxph(stored: Any, close: Any) -> None:
    data, values = stored
    d, expected = data["cohort"], values["interaction"]
    result = treatment_by_class(d["z"], d["group"], d["time"], d["event"])
    assert result.test.statistic == close(expected["chisq"])
    assert result.ratio == close(expected["hr"])
    assert result.low == close(expected["low"])
    assert result.high == close(expected["high"])


def test_a_landmark_takes_away_the_advantage_of_having_lived_to_be_treated() -> None:
    rng = np.random.default_rng(12)
    time = rng.exponential(10, 4000)
    chance = rng.uniform(0, 20, 4000)
    exposed_at = np.where(chance < time, chance, np.inf)
    naive = time[np.isfinite(exposed_at)].mean() / time[~np.isfinite(exposed_at)].mean()
    cohort = landmark(time, np.ones(4000), exposed_at, 5.0)
    fair = cohort.time[cohort.exposed].mean() / cohort.time[~cohort.exposed].mean()
    assert naive > 1.8
    assert fair == pytest.approx(1.0, abs=0.08)
    with pytest.raises(NotEstimableError):
        landmark(time, np.ones(4000), exposed_at, 1e6)
