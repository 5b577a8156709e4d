# SPDX-License-Identifier: Apache-2.0
"""Bootstrap intervals, pooling and optimism against R's boot, mice and survival."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hepacast.stats.concordance import harrell_c
from hepacast.stats.cox import CoxFit, fit_cox
from hepacast.stats.imputation import pool
from hepacast.stats.resampling import bootstrap_interval, optimism


@pytest.fixture
def stored(from_r: Any) -> Any:
    return from_r("resampling")


@pytest.mark.parametrize(
    ("kind", "key"),
    [("normal", "norm"), ("basic", "basic"), ("percentile", "perc"), ("bca", "bca")],
)
def test_intervals_agree_with_boot_ci(stored: Any, close: Any, kind: Any, key: str) -> None:
    data, values = stored
    limits = bootstrap_interval(data["t0"], data["t"], kind=kind, influence=data["L"])
    assert limits == close(values[key])


@pytest.mark.parametrize(("key", "df"), [("rubin", np.inf), ("rubin120", 114.0)])
def test_pooling_agrees_with_mice(stored: Any, close: Any, key: str, df: float) -> None:
    data, values = stored
    result, expected = pool(data["q"], data["u"], complete_df=df), values[key]
    assert result.estimate[0] == close(expected["estimate"])
    assert result.within[0] == close(expected["within"])
    assert result.between[0] == close(expected["between"])
    assert result.se[0] == close(expected["se"])
    assert result.df[0] == close(expected["df"])
    assert result.missing_information[0] == close(expected["fmi"])


def test_optimism_agrees_with_the_same_resamples_in_r(stored: Any, close: Any) -> None:
    data, values = stored
    d = data["cohort"]
    X = np.column_stack([d["x"], d["z"]]).astype(float)
    time, event = np.array(d["time"], float), np.array(d["event"]) == 1

    def fit(rows: Any) -> CoxFit:
        return fit_cox(X[rows], time[rows], event[rows])

    def score(model: CoxFit, rows: Any) -> float:
        return harrell_c(np.round(model.linear(X[rows]), 12), time[rows], event[rows]).estimate

    result = optimism(fit, score, np.array(data["rows"]))
    found = [result.apparent, result.optimism, result.corrected]
    assert found == close(values["optimism"], rel=1e-7)
